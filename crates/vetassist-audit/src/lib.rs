#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod clock;
#[cfg(feature = "command")]
pub mod command;
#[cfg(feature = "program")]
pub mod database;
pub mod export;
pub mod finding;
#[cfg(feature = "program")]
pub mod key_file;
pub mod log;
pub mod verify;
#[cfg(unix)]
pub mod watch;
pub mod watched;
