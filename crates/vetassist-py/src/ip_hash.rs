//! Hashes of IP addresses.

use pyo3::prelude::*;
use vetassist_core::IpHash;

use crate::{
    arguments::{plain_hash, with_text},
    errors::Refused,
    master_key::Given,
};

/// Returns the plain hash of an IP address: 64 hexadecimal digits.
///
/// All spellings of an address have the same hash, and an IPv4-mapped IPv6 address has the hash of its IPv4 address. The
/// address must be the address of one host: no port, no zone, no prefix, no blanks, no list.
#[pyfunction]
#[pyo3(signature = (address, /))]
pub(crate) fn hash_ip(address: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(plain_hash(address)?.to_string())
}

/// Returns the hash of an IP address under a master key, or under the current key of a ring.
#[pyfunction]
pub(crate) fn hash_ip_keyed(
    address: &Bound<'_, PyAny>,
    master_key: &Bound<'_, PyAny>,
) -> PyResult<String> {
    let plain = plain_hash(address)?;
    Ok(Given::of(master_key)?.upgrade_ip_hash(&plain).to_string())
}

/// Returns the keyed hash for a stored plain hash.
#[pyfunction]
pub(crate) fn upgrade_ip_hash(
    plain_hash: &Bound<'_, PyAny>,
    master_key: &Bound<'_, PyAny>,
) -> PyResult<String> {
    let plain = with_text(plain_hash, "plain_hash", |text| {
        text.parse::<IpHash>().map_err(|refused| refused.raised(plain_hash.py()))
    })?;
    Ok(Given::of(master_key)?.upgrade_ip_hash(&plain).to_string())
}
