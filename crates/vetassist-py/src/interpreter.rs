//! Allows the module only in the main interpreter of the process.

use pyo3::{exceptions::PyImportError, ffi, prelude::*};

/// The id of the main interpreter, which CPython creates first.
const MAIN: i64 = 0;

/// Refuses subinterpreters. The module keeps classes and functions of Python, and interpreters must not share objects.
///
/// This is called before the module creates its first object: otherwise a refused import would leave classes of the
/// subinterpreter to the main interpreter.
#[allow(unsafe_code)]
pub(crate) fn refuse_subinterpreters(_: Python<'_>) -> PyResult<()> {
    // SAFETY: the token `Python` proves that the caller is attached to an interpreter, so there is a current one.
    let id = unsafe { ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()) };
    if id == MAIN {
        return Ok(());
    }
    Err(PyImportError::new_err(
        "vetassist does not run in subinterpreters: import it in the main interpreter (with mod_wsgi: \
         WSGIApplicationGroup %{GLOBAL})",
    ))
}
