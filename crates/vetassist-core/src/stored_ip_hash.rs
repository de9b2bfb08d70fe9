//! The stored form of an address.

use core::net::IpAddr;

use crate::{ip_hash::IpHash, keyring::KeyRing};

/// The way in which addresses are hashed before they are stored.
#[derive(Clone, Copy, Debug)]
pub enum IpHashing<'a> {
    /// By SHA-256 alone.
    Sha256,
    /// By a key that is derived from the current key of a ring.
    Keyed(&'a KeyRing),
}

impl IpHashing<'_> {
    /// Hashes an address as it is to be stored.
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

/// The hash of an address as it is stored.
///
/// A keyed hash looks like a plain one. So each keyed one is also to be stored in a table of
/// those that are, in the same transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredIpHash {
    /// The hash.
    pub hash: IpHash,
    /// True if it is keyed.
    pub is_keyed: bool,
}
