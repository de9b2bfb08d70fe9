//! Hashes of addresses, plain and keyed.

use pgrx::pg_extern;
use vetassist_core::IpHash;

use crate::{
    errors::{Answer, Explain},
    keyring::with_ring,
    settings,
    values::InetArg,
};

/// SHA-256 over the canonical text of an address, as 64 lower-case hexadecimal digits.
#[pg_extern(immutable, strict, parallel_safe, sql = false)]
fn vetassist_hash_ip(ip: InetArg) -> Answer<String> {
    Ok(IpHash::of(ip.host()?).as_str().to_owned())
}

/// The hash of an address under a key derived from the current master key.
#[pg_extern(stable, strict, parallel_safe, sql = false)]
fn vetassist_hash_ip_keyed(ip: InetArg) -> Answer<String> {
    let plain = IpHash::of(ip.host()?);
    Ok(with_ring(|loaded| Ok(loaded.ring.upgrade_ip_hash(&plain).as_str().to_owned()))?)
}

/// Makes a keyed hash of a plain one.
#[pg_extern(stable, strict, parallel_safe, sql = false)]
fn vetassist_upgrade_ip_hash(plain_hash: &str) -> Answer<String> {
    let plain: IpHash = plain_hash.parse().explain()?;
    Ok(with_ring(|loaded| Ok(loaded.ring.upgrade_ip_hash(&plain).as_str().to_owned()))?)
}

/// Whether new hashes of addresses are keyed.
#[pg_extern(stable, strict, parallel_safe, sql = false)]
fn vetassist_hashes_are_keyed() -> Answer<bool> {
    Ok(settings::ip_hash()? == settings::IpHashKind::keyed)
}

/// The plain hash of an address that is written as text. Unlike `inet`'s, its error does not quote it.
#[pg_extern(immutable, strict, parallel_safe, sql = false)]
fn vetassist_hash_ip_text(address: &str) -> Answer<String> {
    Ok(IpHash::of_text(address).explain()?.as_str().to_owned())
}
