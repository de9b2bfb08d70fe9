#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
#![warn(clippy::std_instead_of_core, clippy::std_instead_of_alloc, clippy::alloc_instead_of_core)]
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;
// The derived conversions name it.
#[cfg(feature = "postgres")]
extern crate std;

mod address;
#[cfg(feature = "audit")]
pub mod audit_log;
pub mod device_info;
mod error;
pub mod event_data;
mod hex;
pub mod icn;
mod ip_hash;
pub mod json;
mod key;
mod key_traits;
mod keyring;
mod master_key;
mod name_words;
mod nonce;
mod ring_session;
pub mod rows;
pub mod schema;
mod secrets;
mod stored_ip_hash;

pub use error::{
    AddressError, FingerprintError, IpHashError, JsonError, KeyError, OpenError, RandomError,
    RingError, SealError, Suspicion, TimestampError,
};
pub use ip_hash::{parse_address, CanonicalAddress, IpHash};
pub use key::{opened_len, Key, KEY_LEN, OVERHEAD, TAG_LEN};
pub use keyring::{KeyRing, UserRing, MAX_KEYS};
pub use master_key::{Fingerprint, MasterKey};
pub use nonce::{Nonce, NoncePool, RandomSource, NONCE_LEN};
pub use ring_session::{Reseal, RingSession};
#[cfg(feature = "getrandom")]
pub use rows::random_uuids;
pub use rows::{AuthAudit, Json, Sealed, Session, Timestamp, User, VaToken};
pub use stored_ip_hash::{IpHashing, StoredIpHash};
pub use uuid::Uuid;
