//! A data key: seals and opens.

use alloc::{string::String, vec, vec::Vec};

use aes_gcm::{
    aead::{consts::U12, inout::InOutBuf, AeadInOut},
    aes::Aes256Enc,
    AesGcm, KeyInit,
};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::{
    error::{OpenError, SealError},
    nonce::{Nonce, NONCE_LEN},
};

/// Length of a key in bytes.
pub const KEY_LEN: usize = 32;
/// Length of the authentication tag in bytes.
pub const TAG_LEN: usize = 16;
/// The number of bytes that a sealed value is longer than its plaintext: nonce and tag.
pub const OVERHEAD: usize = NONCE_LEN + TAG_LEN;

/// An AES-256-GCM key.
///
/// It is wiped when dropped, compares in constant time and never prints itself. It holds its secrets
/// inline, so that its owner chooses the memory for them. Moving it leaves a copy behind, so put it into
/// its final place first.
pub struct Key {
    bytes: Zeroizing<[u8; KEY_LEN]>,
    // Round keys and GHASH key. It wipes itself.
    cipher: Cipher,
}

/// AES-256-GCM, with the round keys of encryption only. Counter mode never decrypts a block, and half of the
/// key schedule takes half the time.
type Cipher = AesGcm<Aes256Enc, U12>;

impl Key {
    /// Draws a new key from the operating system's generator.
    ///
    /// # Errors
    /// [`RandomError`](crate::RandomError) if the generator fails.
    #[cfg(feature = "getrandom")]
    pub fn generate() -> Result<Self, crate::error::RandomError> {
        let mut bytes = Zeroizing::new([0; KEY_LEN]);
        crate::nonce::os_random(&mut *bytes)?;
        Ok(Self::from_bytes(&bytes))
    }

    /// Returns the key with these bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; KEY_LEN]) -> Self {
        Self { bytes: Zeroizing::new(*bytes), cipher: Cipher::new(bytes.into()) }
    }

    /// Returns the key's bytes, which are secret.
    #[must_use]
    pub fn expose_bytes(&self) -> &[u8; KEY_LEN] {
        &self.bytes
    }

    /// Seals under a nonce from the operating system's generator.
    ///
    /// # Errors
    /// [`SealError::Random`] if the generator fails, [`SealError::TooLong`] past AES-GCM's limit.
    #[cfg(feature = "getrandom")]
    pub fn seal(&self, plaintext: &[u8], aad: &[u8]) -> Result<Vec<u8>, SealError> {
        self.seal_with(Nonce::random()?, plaintext, aad)
    }

    /// Seals under a nonce that the caller drew, for example from a [`NoncePool`](crate::NoncePool).
    ///
    /// # Errors
    /// [`SealError::TooLong`] past AES-GCM's limit.
    pub fn seal_with(
        &self,
        nonce: Nonce,
        plaintext: &[u8],
        aad: &[u8],
    ) -> Result<Vec<u8>, SealError> {
        let mut sealed = vec![0; plaintext.len() + OVERHEAD];
        self.seal_into(nonce, plaintext, aad, &mut sealed)?;
        Ok(sealed)
    }

    /// Seals into a buffer of exactly [`OVERHEAD`] bytes more than the plaintext.
    ///
    /// # Errors
    /// [`SealError::BufferLength`], [`SealError::TooLong`]; the buffer then contains no secret.
    // The nonce is passed by value, because it must be used only once.
    #[allow(clippy::needless_pass_by_value)]
    pub fn seal_into(
        &self,
        nonce: Nonce,
        plaintext: &[u8],
        aad: &[u8],
        sealed: &mut [u8],
    ) -> Result<(), SealError> {
        if sealed.len().checked_sub(OVERHEAD) != Some(plaintext.len()) {
            return Err(SealError::BufferLength);
        }
        let (head, rest) = sealed.split_at_mut(NONCE_LEN);
        let (body, tail) = rest.split_at_mut(plaintext.len());
        let buffer = InOutBuf::new(plaintext, body).map_err(|_| SealError::BufferLength)?;
        self.seal_parts(&nonce, aad, head, buffer, tail)
    }

    /// Seals in place: `buffer` has room for the nonce, then the plaintext, then room for the tag, and
    /// holds the sealed value afterwards.
    ///
    /// # Errors
    /// As [`seal_into`](Self::seal_into).
    #[allow(clippy::needless_pass_by_value)]
    pub fn seal_in_place(
        &self,
        nonce: Nonce,
        aad: &[u8],
        buffer: &mut [u8],
    ) -> Result<(), SealError> {
        let (head, rest) = buffer.split_at_mut_checked(NONCE_LEN).ok_or(SealError::BufferLength)?;
        let body_len = rest.len().checked_sub(TAG_LEN).ok_or(SealError::BufferLength)?;
        let (body, tail) = rest.split_at_mut(body_len);
        self.seal_parts(&nonce, aad, head, body.into(), tail)
    }

    fn seal_parts(
        &self,
        nonce: &Nonce,
        aad: &[u8],
        head: &mut [u8],
        body: InOutBuf<'_, '_, u8>,
        tail: &mut [u8],
    ) -> Result<(), SealError> {
        head.copy_from_slice(nonce.as_bytes());
        let tag = self
            .cipher
            .encrypt_inout_detached(nonce.as_bytes().into(), aad, body)
            .map_err(|_| SealError::TooLong)?;
        tail.copy_from_slice(&tag);
        Ok(())
    }

    /// Opens a sealed value.
    ///
    /// # Errors
    /// [`OpenError::TooShort`] below [`OVERHEAD`] bytes, [`OpenError::Refused`] if the tag does not
    /// verify. No byte of the plaintext is computed before the tag is verified.
    pub fn open(&self, sealed: &[u8], aad: &[u8]) -> Result<Vec<u8>, OpenError> {
        let mut plaintext = vec![0; opened_len(sealed)?];
        self.open_into(sealed, aad, &mut plaintext)?;
        Ok(plaintext)
    }

    /// Opens a sealed value that holds text.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`OpenError::NotUtf8`].
    pub fn open_text(&self, sealed: &[u8], aad: &[u8]) -> Result<String, OpenError> {
        into_text(self.open(sealed, aad)?)
    }

    /// Opens into a buffer of exactly [`OVERHEAD`] bytes less than the sealed value, see
    /// [`opened_len`].
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`OpenError::BufferLength`]; the buffer is then unchanged.
    pub fn open_into(
        &self,
        sealed: &[u8],
        aad: &[u8],
        plaintext: &mut [u8],
    ) -> Result<(), OpenError> {
        if plaintext.len() != opened_len(sealed)? {
            return Err(OpenError::BufferLength);
        }
        let too_short = OpenError::TooShort(sealed.len());
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(too_short)?;
        let (body, tag) = rest.split_last_chunk::<TAG_LEN>().ok_or(too_short)?;
        let buffer = InOutBuf::new(body, plaintext).map_err(|_| OpenError::BufferLength)?;
        self.open_parts(nonce, aad, buffer, tag)
    }

    /// Opens in place: `buffer` holds a sealed value, and the plaintext replaces its ciphertext. Returns
    /// the slice of the plaintext.
    ///
    /// # Errors
    /// As [`open`](Self::open); the buffer is then unchanged.
    pub fn open_in_place<'a>(
        &self,
        aad: &[u8],
        buffer: &'a mut [u8],
    ) -> Result<&'a mut [u8], OpenError> {
        let too_short = OpenError::TooShort(buffer.len());
        let (nonce, rest) = buffer.split_first_chunk_mut::<NONCE_LEN>().ok_or(too_short)?;
        let (body, tag) = rest.split_last_chunk_mut::<TAG_LEN>().ok_or(too_short)?;
        self.open_parts(nonce, aad, InOutBuf::from(&mut *body), tag)?;
        Ok(body)
    }

    fn open_parts(
        &self,
        nonce: &[u8; NONCE_LEN],
        aad: &[u8],
        body: InOutBuf<'_, '_, u8>,
        tag: &[u8; TAG_LEN],
    ) -> Result<(), OpenError> {
        self.cipher
            .decrypt_inout_detached(nonce.into(), aad, body, tag.into())
            .map_err(|_| OpenError::Refused)
    }
}

/// Returns the length of the plaintext of a sealed value.
///
/// # Errors
/// [`OpenError::TooShort`] below [`OVERHEAD`] bytes.
pub fn opened_len(sealed: &[u8]) -> Result<usize, OpenError> {
    sealed.len().checked_sub(OVERHEAD).ok_or(OpenError::TooShort(sealed.len()))
}

pub(crate) fn into_text(bytes: Vec<u8>) -> Result<String, OpenError> {
    String::from_utf8(bytes).map_err(|error| {
        // The error owns the opened bytes, so they are wiped here.
        drop(Zeroizing::new(error.into_bytes()));
        OpenError::NotUtf8
    })
}

// Both parts wipe themselves when dropped. The compiler checks that this stays so.
impl ZeroizeOnDrop for Key {}
const _: () = {
    const fn wiped<T: ZeroizeOnDrop>() {}
    wiped::<Zeroizing<[u8; KEY_LEN]>>();
    wiped::<Cipher>();
};

crate::key_traits::key_traits!(Key);
