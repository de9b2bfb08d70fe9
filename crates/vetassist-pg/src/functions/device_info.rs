//! Device descriptions of sessions, without the addresses in them.

use pgrx::{pg_extern, pg_sys};
use vetassist_core::{device_info, json::Value, IpHash};

use super::ip_hash::Hasher;
use crate::{
    errors::SqlResult,
    statements::{connected, Statements},
    values::{Jsonb, Text},
};

/// Returns a device's description with each address in it replaced by its hash, and remembers which are keyed.
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

/// Returns whether a member of this name describes a device's address. Version 0.2.0 calls it.
#[pg_extern(immutable, strict, parallel_safe, sql = false)]
fn vetassist_names_address(name: Text<'_>) -> SqlResult<bool> {
    // What is expected to be an address and is none is left out.
    let member = (name.to_readable()?.into_owned(), Value::String("none".to_owned()));
    let object = Value::<u64>::Object(vec![member]);
    let hashed = device_info::hash_addresses(object, &mut |address| {
        Ok::<_, core::convert::Infallible>(IpHash::of(address))
    });
    let Ok(hashed) = hashed;
    Ok(hashed == Value::Object(Vec::new()))
}
