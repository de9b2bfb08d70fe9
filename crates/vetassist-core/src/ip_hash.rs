//! Hashes of IP addresses. All spellings of an address have the same hash.

use core::{
    fmt::{self, Write},
    net::IpAddr,
    str::{self, FromStr},
};

use sha2::{Digest, Sha256};

use crate::{
    error::{AddressError, IpHashError},
    hex,
};

const HASH_LEN: usize = 64;

/// The hash of an IP address: 64 lower-case hexadecimal digits.
///
/// A plain hash is SHA-256 over the canonical text of an address.
/// [`MasterKey::upgrade_ip_hash`](crate::MasterKey::upgrade_ip_hash) makes a keyed hash from a plain one.
/// The two look alike, so store which hashes are keyed: see [`StoredIpHash`](crate::StoredIpHash).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IpHash([u8; HASH_LEN]);

impl IpHash {
    /// Hashes an address. An IPv4-mapped IPv6 address is its IPv4 address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        let text = CanonicalAddress::from(address);
        Self::encode(&Sha256::digest(text.as_str()).into())
    }

    /// Reads an address and hashes it.
    ///
    /// # Errors
    /// [`AddressError`] for anything but the address of one host: a port, a zone, a prefix, a name,
    /// a blank, leading zeros.
    pub fn of_text(address: &str) -> Result<Self, AddressError> {
        Ok(Self::of(parse_address(address)?))
    }

    pub(crate) fn encode(hash: &[u8; HASH_LEN / 2]) -> Self {
        Self(hex::encode(hash))
    }

    /// Returns the digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        hex::as_str(&self.0)
    }
}

/// Reads the address of one host: dotted quad, or IPv6 in any of the spellings of RFC 4291.
///
/// # Errors
/// [`AddressError`] for anything else.
pub fn parse_address(text: &str) -> Result<IpAddr, AddressError> {
    text.parse().map_err(|_| AddressError)
}

impl FromStr for IpHash {
    type Err = IpHashError;

    fn from_str(text: &str) -> Result<Self, IpHashError> {
        hex::parse(text).map(Self).ok_or(IpHashError)
    }
}

impl fmt::Display for IpHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for IpHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IpHash({self})")
    }
}

/// The canonical text of an address, which is hashed: dotted quad for IPv4 and IPv4-mapped IPv6,
/// RFC 5952 for all other IPv6.
#[derive(Clone, Copy)]
pub struct CanonicalAddress {
    // The longest text has eight groups of four digits and seven colons.
    text: [u8; 39],
    len: usize,
}

impl CanonicalAddress {
    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.text[..self.len]).unwrap_or_default()
    }
}

impl From<IpAddr> for CanonicalAddress {
    fn from(address: IpAddr) -> Self {
        let mut text = Self { text: [0; 39], len: 0 };
        // `core` writes IPv6 as RFC 5952 demands, except IPv4-mapped addresses, which
        // `to_canonical` has converted to IPv4.
        let written = write!(text, "{}", address.to_canonical());
        debug_assert!(written.is_ok(), "no address is longer than 39 characters");
        text
    }
}

impl Write for CanonicalAddress {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let end = self.len + part.len();
        self.text.get_mut(self.len..end).ok_or(fmt::Error)?.copy_from_slice(part.as_bytes());
        self.len = end;
        Ok(())
    }
}

impl fmt::Debug for CanonicalAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Logs must not contain addresses.
        f.debug_struct("CanonicalAddress").finish_non_exhaustive()
    }
}
