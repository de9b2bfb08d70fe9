//! The PostgreSQL extension: translation between SQL and `vetassist-core`, which holds the logic.

// Unsafe code is where PostgreSQL or the system has nothing safe. Each place allows it for itself.
#![deny(unsafe_code)]
// The error is PostgreSQL's, which aborts the statement: its size is paid once.
#![allow(clippy::result_large_err)]

use pgrx::{pg_guard, pg_module_magic};

mod arguments;
mod backend;
#[allow(unsafe_code)] // it does nothing else
mod call;
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
