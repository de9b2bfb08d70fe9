//! The WebAssembly module inside the npm package `vetassist`. Its functions call `vetassist-core`; they take
//! and return only numbers.
//!
//! Bytes and text are passed in one staging buffer, see [`engine`]: the JavaScript facade writes the
//! arguments there, calls, and reads the result from there. So every copy of an argument is wiped, and no
//! generated bindings are needed. Keys stay in the module, and the facade names them by handles.
//!
//! The facade checks types and sizes before it calls. The core checks everything else. A call that fails
//! returns a negative number, see [`Status`](status::Status).
//!
//! The module has no `std` and a small allocator, because every page downloads it.
#![cfg_attr(target_arch = "wasm32", no_std)]
// JavaScript calls the exported functions; no Rust crate does.
#![allow(unreachable_pub)]
// Exporting a function under its own name counts as unsafe. The only block of unsafe code is in runtime.rs.
#![allow(unsafe_code)]

extern crate alloc;

mod address;
mod data_key;
mod engine;
mod master;
mod runtime;
mod status;
