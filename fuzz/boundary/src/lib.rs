//! Includes the modules of `crates/vetassist-wasm`, so that the fuzz targets can call them.

extern crate alloc;

#[path = "../../../crates/vetassist-wasm/src/address.rs"]
pub mod address;
#[path = "../../../crates/vetassist-wasm/src/data_key.rs"]
pub mod data_key;
#[path = "../../../crates/vetassist-wasm/src/engine.rs"]
pub mod engine;
#[path = "../../../crates/vetassist-wasm/src/master.rs"]
pub mod master;
#[path = "../../../crates/vetassist-wasm/src/runtime.rs"]
mod runtime;
#[path = "../../../crates/vetassist-wasm/src/status.rs"]
mod status;
