//! Descriptions of the devices of sessions, with addresses replaced by hashes.

use pgrx::{pg_extern, pg_sys};
use vetassist_core::device_info;

use super::ip_hash::Hasher;
use crate::{
    errors::SqlResult,
    statements::{connected, Statements},
    values::{Jsonb, Text},
};

/// Returns the description of a device with each address in it replaced by its hash. Registers the keyed hashes.
#[pg_extern(volatile, strict, parallel_unsafe, sql = false)]
fn vetassist_hash_device_ips(
    node: Jsonb<'_>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> SqlResult<Jsonb<'static>> {
    let device = node.to_value("device_info")?;
    let mut hasher = Hasher::default();
    let device = device_info::hash_addresses(device, &mut |address| hasher.hash(address))?;
    connected(|client| hasher.register(Statements::of(fcinfo, client)?, client))?;
    Ok(Jsonb::from_value(&device)?)
}

/// Returns whether a member of this name holds the address of a device. Versions before 0.3.0 call it.
#[pg_extern(immutable, strict, parallel_safe, sql = false)]
fn vetassist_names_address(name: Text<'_>) -> SqlResult<bool> {
    Ok(device_info::names_address(&name.to_readable()?))
}
