//! The stored hash of an address.

use core::net::IpAddr;

use crate::{ip_hash::IpHash, keyring::KeyRing};

/// The method by which addresses are hashed before they are stored.
#[derive(Clone, Copy, Debug)]
pub enum IpHashing<'a> {
    /// SHA-256, without a key.
    Sha256,
    /// HMAC-SHA-256, with a key that is derived from the current key of a ring.
    Keyed(&'a KeyRing),
}

impl IpHashing<'_> {
    /// Hashes an address for storing.
    #[must_use]
    pub fn hash(self, address: IpAddr) -> StoredIpHash {
        let plain = IpHash::of(address);
        match self {
            Self::Sha256 => StoredIpHash { hash: plain, is_keyed: false },
            Self::Keyed(ring) => {
                StoredIpHash { hash: ring.upgrade_ip_hash(&plain), is_keyed: true }
            }
        }
    }
}

/// The stored hash of an address.
///
/// A keyed hash looks like a plain one. So store each keyed hash also in the table of keyed hashes, in the
/// same transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredIpHash {
    /// The hash.
    pub hash: IpHash,
    /// True if it is keyed.
    pub is_keyed: bool,
}
