//! Data keys.

use alloc::boxed::Box;

use vetassist_core::{Key, KEY_LEN, OVERHEAD};
use zeroize::Zeroize;

use crate::{
    engine::{run, Engine, Entry},
    status::Status,
};

/// Returns a handle to the key of the 32 staged bytes, and wipes these.
#[no_mangle]
pub extern "C" fn key_new() -> i32 {
    run(|engine| {
        let bytes = engine.stage.first_chunk_mut::<KEY_LEN>().ok_or(Status::Bounds)?;
        let key = Box::new(Key::from_bytes(bytes));
        bytes.zeroize();
        Ok(engine.keep(Entry::Key(key)))
    })
}

/// Stages the key's bytes, for the runtime's own AES-GCM.
#[no_mangle]
pub extern "C" fn key_expose(handle: usize) -> i32 {
    run(|engine| {
        let (key, _, place) = key(engine, handle, 0, Some(KEY_LEN))?;
        place.copy_from_slice(key.expose_bytes());
        Ok(KEY_LEN)
    })
}

/// Seals in place. The staging buffer has `aad_len` bytes of AAD, room for a nonce, `len` bytes of plaintext
/// and room for a tag. Afterwards the sealed value follows the AAD.
#[no_mangle]
pub extern "C" fn key_seal(handle: usize, aad_len: usize, len: usize) -> i32 {
    run(|engine| {
        let nonce = engine.nonce()?;
        let (key, aad, body) = key(engine, handle, aad_len, len.checked_add(OVERHEAD))?;
        key.seal_in_place(nonce, aad, body)?;
        Ok(body.len())
    })
}

/// Opens in place. The staging buffer has `aad_len` bytes of AAD and `len` bytes of a sealed value. The
/// plaintext replaces the ciphertext.
#[no_mangle]
pub extern "C" fn key_open(handle: usize, aad_len: usize, len: usize) -> i32 {
    run(|engine| {
        let (key, aad, body) = key(engine, handle, aad_len, Some(len))?;
        Ok(key.open_in_place(aad, body)?.len())
    })
}

fn key(
    engine: &mut Engine,
    handle: usize,
    aad_len: usize,
    len: Option<usize>,
) -> Result<(&Key, &[u8], &mut [u8]), Status> {
    match engine.entry(handle, aad_len, len)? {
        (Entry::Key(key), aad, body) => Ok((key, aad, body)),
        _ => Err(Status::Bounds),
    }
}
