//! A key ring: the current master key, and the older ones that still open.

#[cfg(feature = "getrandom")]
use alloc::vec::Vec;
use alloc::{string::String, vec};
use core::fmt;

use arrayvec::ArrayVec;
use uuid::Uuid;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::{
    error::{OpenError, RingError, SealError},
    ip_hash::IpHash,
    key::{into_text, opened_len, Key, KEY_LEN},
    master_key::MasterKey,
    nonce::Nonce,
};

/// The most keys that a ring may hold.
pub const MAX_KEYS: usize = 16;

/// Up to [`MAX_KEYS`] master keys, newest first: the first seals, all of them open.
///
/// The keys are inline and are wiped when the ring is dropped, see [`Key`].
pub struct KeyRing {
    // Never empty in a ring that a caller can see.
    keys: ArrayVec<MasterKey, MAX_KEYS>,
}

impl KeyRing {
    /// Creates a ring of these keys, newest first.
    ///
    /// # Errors
    /// [`RingError::Empty`], [`RingError::TooManyKeys`], or [`RingError::Repeated`] with positions.
    pub fn new(keys: impl IntoIterator<Item = MasterKey>) -> Result<Self, RingError> {
        let mut ring = Self::empty();
        let mut reader = Reader::new(&mut ring);
        for (index, key) in keys.into_iter().enumerate() {
            reader.check(index + 1, key.expose_bytes())?;
            reader.ring.keys.push(key);
        }
        reader.finish()?;
        Ok(ring)
    }

    /// Reads a ring from text: one key of 64 hexadecimal digits on each line, newest first. Blank lines,
    /// white space around a key and comments that begin with `#` are ignored.
    ///
    /// # Errors
    /// [`RingError`], with the number of the line and never its content.
    pub fn parse(text: &[u8]) -> Result<Self, RingError> {
        let mut ring = Self::empty();
        ring.read(text)?;
        Ok(ring)
    }

    /// Creates a ring without keys, for [`read`](Self::read).
    pub(crate) const fn empty() -> Self {
        Self { keys: ArrayVec::new_const() }
    }

    /// Reads a ring from text into this one, as [`parse`](Self::parse) does. After an error this ring is
    /// empty.
    pub(crate) fn read(&mut self, text: &[u8]) -> Result<(), RingError> {
        self.clear();
        let read = Reader::new(self).read(text);
        if read.is_err() {
            self.clear();
        }
        read
    }

    /// Wipes the keys. The caller must not show the empty ring to others.
    pub(crate) fn clear(&mut self) {
        self.keys.clear();
    }

    /// Returns the key that seals.
    #[must_use]
    pub fn current(&self) -> &MasterKey {
        &self.keys[0]
    }

    /// Returns all keys, the current one first.
    #[must_use]
    pub fn keys(&self) -> &[MasterKey] {
        &self.keys
    }

    /// Returns the ring for one user. It derives each key of that user at most once.
    #[must_use]
    pub fn user(&self, user_id: Uuid) -> UserRing<'_> {
        UserRing { ring: self, keys: UserKeys::new(user_id) }
    }

    /// Returns the keyed hash of a plain IP hash, under the current key.
    #[must_use]
    pub fn upgrade_ip_hash(&self, plain: &IpHash) -> IpHash {
        self.current().upgrade_ip_hash(plain)
    }
}

// Its keys wipe themselves.
impl ZeroizeOnDrop for KeyRing {}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(MasterKey::fingerprint)).finish()
    }
}

/// Fills a ring.
struct Reader<'a> {
    ring: &'a mut KeyRing,
    /// The line or the position of each key.
    places: ArrayVec<usize, MAX_KEYS>,
}

impl<'a> Reader<'a> {
    fn new(ring: &'a mut KeyRing) -> Self {
        Self { ring, places: ArrayVec::new_const() }
    }

    fn read(mut self, text: &[u8]) -> Result<(), RingError> {
        let mut bytes = Zeroizing::new([0; KEY_LEN]);
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let line_number = index + 1;
            let code = line.split(|byte| *byte == b'#').next().unwrap_or_default();
            let digits = code.trim_ascii();
            if digits.is_empty() {
                continue;
            }
            let indent = code.len() - code.trim_ascii_start().len();
            read_key(digits, line_number, indent, &mut bytes)?;
            self.check(line_number, &bytes)?;
            self.ring.keys.push(MasterKey::from_bytes(&bytes));
        }
        self.finish()
    }

    /// Checks that one more key is allowed, and that the ring does not have it yet.
    fn check(&mut self, place: usize, bytes: &[u8; KEY_LEN]) -> Result<(), RingError> {
        if let Some(earlier) = self.ring.keys.iter().position(|other| other.has_bytes(bytes)) {
            return Err(RingError::Repeated { at: place, first: self.places[earlier] });
        }
        self.places.try_push(place).map_err(|_| RingError::TooManyKeys)
    }

    fn finish(self) -> Result<(), RingError> {
        if self.places.is_empty() {
            return Err(RingError::Empty);
        }
        Ok(())
    }
}

fn read_key(
    digits: &[u8],
    line: usize,
    indent: usize,
    bytes: &mut [u8; KEY_LEN],
) -> Result<(), RingError> {
    // A wrong character is reported before a wrong length: it is the likelier mistake in a line that
    // has both, and its column helps more. Only hexadecimal digits are decoded in constant time.
    if let Some(at) = digits.iter().position(|byte| !byte.is_ascii_hexdigit()) {
        return Err(RingError::NotHex { line, column: indent + at + 1 });
    }
    match base16ct::mixed::decode(digits, bytes) {
        Ok(decoded) if decoded.len() == KEY_LEN => Ok(()),
        _ => Err(RingError::DigitCount { line, found: digits.len() }),
    }
}

/// One user's keys that were derived so far, in the order of the ring. Callers must always pass the same
/// ring.
pub(crate) struct UserKeys {
    user_id: Uuid,
    keys: ArrayVec<Key, MAX_KEYS>,
}

impl UserKeys {
    pub(crate) const fn new(user_id: Uuid) -> Self {
        Self { user_id, keys: ArrayVec::new_const() }
    }

    /// Changes to this user, and wipes the keys of another one.
    #[inline]
    pub(crate) fn of(&mut self, user_id: Uuid) -> &mut Self {
        if self.user_id != user_id {
            self.clear();
            self.user_id = user_id;
        }
        self
    }

    /// Wipes the keys.
    pub(crate) fn clear(&mut self) {
        self.keys.clear();
    }

    /// Returns the key that seals.
    #[inline]
    pub(crate) fn current(&mut self, ring: &KeyRing) -> &Key {
        self.at(ring, 0)
    }

    /// Returns the key at this position of the ring, which must exist.
    #[inline]
    pub(crate) fn at(&mut self, ring: &KeyRing, position: usize) -> &Key {
        // All keys before it are derived too, so that each is at its position.
        while self.keys.len() <= position {
            self.derive(&ring.keys[self.keys.len()]);
        }
        &self.keys[position]
    }

    #[cold]
    fn derive(&mut self, master: &MasterKey) {
        self.keys.push(master.derive_user_key(&self.user_id));
    }

    /// Tries each key, the newest first, and returns the position of the one that opens.
    #[inline]
    pub(crate) fn find(
        &mut self,
        ring: &KeyRing,
        mut open: impl FnMut(&Key) -> Result<(), OpenError>,
    ) -> Result<usize, OpenError> {
        for position in 0..ring.keys.len() {
            match open(self.at(ring, position)) {
                Err(OpenError::Refused) => {}
                other => return other.map(|()| position),
            }
        }
        Err(OpenError::Refused)
    }
}

// Its keys wipe themselves.
impl ZeroizeOnDrop for UserKeys {}

/// A [`KeyRing`] for the tokens of one user. It derives the user's key of each master key when it is first
/// needed, and keeps it.
pub struct UserRing<'a> {
    ring: &'a KeyRing,
    keys: UserKeys,
}

impl UserRing<'_> {
    /// Returns the user whose keys these are.
    #[must_use]
    pub fn user_id(&self) -> Uuid {
        self.keys.user_id
    }

    /// Seals a token under a nonce from the operating system's generator.
    ///
    /// # Errors
    /// As [`Key::seal`].
    #[cfg(feature = "getrandom")]
    pub fn seal_token(&mut self, token: &str) -> Result<Vec<u8>, SealError> {
        self.keys.current(self.ring).seal(token.as_bytes(), b"")
    }

    /// Seals a token into a buffer of exactly [`OVERHEAD`](crate::OVERHEAD) bytes more than the token.
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

    /// Seals the bytes of a token that [`open_token_into`](Self::open_token_into) opened.
    ///
    /// # Errors
    /// As [`Key::seal_into`].
    pub fn seal_into(
        &mut self,
        nonce: Nonce,
        token: &[u8],
        sealed: &mut [u8],
    ) -> Result<(), SealError> {
        self.keys.current(self.ring).seal_into(nonce, token, b"", sealed)
    }

    /// Opens a token with the key of the ring that sealed it. It tries the newest key first.
    ///
    /// # Errors
    /// As [`Key::open_text`]: [`OpenError::Refused`] if no key of the ring opens it for this user.
    pub fn open_token(&mut self, sealed: &[u8]) -> Result<String, OpenError> {
        let mut bytes = vec![0; opened_len(sealed)?];
        self.open_token_into(sealed, &mut bytes)?;
        into_text(bytes)
    }

    /// Opens a token's bytes into a buffer of exactly [`OVERHEAD`](crate::OVERHEAD) bytes less than the
    /// sealed value. Returns the position in the ring, from 0, of the key that sealed it.
    ///
    /// # Errors
    /// As [`Key::open_into`].
    pub fn open_token_into(&mut self, sealed: &[u8], token: &mut [u8]) -> Result<usize, OpenError> {
        self.keys.find(self.ring, |key| key.open_into(sealed, b"", token))
    }
}

impl fmt::Debug for UserRing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserRing").field("user_id", &self.user_id()).finish_non_exhaustive()
    }
}
