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

use pyo3::prelude::*;

/// The module `vetassist._native`.
// The classes are frozen and lock their secrets, but the module was not tested without the GIL.
#[pyo3::pymodule(gil_used = true)]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    interpreter::refuse_subinterpreters(module.py())?;
    module.add_class::<key::Key>()?;
    module.add_class::<key_ring::KeyRing>()?;
    module.add_class::<master_key::MasterKey>()?;
    let functions = [
        wrap_pyfunction!(checkpoint::opened_checkpoint, module)?,
        wrap_pyfunction!(ip_hash::hash_ip, module)?,
        wrap_pyfunction!(ip_hash::hash_ip_keyed, module)?,
        wrap_pyfunction!(ip_hash::upgrade_ip_hash, module)?,
        wrap_pyfunction!(key::decrypt, module)?,
        wrap_pyfunction!(key::decrypt_text, module)?,
        wrap_pyfunction!(key::encrypt, module)?,
        wrap_pyfunction!(key::generate_key, module)?,
        wrap_pyfunction!(master_key::fingerprint, module)?,
        wrap_pyfunction!(metadata::check_event_data, module)?,
        wrap_pyfunction!(metadata::check_event_type, module)?,
        wrap_pyfunction!(metadata::hash_device, module)?,
        wrap_pyfunction!(schema::column_kinds, module)?,
        wrap_pyfunction!(schema::schema_differences, module)?,
        wrap_pyfunction!(schema::table_columns, module)?,
    ];
    for function in functions {
        module.add_function(function)?;
    }
    // The version of the package, and the query whose rows `schema_differences` compares.
    module.add("VERSION", env!("CARGO_PKG_VERSION"))?;
    module.add("SCHEMA_QUERY", vetassist_core::schema::CATALOG_QUERY)
}
