//! Allows the module in only one interpreter of the process.

use std::sync::atomic::{AtomicI64, Ordering};

use pyo3::{exceptions::PyImportError, ffi, prelude::*};

/// The id before an interpreter has imported the module. No interpreter has this id.
const NONE: i64 = -1;

static SERVED: AtomicI64 = AtomicI64::new(NONE);

/// Refuses every interpreter except the first one. The module keeps classes and functions of Python, and interpreters must
/// not share objects.
#[allow(unsafe_code)]
pub(crate) fn claim(_: Python<'_>) -> PyResult<()> {
    // SAFETY: the token `Python` proves that the caller is attached to an interpreter, so there is a current one.
    let id = unsafe { ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()) };
    match SERVED.compare_exchange(NONE, id, Ordering::SeqCst, Ordering::SeqCst) {
        Err(served) if served != id => Err(PyImportError::new_err(
            "vetassist does not run in subinterpreters: another interpreter of this process has imported it",
        )),
        _ => Ok(()),
    }
}
