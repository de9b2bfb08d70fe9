#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
#![warn(clippy::std_instead_of_core, clippy::std_instead_of_alloc, clippy::alloc_instead_of_core)]
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;
// What the derived conversions name.
#[cfg(feature = "postgres")]
extern crate std;

#[cfg(feature = "audit")]
pub mod audit_log;
mod error;
mod hex;
mod ip;
mod key;
mod master;
pub mod metadata;
mod nonce;
mod ring;
pub mod rows;
pub mod schema;

pub use error::{
    AddressError, FingerprintError, IpHashError, KeyError, OpenError, RandomError, RingError,
    SealError, TimestampError,
};
pub use ip::{parse_address, CanonicalAddress, IpHash};
pub use key::{opened_len, Key, KEY_LEN, OVERHEAD, TAG_LEN};
pub use master::{Fingerprint, MasterKey};
pub use metadata::Suspicion;
pub use nonce::{Nonce, NoncePool, RandomSource, NONCE_LEN};
pub use ring::{KeyRing, UserRing, MAX_KEYS};
#[cfg(feature = "getrandom")]
pub use rows::random_uuids;
pub use rows::{AuthAudit, Json, Sealed, Session, Timestamp, User, VaToken};
pub use uuid::Uuid;
