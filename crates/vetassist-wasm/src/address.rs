//! Hashes of IP addresses.

use core::str;

use vetassist_core::IpHash;

use crate::{
    engine::{run, Engine},
    status::Status,
};

/// Stages the plain hash of the staged address, which has `len` characters.
#[no_mangle]
pub extern "C" fn hash_ip(len: usize) -> i32 {
    run(|engine| {
        let hash = plain_hash(engine, len)?;
        engine.put(hash.as_str().as_bytes())
    })
}

/// Stages the keyed hash of the staged address, which has `len` characters, under a master key or the
/// current key of a ring.
#[no_mangle]
pub extern "C" fn hash_ip_keyed(handle: usize, len: usize) -> i32 {
    run(|engine| {
        let plain = plain_hash(engine, len)?;
        upgrade(engine, handle, &plain)
    })
}

/// Stages the keyed hash for the staged plain hash, which has `len` characters.
#[no_mangle]
pub extern "C" fn upgrade_ip_hash(handle: usize, len: usize) -> i32 {
    run(|engine| {
        let text = str::from_utf8(engine.staged(len)?).map_err(|_| Status::IpHash)?;
        let plain = text.parse().map_err(|_| Status::IpHash)?;
        upgrade(engine, handle, &plain)
    })
}

fn plain_hash(engine: &mut Engine, len: usize) -> Result<IpHash, Status> {
    let text = str::from_utf8(engine.staged(len)?).map_err(|_| Status::Address)?;
    IpHash::of_text(text).map_err(|_| Status::Address)
}

fn upgrade(engine: &mut Engine, handle: usize, plain: &IpHash) -> Result<usize, Status> {
    let keyed = engine.masters(handle)?[0].upgrade_ip_hash(plain);
    engine.put(keyed.as_str().as_bytes())
}
