//! A key ring: the current master key, and the older ones that still open.

use alloc::{string::String, sync::Arc, vec, vec::Vec};
use core::fmt;

use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    error::{OpenError, RingError, SealError},
    ip::IpHash,
    key::{into_text, opened_len, Key, KEY_LEN, OVERHEAD},
    master::MasterKey,
    nonce::Nonce,
};

/// How many keys a ring may hold.
pub const MAX_KEYS: usize = 16;

/// Up to [`MAX_KEYS`] master keys, newest first: the first seals, all of them open.
///
/// Clones share the keys, which are wiped when the last clone goes.
#[derive(Clone)]
pub struct KeyRing(Arc<[MasterKey]>);

impl KeyRing {
    /// A ring of these keys, newest first.
    ///
    /// # Errors
    /// [`RingError::Empty`], [`RingError::TooManyKeys`], or [`RingError::Repeated`] with positions.
    pub fn new(keys: Vec<MasterKey>) -> Result<Self, RingError> {
        let mut builder = Builder::default();
        for (index, key) in keys.into_iter().enumerate() {
            builder.add(index + 1, key)?;
        }
        builder.finish()
    }

    /// Reads a ring from text: one key of 64 hexadecimal digits a line, newest first. Blank lines,
    /// white space around a key and comments that begin with `#` are passed over.
    ///
    /// # Errors
    /// [`RingError`], with the line and never its content.
    pub fn parse(text: &[u8]) -> Result<Self, RingError> {
        let mut builder = Builder::default();
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let line_number = index + 1;
            let code = line.split(|byte| *byte == b'#').next().unwrap_or_default();
            let digits = code.trim_ascii();
            if digits.is_empty() {
                continue;
            }
            let indent = code.len() - code.trim_ascii_start().len();
            builder.add(line_number, parse_key(digits, line_number, indent)?)?;
        }
        builder.finish()
    }

    /// The key that seals.
    #[must_use]
    pub fn current(&self) -> &MasterKey {
        &self.0[0]
    }

    /// All keys, the current one first.
    #[must_use]
    pub fn keys(&self) -> &[MasterKey] {
        &self.0
    }

    /// One user's view of the ring, which derives each key of that user at most once.
    #[must_use]
    pub fn user(&self, user_id: Uuid) -> UserRing {
        UserRing { ring: self.clone(), user_id, keys: [const { None }; MAX_KEYS], derived: 0 }
    }

    /// The keyed hash of a plain IP hash, under the current key.
    #[must_use]
    pub fn upgrade_ip_hash(&self, plain: &IpHash) -> IpHash {
        self.current().upgrade_ip_hash(plain)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(MasterKey::fingerprint)).finish()
    }
}

fn parse_key(digits: &[u8], line: usize, indent: usize) -> Result<MasterKey, RingError> {
    // A wrong character is reported before a wrong length: it is the likelier mistake in a line that
    // has both, and its place says more. Only hexadecimal digits take the constant-time way.
    if let Some(at) = digits.iter().position(|byte| !byte.is_ascii_hexdigit()) {
        return Err(RingError::NotHex { line, column: indent + at + 1 });
    }
    let mut bytes = Zeroizing::new([0; KEY_LEN]);
    match base16ct::mixed::decode(digits, &mut *bytes) {
        Ok(decoded) if decoded.len() == KEY_LEN => Ok(MasterKey::from_bytes(&bytes)),
        _ => Err(RingError::DigitCount { line, found: digits.len() }),
    }
}

#[derive(Default)]
struct Builder {
    keys: Vec<MasterKey>,
    places: Vec<usize>,
}

impl Builder {
    fn add(&mut self, place: usize, key: MasterKey) -> Result<(), RingError> {
        if let Some(earlier) = self.keys.iter().position(|other| *other == key) {
            return Err(RingError::Repeated { at: place, first: self.places[earlier] });
        }
        if self.keys.len() == MAX_KEYS {
            return Err(RingError::TooManyKeys);
        }
        self.keys.push(key);
        self.places.push(place);
        Ok(())
    }

    fn finish(self) -> Result<KeyRing, RingError> {
        if self.keys.is_empty() {
            return Err(RingError::Empty);
        }
        Ok(KeyRing(self.keys.into()))
    }
}

/// A [`KeyRing`] as one user's tokens see it: that user's key under each master key, derived when
/// first needed and kept.
pub struct UserRing {
    ring: KeyRing,
    user_id: Uuid,
    keys: [Option<Key>; MAX_KEYS],
    derived: usize,
}

impl UserRing {
    /// The user whose keys these are.
    #[must_use]
    pub fn user_id(&self) -> Uuid {
        self.user_id
    }

    /// How many keys were derived for the user so far.
    #[must_use]
    pub const fn derived(&self) -> usize {
        self.derived
    }

    fn key(&mut self, position: usize) -> &Key {
        self.keys[position].get_or_insert_with(|| {
            self.derived += 1;
            self.ring.0[position].derive_user_key(&self.user_id)
        })
    }

    /// Seals a token under a nonce from the operating system's generator.
    ///
    /// # Errors
    /// As [`Key::seal`].
    #[cfg(feature = "getrandom")]
    pub fn seal_token(&mut self, token: &str) -> Result<Vec<u8>, SealError> {
        self.key(0).seal(token.as_bytes(), b"")
    }

    /// Seals a token into a buffer of exactly [`OVERHEAD`] bytes more than the token.
    ///
    /// # Errors
    /// As [`Key::seal_into`].
    pub fn seal_token_into(
        &mut self,
        nonce: Nonce,
        token: &str,
        sealed: &mut [u8],
    ) -> Result<(), SealError> {
        self.seal_into(nonce, token.as_bytes(), sealed)
    }

    /// Seals a token's bytes, as they came out of [`open_token_into`](Self::open_token_into).
    ///
    /// # Errors
    /// As [`Key::seal_into`].
    pub fn seal_into(
        &mut self,
        nonce: Nonce,
        token: &[u8],
        sealed: &mut [u8],
    ) -> Result<(), SealError> {
        self.key(0).seal_into(nonce, token, b"", sealed)
    }

    /// Seals a token in place, see [`Key::seal_in_place`]. That the bytes between the room for the
    /// nonce and the room for the tag are UTF-8 is the caller's part.
    ///
    /// # Errors
    /// As [`Key::seal_in_place`].
    pub fn seal_token_in_place(
        &mut self,
        nonce: Nonce,
        buffer: &mut [u8],
    ) -> Result<(), SealError> {
        self.key(0).seal_in_place(nonce, b"", buffer)
    }

    /// Opens a token with whichever key of the ring sealed it, trying the newest first.
    ///
    /// # Errors
    /// As [`Key::open_text`]: [`OpenError::Refused`] if no key of the ring opens it for this user.
    pub fn open_token(&mut self, sealed: &[u8]) -> Result<String, OpenError> {
        let mut bytes = vec![0; opened_len(sealed)?];
        self.open_token_into(sealed, &mut bytes)?;
        into_text(bytes)
    }

    /// Opens a token's bytes into a buffer of exactly [`OVERHEAD`] bytes less than the sealed value,
    /// and says at which position of the ring, from 0, the key stands that sealed it.
    ///
    /// # Errors
    /// As [`Key::open_into`].
    pub fn open_token_into(&mut self, sealed: &[u8], token: &mut [u8]) -> Result<usize, OpenError> {
        for position in 0..self.ring.0.len() {
            match self.key(position).open_into(sealed, b"", token) {
                Err(OpenError::Refused) => {}
                other => return other.map(|()| position),
            }
        }
        Err(OpenError::Refused)
    }

    /// Opens a token's bytes in place, see [`Key::open_in_place`], and says at which position of the
    /// ring, from 0, the key stands that sealed it.
    ///
    /// # Errors
    /// As [`Key::open_in_place`].
    pub fn open_token_in_place(&mut self, buffer: &mut [u8]) -> Result<usize, OpenError> {
        for position in 0..self.ring.0.len() {
            match self.key(position).open_in_place(b"", buffer) {
                Err(OpenError::Refused) => {}
                other => return other.map(|_| position),
            }
        }
        Err(OpenError::Refused)
    }
}

impl fmt::Debug for UserRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserRing").field("user_id", &self.user_id).finish_non_exhaustive()
    }
}

const _: () = assert!(OVERHEAD == 28);
