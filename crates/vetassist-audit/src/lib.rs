#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod clock;
#[cfg(feature = "program")]
pub mod database;
pub mod export;
pub mod finding;
pub mod key_file;
pub mod log;
pub mod verify;
pub mod watch;
pub mod watched;
