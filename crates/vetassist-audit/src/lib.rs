#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod clock;
#[cfg(feature = "command")]
pub mod command;
#[cfg(feature = "program")]
pub mod database;
pub mod export;
pub mod finding;
#[cfg(feature = "command")]
pub mod functions;
pub mod host;
#[cfg(feature = "command")]
mod key_file;
pub mod log;
#[cfg(feature = "program")]
pub mod system;
#[cfg(unix)]
pub mod unix_file;
pub mod verify;
pub mod watch;
pub mod watched;
