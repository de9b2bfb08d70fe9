#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
#![warn(clippy::std_instead_of_core, clippy::std_instead_of_alloc, clippy::alloc_instead_of_core)]
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;

mod error;
mod ip;
mod key;
mod master;
pub mod metadata;
mod nonce;
mod ring;
pub mod schema;

pub use error::{
    AddressError, IpHashError, KeyError, OpenError, RandomError, RingError, SealError,
};
pub use ip::{parse_address, CanonicalAddress, IpHash};
pub use key::{opened_len, Key, KEY_LEN, OVERHEAD, TAG_LEN};
pub use master::{Fingerprint, MasterKey};
pub use metadata::Suspicion;
pub use nonce::{Nonce, NoncePool, RandomSource, NONCE_LEN};
pub use ring::{KeyRing, UserRing, MAX_KEYS};
pub use uuid::Uuid;
