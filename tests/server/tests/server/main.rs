//! The extension in real servers. One binary, so that the tests share one server where they can.
#![allow(clippy::unwrap_used)]

mod adoption;
mod audit_guard;
mod batches;
mod concurrency;
mod drift;
mod encoding;
mod errors;
mod events;
mod examples;
mod goldens;
mod hostile;
mod hostile_calls;
mod inventory;
mod key_sources;
mod large_values;
mod leaving;
mod memory;
mod moves;
mod nonces;
mod on_disk;
mod panics;
mod plain;
mod privileges;
mod python;
mod readme;
mod replicas;
mod rows;
mod secrets;
mod session_active;
mod tables;
mod typescript;
mod unsafe_code;
mod upgrades;
mod vectors;
