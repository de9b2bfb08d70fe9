//! The WebAssembly module inside the npm package `vetassist`: `vetassist-core` behind calls that take
//! and return numbers only.
//!
//! Bytes and text cross through one staging buffer, see [`engine`]: the JavaScript facade writes the
//! arguments there, calls, and reads the result from there. So no argument is ever copied to a place
//! that nobody wipes, and no generated code stands between the two. Keys stay here, and the facade names
//! them by handles.
//!
//! The facade has checked types and sizes before it calls; everything else is checked here, by the
//! core. A call that fails returns a negative number, see [`Status`](status::Status).
//!
//! Without `std`, and with an allocator smaller than its own: the module travels with every page.
#![cfg_attr(target_arch = "wasm32", no_std)]
// JavaScript calls the exported functions; no Rust crate does.
#![allow(unreachable_pub)]
// Exporting a function under its own name counts as unsafe; the one block of unsafe code is in runtime.rs.
#![allow(unsafe_code)]

extern crate alloc;

mod address;
mod data_key;
mod engine;
mod master;
mod runtime;
mod status;
