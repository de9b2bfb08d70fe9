//! Fields, the parts of entries, and commitments to values.

use alloc::{string::String, vec::Vec};
use core::str;

use sha2::{Digest, Sha256};

use super::{
    error::EntryError,
    tree::{Hash, HASH_LEN},
};

/// Length of a salt in bytes.
pub const SALT_LEN: usize = 16;

/// Random bytes, drawn for each value, so that nobody can guess the value of a commitment.
pub type Salt = [u8; SALT_LEN];

/// The longest value that a commitment can be made for: 16 MB of text.
pub const MAX_VALUE_LEN: usize = 16 << 20;

const VALUE: &[u8] = b"vetassist value v1\0";
const NULL: u8 = 0;
const PRESENT: u8 = 1;

/// Returns the commitment to a value, or to NULL.
///
/// # Errors
/// [`EntryError::TooLong`] above [`MAX_VALUE_LEN`].
pub fn commit(salt: &Salt, value: Option<&str>) -> Result<Hash, EntryError> {
    let hash = Sha256::new_with_prefix(VALUE).chain_update(salt);
    let hash = match value {
        None => hash.chain_update([NULL]),
        Some(value) if value.len() <= MAX_VALUE_LEN => {
            let len = u32::try_from(value.len()).map_err(|_| EntryError::TooLong)?;
            hash.chain_update([PRESENT]).chain_update(len.to_be_bytes()).chain_update(value)
        }
        Some(_) => return Err(EntryError::TooLong),
    };
    Ok(Hash::from(<[u8; HASH_LEN]>::from(hash.finalize())))
}

/// Appends fields to some bytes.
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    /// Appends a field that may be NULL.
    pub(super) fn nullable(&mut self, value: Option<&[u8]>) -> Result<(), EntryError> {
        match value {
            None => self.0.push(NULL),
            Some(value) => {
                let len = u32::try_from(value.len()).map_err(|_| EntryError::TooLong)?;
                self.0.push(PRESENT);
                self.0.extend_from_slice(&len.to_be_bytes());
                self.0.extend_from_slice(value);
            }
        }
        Ok(())
    }

    /// Appends a text, or the digits of a number.
    pub(super) fn text(&mut self, text: &str) -> Result<(), EntryError> {
        self.nullable(Some(text.as_bytes()))
    }

    /// Appends a hash.
    pub(super) fn hash(&mut self, hash: &Hash) -> Result<(), EntryError> {
        self.nullable(Some(hash.as_bytes()))
    }
}

/// Reads fields from the beginning of some bytes.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    /// Reads a field that may be NULL.
    pub(super) fn nullable(&mut self) -> Result<Option<&'a [u8]>, EntryError> {
        let (marker, rest) = self.0.split_first().ok_or(EntryError::Truncated)?;
        match *marker {
            NULL => {
                self.0 = rest;
                Ok(None)
            }
            PRESENT => {
                let (len, rest) = rest.split_first_chunk().ok_or(EntryError::Truncated)?;
                let len =
                    usize::try_from(u32::from_be_bytes(*len)).map_err(|_| EntryError::Truncated)?;
                let (value, rest) = rest.split_at_checked(len).ok_or(EntryError::Truncated)?;
                self.0 = rest;
                Ok(Some(value))
            }
            _ => Err(EntryError::Marker),
        }
    }

    /// Reads a text that may be NULL.
    pub(super) fn nullable_text(&mut self) -> Result<Option<&'a str>, EntryError> {
        self.nullable()?.map(str::from_utf8).transpose().map_err(|_| EntryError::NotUtf8)
    }

    /// Reads a text.
    pub(super) fn text(&mut self) -> Result<&'a str, EntryError> {
        self.nullable_text()?.ok_or(EntryError::Null)
    }

    /// Reads a text and returns a copy.
    pub(super) fn string(&mut self) -> Result<String, EntryError> {
        self.text().map(Into::into)
    }

    /// Reads a hash.
    pub(super) fn hash(&mut self) -> Result<Hash, EntryError> {
        let bytes = self.nullable()?.ok_or(EntryError::Null)?;
        Hash::try_from(bytes).map_err(|_| EntryError::HashLength)
    }

    /// Checks that no bytes are left.
    pub(super) fn end(self) -> Result<(), EntryError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(EntryError::TrailingBytes)
        }
    }
}
