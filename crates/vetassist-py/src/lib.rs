//! The native module inside the Python package `vetassist`: `vetassist-core` behind Python's types.
//!
//! Types and sizes of arguments are checked here, everything else by the core. No error holds a byte of a secret,
//! also none of Python's own: see [`errors`]. The package's stubs and documentation stand beside its Python part, in
//! `python/vetassist/_native.pyi`.

mod arguments;
mod checkpoint;
mod errors;
mod held;
mod interpreter;
mod ip_hash;
mod json;
mod key;
mod key_ring;
mod master_key;
mod metadata;
mod schema;
mod seal;

/// The module `vetassist._native`.
// Its classes are frozen and lock what they hold, but nobody has tested it without Python's lock.
#[pyo3::pymodule(gil_used = true)]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::{
        checkpoint::opened_checkpoint,
        ip_hash::{hash_ip, hash_ip_keyed, upgrade_ip_hash},
        key::{decrypt, decrypt_text, encrypt, generate_key, Key},
        key_ring::KeyRing,
        master_key::{fingerprint, MasterKey},
        metadata::{check_event_data, check_event_type, hash_device},
        schema::{column_kinds, schema_differences, table_columns},
    };

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::interpreter::claim(module.py())
    }

    /// The version of the package.
    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");

    /// Reads what `schema_differences` compares, as SQL.
    #[pymodule_export]
    const SCHEMA_QUERY: &str = vetassist_core::schema::CATALOG_QUERY;
}
