//! A key ring with the derived keys of a user and a supply of nonces.

use core::fmt;

use uuid::Uuid;
use zeroize::{Zeroize, ZeroizeOnDrop};

#[cfg(feature = "getrandom")]
use crate::error::RingError;
use crate::{
    error::{OpenError, SealError},
    ip_hash::IpHash,
    key::{opened_len, Key, TAG_LEN},
    keyring::{KeyRing, UserKeys},
    nonce::{NoncePool, RandomSource, NONCE_LEN},
};

/// A [`KeyRing`] with the derived keys of the last user, and nonces.
///
/// Rows of one user often follow each other, so the user's keys are kept until another user is served.
/// All secrets are inline, so the owner of a session in locked memory has all of them there. They are wiped
/// when the session is dropped.
///
/// Methods that seal take an *epoch*, a counter of forks, see [`NoncePool`].
pub struct RingSession {
    ring: KeyRing,
    user: UserKeys,
    nonces: NoncePool,
}

/// The result of rotating a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reseal {
    /// The current key had sealed the token. There is nothing to store.
    Current,
    /// The token was sealed again, under the current key.
    Resealed,
    /// No key of the ring opens the token for this user.
    Unopened,
}

impl RingSession {
    /// Creates a session of a ring, with nonces from the operating system's generator.
    #[cfg(feature = "getrandom")]
    #[must_use]
    pub const fn new(ring: KeyRing) -> Self {
        Self { ring, user: UserKeys::new(Uuid::nil()), nonces: NoncePool::new() }
    }

    /// Creates a session of a ring, with nonces from `source`, which must be cryptographically secure.
    #[must_use]
    pub const fn with_source(ring: KeyRing, source: RandomSource) -> Self {
        Self { ring, user: UserKeys::new(Uuid::nil()), nonces: NoncePool::with_source(source) }
    }

    /// Reads a ring from text into `place`, as [`KeyRing::parse`] does. It first wipes the ring that is there.
    /// After an error the session has no ring, see [`has_ring`](Self::has_ring).
    ///
    /// If `place` has a session, the ring is read into it, and the session is not moved. So no copy of a key
    /// is left on the stack.
    ///
    /// If a fork has wiped the memory of `place` (`MADV_WIPEONFORK`), it has no valid value. Overwrite it with
    /// `None` before it is used, without dropping the old value.
    ///
    /// # Errors
    /// As [`KeyRing::parse`].
    #[cfg(feature = "getrandom")]
    pub fn read_into<'a>(
        place: &'a mut Option<Self>,
        text: &[u8],
    ) -> Result<&'a mut Self, RingError> {
        let session = place.get_or_insert_with(|| Self::new(KeyRing::empty()));
        session.clear();
        session.ring.read(text)?;
        Ok(session)
    }

    /// Wipes the ring and the keys that were derived from it. The session has no ring until another is read.
    pub fn clear(&mut self) {
        self.user.clear();
        self.ring.clear();
    }

    /// Returns whether the session has a ring. A session has none after [`clear`](Self::clear), and after
    /// reading a ring failed; then it must not be used.
    #[must_use]
    pub fn has_ring(&self) -> bool {
        !self.ring.keys().is_empty()
    }

    /// Returns the ring.
    #[must_use]
    pub const fn ring(&self) -> &KeyRing {
        &self.ring
    }

    /// Returns a user's key under the master key at this position of the ring, if there is one, for callers
    /// that use another implementation of AES-256-GCM.
    pub fn user_key(&mut self, user_id: Uuid, position: usize) -> Option<&Key> {
        let is_there = position < self.ring.keys().len();
        is_there.then(|| self.user.of(user_id).at(&self.ring, position))
    }

    /// Seals a user's token into a buffer of exactly [`OVERHEAD`](crate::OVERHEAD) bytes more than the
    /// token.
    ///
    /// # Errors
    /// As [`Key::seal_into`](crate::Key::seal_into), and [`SealError::Random`].
    #[inline]
    pub fn seal_token_into(
        &mut self,
        user_id: Uuid,
        token: &[u8],
        sealed: &mut [u8],
        epoch: u64,
    ) -> Result<(), SealError> {
        let nonce = self.nonces.draw(epoch)?;
        self.user.of(user_id).current(&self.ring).seal_into(nonce, token, b"", sealed)
    }

    /// Seals a user's token in place: `buffer` has room for the nonce, then the token, then room for
    /// the tag, and holds the sealed value afterwards.
    ///
    /// # Errors
    /// As [`Key::seal_in_place`](crate::Key::seal_in_place), and [`SealError::Random`].
    #[inline]
    pub fn seal_token_in_place(
        &mut self,
        user_id: Uuid,
        buffer: &mut [u8],
        epoch: u64,
    ) -> Result<(), SealError> {
        let nonce = self.nonces.draw(epoch)?;
        self.user.of(user_id).current(&self.ring).seal_in_place(nonce, b"", buffer)
    }

    /// Opens a user's token into a buffer of exactly [`OVERHEAD`](crate::OVERHEAD) bytes less than the
    /// sealed value. Returns the position in the ring, from 0, of the key that sealed it.
    ///
    /// # Errors
    /// As [`Key::open_into`](crate::Key::open_into).
    #[inline]
    pub fn open_token_into(
        &mut self,
        user_id: Uuid,
        sealed: &[u8],
        token: &mut [u8],
    ) -> Result<usize, OpenError> {
        self.user.of(user_id).find(&self.ring, |key| key.open_into(sealed, b"", token))
    }

    /// Opens a user's token in place: `buffer` holds the sealed value, and the token replaces its
    /// ciphertext. Returns the position in the ring, from 0, of the key that sealed it.
    ///
    /// # Errors
    /// As [`Key::open_in_place`](crate::Key::open_in_place).
    #[inline]
    pub fn open_token_in_place(
        &mut self,
        user_id: Uuid,
        buffer: &mut [u8],
    ) -> Result<usize, OpenError> {
        self.user.of(user_id).find(&self.ring, |key| key.open_in_place(b"", buffer).map(|_| ()))
    }

    /// Returns the position in the ring, from 0, of the key that sealed a user's token, or `None` if no key
    /// of the ring opens it. `scratch` must be as long as the token; it is wiped.
    ///
    /// # Errors
    /// [`OpenError::BufferLength`].
    pub fn token_key(
        &mut self,
        user_id: Uuid,
        sealed: &[u8],
        scratch: &mut [u8],
    ) -> Result<Option<usize>, OpenError> {
        let found = self.open_token_into(user_id, sealed, scratch);
        scratch.zeroize();
        match found {
            Ok(position) => Ok(Some(position)),
            Err(OpenError::Refused | OpenError::TooShort(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Rotates a user's token: opens it once, with the key of the ring that sealed it, and seals it again if
    /// that is not the current key. `resealed` must be as long as `sealed`. It contains the new value after
    /// [`Reseal::Resealed`], and zeros otherwise.
    ///
    /// # Errors
    /// [`SealError::BufferLength`], [`SealError::Random`].
    pub fn reseal_token_into(
        &mut self,
        user_id: Uuid,
        sealed: &[u8],
        resealed: &mut [u8],
        epoch: u64,
    ) -> Result<Reseal, SealError> {
        if resealed.len() != sealed.len() {
            return Err(SealError::BufferLength);
        }
        let outcome = self.reseal(user_id, sealed, resealed, epoch);
        if outcome != Ok(Reseal::Resealed) {
            resealed.zeroize();
        }
        outcome
    }

    fn reseal(
        &mut self,
        user_id: Uuid,
        sealed: &[u8],
        resealed: &mut [u8],
        epoch: u64,
    ) -> Result<Reseal, SealError> {
        let Ok(len) = opened_len(sealed) else { return Ok(Reseal::Unopened) };
        debug_assert_eq!(len + NONCE_LEN + TAG_LEN, resealed.len());
        match self.open_token_into(user_id, sealed, &mut resealed[NONCE_LEN..NONCE_LEN + len]) {
            Ok(0) => Ok(Reseal::Current),
            Ok(_) => self.seal_token_in_place(user_id, resealed, epoch).map(|()| Reseal::Resealed),
            Err(_) => Ok(Reseal::Unopened),
        }
    }

    /// Returns the keyed hash of a plain IP hash, under the current key.
    #[must_use]
    pub fn upgrade_ip_hash(&self, plain: &IpHash) -> IpHash {
        self.ring.upgrade_ip_hash(plain)
    }
}

// The ring and the keys wipe themselves. Nonces are not secret.
impl ZeroizeOnDrop for RingSession {}

impl fmt::Debug for RingSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RingSession").field("ring", &self.ring).finish_non_exhaustive()
    }
}
