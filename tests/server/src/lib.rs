//! Servers, databases and expected values for the tests.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc)] // a panic fails the test, as it should

pub mod audit_log;
pub mod catalog;
pub mod contents;
mod databases;
mod debian;
mod golden;
mod installation;
mod key;
mod keyed_server;
mod number;
mod python;
mod queries;
mod server;
mod vectors;
mod wait;

pub use self::{
    databases::{database, database_with, empty_database},
    debian::{debian_file, install_debian_extension},
    golden::{compare_with_golden, compare_with_golden_at},
    installation::{plain_sql, scratch},
    key::hex_key,
    keyed_server::{Connection, KeyedServer},
    python::python_succeeds,
    queries::{catalog_rows, column_of, differences, inventory, sqlstate},
    server::Server,
    vectors::{repository, vectors, vectors_of},
    wait::wait,
};

/// The settings that name the ring's source.
pub const RING_SETTINGS: [&str; 2] = ["vetassist.master_key_file", "vetassist.master_key_command"];
