//! The PostgreSQL extension: translation between SQL and `vetassist-core`, which holds the logic.

// Unsafe code is used only if PostgreSQL or the system offers no safe interface. Each place allows it explicitly.
#![deny(unsafe_code)]
// The large error is that of pgrx. It aborts the statement, so it is moved only once.
#![allow(clippy::result_large_err)]

use pgrx::{pg_guard, pg_module_magic};

mod arguments;
mod backend;
#[allow(unsafe_code)] // the whole module reads PostgreSQL's structures
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

/// Defines the settings and registers the callbacks. PostgreSQL calls it once in each process that loads the library.
///
/// It must not need a key, so that a server starts even if its key is missing.
#[pg_guard]
pub extern "C-unwind" fn _PG_init() {
    settings::define();
    keyring::init();
    functions::init();
}
