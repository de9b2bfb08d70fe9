//! Master keys and key rings.

use alloc::boxed::Box;
use core::str;

use vetassist_core::{KeyRing, MasterKey, RingError, RingSession, Uuid, KEY_LEN, OVERHEAD};
use zeroize::Zeroize;

use crate::{
    engine::{run, Engine, Entry, EPOCH},
    runtime::random,
    status::Status,
};

/// The length of a user id, which must be hyphenated text.
const UUID_LEN: usize = 36;

/// Returns a handle to the master key of the 32 staged bytes, and wipes these.
#[no_mangle]
pub extern "C" fn master_new() -> i32 {
    run(|engine| {
        let bytes = engine.stage.first_chunk_mut::<KEY_LEN>().ok_or(Status::Bounds)?;
        let key = Box::new(MasterKey::from_bytes(bytes));
        bytes.zeroize();
        Ok(engine.keep(Entry::Master(key)))
    })
}

/// Returns a handle to the master key of the 64 staged hexadecimal digits, and wipes these.
#[no_mangle]
pub extern "C" fn master_new_hex() -> i32 {
    run(|engine| {
        let digits = engine.staged(2 * KEY_LEN)?;
        let key =
            str::from_utf8(digits).ok().and_then(|hex| MasterKey::from_hex(hex).ok()).map(Box::new);
        digits.zeroize();
        Ok(engine.keep(Entry::Master(key.ok_or(Status::Key)?)))
    })
}

/// Stages the bytes of a master key, or of the key at this position of a ring, as key `index` of a new ring.
#[no_mangle]
pub extern "C" fn master_expose(handle: usize, position: usize, index: usize) -> i32 {
    run(|engine| {
        let (entry, _, place) = engine.entry(handle, keys_len(index)?, Some(KEY_LEN))?;
        let key = entry.masters()?.get(position).ok_or(Status::Bounds)?;
        place.copy_from_slice(key.expose_bytes());
        Ok(KEY_LEN)
    })
}

/// Returns a handle to the key of the user whose id is staged.
#[no_mangle]
pub extern "C" fn derive_user_key(handle: usize) -> i32 {
    run(|engine| {
        let user_id = read_uuid(engine.staged(UUID_LEN)?)?;
        let key = engine.masters(handle)?[0].derive_user_key(&user_id);
        Ok(engine.keep(Entry::Key(Box::new(key))))
    })
}

/// Returns the number of master keys that the handle names.
#[no_mangle]
pub extern "C" fn master_count(handle: usize) -> i32 {
    run(|engine| Ok(engine.masters(handle)?.len()))
}

/// Stages the fingerprint of a master key, or of the key at this position of a ring, from 0.
#[no_mangle]
pub extern "C" fn fingerprint(handle: usize, position: usize) -> i32 {
    run(|engine| {
        let key = engine.masters(handle)?.get(position).ok_or(Status::Bounds)?;
        let fingerprint = key.fingerprint();
        engine.put(fingerprint.as_str().as_bytes())
    })
}

/// Returns a handle to the ring of the `count` staged keys, newest first, and wipes these.
#[no_mangle]
pub extern "C" fn ring_new(count: usize) -> i32 {
    run(|engine| {
        let bytes = engine.staged(keys_len(count)?)?;
        let ring = KeyRing::new(bytes.as_chunks().0.iter().map(MasterKey::from_bytes));
        bytes.zeroize();
        match ring {
            Err(RingError::Repeated { at, first }) => {
                engine.put_message(&format_args!("key {at} of the array repeats key {first}"));
                Err(Status::Ring)
            }
            ring => keep_ring(engine, ring),
        }
    })
}

/// Returns a handle to the ring of the staged key file, which has `len` bytes, and wipes these.
#[no_mangle]
pub extern "C" fn ring_parse(len: usize) -> i32 {
    run(|engine| {
        let text = engine.staged(len)?;
        let ring = KeyRing::parse(text);
        text.zeroize();
        keep_ring(engine, ring)
    })
}

/// Stages the key of the user whose id is staged, under the master key at this position of a ring, for the
/// runtime's own AES-GCM.
#[no_mangle]
pub extern "C" fn user_key_expose(handle: usize, position: usize) -> i32 {
    run(|engine| {
        let (session, user_id, place) = session(engine, handle, Some(KEY_LEN))?;
        let key = session.user_key(user_id, position).ok_or(Status::Bounds)?;
        place.copy_from_slice(key.expose_bytes());
        Ok(KEY_LEN)
    })
}

/// Seals a token in place. The staging buffer has the user's id, room for a nonce, `len` bytes of the token
/// and room for a tag. Afterwards the sealed value follows the id.
#[no_mangle]
pub extern "C" fn encrypt_token(handle: usize, len: usize) -> i32 {
    run(|engine| {
        let (session, user_id, body) = session(engine, handle, len.checked_add(OVERHEAD))?;
        session.seal_token_in_place(user_id, body, EPOCH)?;
        Ok(body.len())
    })
}

/// Opens a token in place. The staging buffer has the user's id and `len` bytes of a sealed value. The token
/// replaces the ciphertext, and the first byte becomes the position of the key that opened it.
#[no_mangle]
pub extern "C" fn decrypt_token(handle: usize, len: usize) -> i32 {
    run(|engine| {
        let (session, user_id, body) = session(engine, handle, Some(len))?;
        let position = session.open_token_in_place(user_id, body)?;
        let opened = body.len() - OVERHEAD;
        engine.put(&[u8::try_from(position).map_err(|_| Status::Bounds)?])?;
        Ok(opened)
    })
}

/// Returns the length of `count` keys.
fn keys_len(count: usize) -> Result<usize, Status> {
    count.checked_mul(KEY_LEN).ok_or(Status::Bounds)
}

fn keep_ring(engine: &mut Engine, ring: Result<KeyRing, RingError>) -> Result<usize, Status> {
    match ring {
        Ok(ring) => Ok(engine.keep(Entry::Ring(Box::new(RingSession::with_source(ring, random))))),
        Err(error) => {
            engine.put_message(&error);
            Err(Status::Ring)
        }
    }
}

fn session(
    engine: &mut Engine,
    handle: usize,
    len: Option<usize>,
) -> Result<(&mut RingSession, Uuid, &mut [u8]), Status> {
    match engine.entry(handle, UUID_LEN, len)? {
        (Entry::Ring(session), user_id, body) => Ok((session, read_uuid(user_id)?, body)),
        _ => Err(Status::Bounds),
    }
}

fn read_uuid(text: &[u8]) -> Result<Uuid, Status> {
    Uuid::try_parse_ascii(text).map_err(|_| Status::Uuid)
}
