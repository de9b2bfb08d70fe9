//! The PostgreSQL extension: translation between SQL and `vetassist-core`, which holds the logic.

// The error is PostgreSQL's, which aborts the statement: its size is paid once.
#![allow(clippy::result_large_err)]

use pgrx::{pg_guard, pg_module_magic};

mod arguments;
mod encoding;
mod errors;
mod functions;
mod keyring;
mod owner;
mod settings;
mod statements;
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
