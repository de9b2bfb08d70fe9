//! The module `metadata.wasm` inside the npm package `vetassist`: the core's rules for the metadata of events and the
//! description of devices. It is a module of its own because programs that only seal do not need it.
//!
//! Text is passed in one buffer. Further fields may follow it, each after a NUL, which no JSON text contains. This module
//! gets no keys: it returns the addresses, and the caller passes their hashes to the next call.
#![cfg_attr(target_arch = "wasm32", no_std)]
// JavaScript calls the exported functions; no Rust crate does.
#![allow(unreachable_pub)]
// Exporting a function under its own name counts as unsafe. There is no other unsafe code.
#![allow(unsafe_code)]

extern crate alloc;

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::{net::IpAddr, str::Split};

use spin::Mutex;
use vetassist_core::{
    device_info::hash_addresses,
    event_data::{check, check_event_type},
    json::Value,
    IpHash, JsonError,
};

// JavaScript runs one call at a time, so no call ever waits for the lock.
static BUFFER: Mutex<Vec<u8>> = Mutex::new(Vec::new());

const ANY_HASH: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The reason why a call failed. The facade has the same numbers.
#[derive(Clone, Copy, Debug)]
#[repr(i32)]
enum Status {
    /// The facade passed the wrong fields: a bug in the package.
    Fields = -1,
    TooLarge = -2,
    TooDeep = -3,
    Malformed = -4,
}

impl From<JsonError> for Status {
    fn from(error: JsonError) -> Self {
        match error {
            JsonError::TooLarge => Self::TooLarge,
            JsonError::TooDeep => Self::TooDeep,
            _ => Self::Malformed,
        }
    }
}

/// Makes the buffer `len` bytes long, and returns its address.
#[no_mangle]
pub extern "C" fn stage(len: usize) -> *mut u8 {
    let mut buffer = BUFFER.lock();
    buffer.clear();
    buffer.resize(len, 0);
    buffer.as_mut_ptr()
}

/// Returns the address of the buffer.
#[no_mangle]
pub extern "C" fn place() -> *const u8 {
    BUFFER.lock().as_ptr()
}

/// Checks metadata, as JSON text. Writes nothing to the buffer, or the path of the refused value and the reason.
#[no_mangle]
pub extern "C" fn check_event_data() -> i32 {
    run(|mut fields| {
        Ok(match check(&value(&mut fields)?) {
            Ok(()) => String::new(),
            Err(refusal) => [&*refusal.path, "\0", &refusal.to_string()].concat(),
        })
    })
}

/// Checks an event's type. Writes nothing to the buffer, or the reason why it was refused.
#[no_mangle]
pub extern "C" fn check_type() -> i32 {
    run(|mut fields| {
        let checked = check_event_type(fields.next().unwrap_or_default());
        Ok(checked.map_or_else(|error| error.to_string(), |()| String::new()))
    })
}

/// Writes the addresses in JSON text to the buffer, each followed by a NUL, in the order in which [`put_hashes`] takes
/// their hashes.
#[no_mangle]
pub extern "C" fn addresses() -> i32 {
    run(|mut fields| {
        let mut found = String::new();
        let mut note = |address: IpAddr| {
            found.push_str(&address.to_string());
            found.push('\0');
            // Any hash is correct here, because the result is discarded. So this module needs no SHA-256.
            ANY_HASH.parse().map_err(|_| Status::Fields)
        };
        walk(value(&mut fields)?, &mut note)?;
        Ok(found)
    })
}

/// Replaces the addresses in JSON text by the hashes that follow it, and writes the text to the buffer.
#[no_mangle]
pub extern "C" fn put_hashes() -> i32 {
    run(|mut fields| {
        let value = value(&mut fields)?;
        let mut next = |_| fields.next().and_then(|hash| hash.parse().ok()).ok_or(Status::Fields);
        Ok(walk(value, &mut next)?.to_text())
    })
}

/// Replaces the addresses in a value by hashes. Both calls use this one function, so that its code is in the module once.
fn walk(
    value: Value<serde_json::Number>,
    mut hash: &mut dyn FnMut(IpAddr) -> Result<IpHash, Status>,
) -> Result<Value<serde_json::Number>, Status> {
    hash_addresses(value, &mut hash)
}

/// Calls a function with the fields in the buffer, writes its result to the buffer, and returns the length.
fn run(call: impl FnOnce(Split<'_, char>) -> Result<String, Status>) -> i32 {
    let mut buffer = BUFFER.lock();
    let text = core::str::from_utf8(&buffer).map_err(|_| Status::Fields);
    match text.and_then(|text| call(text.split('\0'))) {
        Ok(result) => {
            *buffer = result.into_bytes();
            i32::try_from(buffer.len()).unwrap_or(Status::TooLarge as i32)
        }
        Err(status) => status as i32,
    }
}

fn value<'a>(
    fields: &mut impl Iterator<Item = &'a str>,
) -> Result<Value<serde_json::Number>, Status> {
    Ok(Value::from_text(fields.next().unwrap_or_default())?)
}

#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

#[cfg(target_arch = "wasm32")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
