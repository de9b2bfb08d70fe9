//! The PostgreSQL extension: translation between SQL and `vetassist-core`, which holds the logic.

// Only where PostgreSQL or the system has nothing safe; those modules are marked.
#![deny(unsafe_code)]
// The error is PostgreSQL's, which aborts the statement: its size is paid once.
#![allow(clippy::result_large_err)]

use pgrx::{pg_guard, pg_module_magic};

mod arguments;
#[allow(unsafe_code)]
mod call;
#[allow(unsafe_code)]
mod encoding;
mod errors;
mod functions;
mod keyring;
#[allow(unsafe_code)]
mod owner;
#[allow(unsafe_code)]
mod settings;
#[allow(unsafe_code)]
mod statements;
#[allow(unsafe_code)]
mod values;

pg_module_magic!(name, version);

/// PostgreSQL calls this once in each process that loads the library.
///
/// It must not need a key: a server whose key is missing starts all the same.
#[pg_guard]
pub extern "C-unwind" fn _PG_init() {
    settings::define();
    keyring::init();
    functions::init();
}
