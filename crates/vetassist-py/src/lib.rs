//! The native module inside the Python package `vetassist`, a layer over `vetassist-core`.
//!
//! This module checks the types and sizes of arguments, and the core checks everything else. No error holds a byte of a
//! secret, and Python's own errors that would are replaced: see [`errors`]. The type stubs and the documentation are in
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
// The classes are frozen and lock their secrets, but the module was not tested without the GIL.
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

    /// The query whose rows `schema_differences` compares.
    #[pymodule_export]
    const SCHEMA_QUERY: &str = vetassist_core::schema::CATALOG_QUERY;
}
