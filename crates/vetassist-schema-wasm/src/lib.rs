//! The module `schema.wasm` inside the npm package `vetassist`: the core's comparison of a database with
//! the four tables. It is a module of its own because most pages and Workers only seal and do not need it.
//!
//! Text is passed in one buffer. Each field ends with a NUL, which no text of PostgreSQL contains. The input
//! has object, attribute and value of each row. The output has object, problem, expected and found of each
//! difference; the last two begin with `+` if there is a value, and are `-` if there is none.
#![cfg_attr(target_arch = "wasm32", no_std)]
// JavaScript calls the exported functions; no Rust crate does.
#![allow(unreachable_pub)]
// Exporting a function under its own name counts as unsafe. There is no other unsafe code.
#![allow(unsafe_code)]

extern crate alloc;

use alloc::{borrow::ToOwned, string::String, vec::Vec};

use spin::Mutex;
use vetassist_core::schema::{compare, CatalogRow, Difference, Guards};

// JavaScript runs one call at a time, so no call ever waits for the lock.
static BUFFER: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Makes the buffer `len` bytes long, and returns its address.
#[no_mangle]
pub extern "C" fn stage(len: usize) -> *mut u8 {
    let mut buffer = BUFFER.lock();
    buffer.clear();
    buffer.resize(len, 0);
    buffer.as_mut_ptr()
}

/// Compares the rows in the buffer, and writes the differences into it. Returns their length, or -1 if the
/// buffer does not contain rows.
#[no_mangle]
pub extern "C" fn differences() -> i32 {
    let mut buffer = BUFFER.lock();
    let Some(rows) = rows(&buffer) else { return -1 };
    let mut text = String::new();
    for difference in compare(&rows, Guards::Required) {
        write(&mut text, &difference);
    }
    *buffer = text.into_bytes();
    i32::try_from(buffer.len()).unwrap_or(-1)
}

/// Returns the address of the buffer.
#[no_mangle]
pub extern "C" fn place() -> *const u8 {
    BUFFER.lock().as_ptr()
}

fn rows(buffer: &[u8]) -> Option<Vec<CatalogRow>> {
    let text = core::str::from_utf8(buffer).ok()?;
    let mut fields = text.split_terminator('\0').map(ToOwned::to_owned);
    let mut rows = Vec::new();
    while let Some(object) = fields.next() {
        rows.push(CatalogRow { object, attribute: fields.next()?, value: fields.next()? });
    }
    Some(rows)
}

fn write(text: &mut String, difference: &Difference) {
    for field in [&difference.object, &difference.problem] {
        text.push_str(field);
        text.push('\0');
    }
    for value in [&difference.expected, &difference.found] {
        text.push(if value.is_some() { '+' } else { '-' });
        text.push_str(value.as_deref().unwrap_or_default());
        text.push('\0');
    }
}

#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

#[cfg(target_arch = "wasm32")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
