//! Nonces: 96 random bits, each used once.

use core::fmt;

use crate::error::RandomError;

/// Length of a nonce in bytes.
pub const NONCE_LEN: usize = 12;

/// The number of nonces that a [`NoncePool`] draws at a time.
const BLOCK: usize = 64;

/// A nonce for one seal. It cannot be cloned, and sealing consumes it.
pub struct Nonce([u8; NONCE_LEN]);

impl Nonce {
    /// Draws a nonce from the operating system's generator.
    ///
    /// # Errors
    /// [`RandomError`] if the generator fails.
    #[cfg(feature = "getrandom")]
    pub fn random() -> Result<Self, RandomError> {
        let mut bytes = [0; NONCE_LEN];
        os_random(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Returns a nonce with these bytes.
    ///
    /// Caution: if a nonce seals twice under one key, an attacker learns the XOR of the plaintexts and can
    /// forge sealed values. Use this only to reproduce published test vectors.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; NONCE_LEN]) -> Self {
        Self(bytes)
    }

    /// Returns the nonce's bytes. They are not secret: a sealed value begins with them.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; NONCE_LEN] {
        &self.0
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nonce").finish_non_exhaustive()
    }
}

/// Fills a buffer with random bytes, or fails.
pub type RandomSource = fn(&mut [u8]) -> Result<(), RandomError>;

#[cfg(feature = "getrandom")]
pub(crate) fn os_random(bytes: &mut [u8]) -> Result<(), RandomError> {
    getrandom::fill(bytes).map_err(|_| RandomError)
}

/// Nonces that are drawn from the random source in blocks, so that not every seal makes a system call.
///
/// A forked process inherits the block of its parent and must not use it, because two values would then be
/// sealed under one nonce. So the caller passes an *epoch* to each draw, a number that differs between a
/// process and its children. The pool discards a block that was drawn in another epoch.
///
/// Pass a counter that the child's handler of `pthread_atfork` increments. Do not pass the process id: a
/// child in a new PID namespace may have the same id as its parent, and the system reuses ids.
pub struct NoncePool {
    source: RandomSource,
    block: [[u8; NONCE_LEN]; BLOCK],
    used: usize,
    epoch: u64,
}

impl NoncePool {
    /// Returns an empty pool that will draw from the operating system's generator.
    #[cfg(feature = "getrandom")]
    #[must_use]
    pub const fn new() -> Self {
        Self::with_source(os_random)
    }

    /// Returns an empty pool that will draw from `source`, which must be cryptographically secure.
    #[must_use]
    pub const fn with_source(source: RandomSource) -> Self {
        Self { source, block: [[0; NONCE_LEN]; BLOCK], used: BLOCK, epoch: 0 }
    }

    /// Returns the next nonce. The pool returns each nonce only once.
    ///
    /// # Errors
    /// [`RandomError`] if the source fails. Bytes of a failed draw are never used.
    pub fn draw(&mut self, epoch: u64) -> Result<Nonce, RandomError> {
        if self.used >= BLOCK || self.epoch != epoch {
            self.used = BLOCK;
            (self.source)(self.block.as_flattened_mut())?;
            self.epoch = epoch;
            self.used = 0;
        }
        let nonce = Nonce(self.block[self.used]);
        self.used += 1;
        Ok(nonce)
    }
}

#[cfg(feature = "getrandom")]
impl Default for NoncePool {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for NoncePool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NoncePool").finish_non_exhaustive()
    }
}
