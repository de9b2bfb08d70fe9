//! The sealed value of a column.

use alloc::vec::Vec;
use core::{fmt, ops::Deref};

use crate::{error::OpenError, key::opened_len};

/// Bytes that are long enough to be a sealed value: nonce, ciphertext and tag. They were not opened yet, so they
/// may not be valid.
///
/// It dereferences to a slice of bytes, so pass it to functions such as
/// [`UserRing::open_token`](crate::UserRing::open_token).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// Returns the bytes, which are not secret.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the bytes.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

impl TryFrom<Vec<u8>> for Sealed {
    type Error = OpenError;

    /// Fails with [`OpenError::TooShort`] below [`OVERHEAD`](crate::OVERHEAD) bytes.
    fn try_from(bytes: Vec<u8>) -> Result<Self, OpenError> {
        opened_len(&bytes)?;
        Ok(Self(bytes))
    }
}

impl TryFrom<&[u8]> for Sealed {
    type Error = OpenError;

    /// Fails with [`OpenError::TooShort`] below [`OVERHEAD`](crate::OVERHEAD) bytes.
    fn try_from(bytes: &[u8]) -> Result<Self, OpenError> {
        opened_len(bytes)?;
        Ok(Self(bytes.into()))
    }
}

impl From<Sealed> for Vec<u8> {
    fn from(sealed: Sealed) -> Self {
        sealed.0
    }
}

impl Deref for Sealed {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Sealed {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}
