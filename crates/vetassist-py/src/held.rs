//! The hold that a Python object has on its secret.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;

use crate::errors::freed;

/// Holds a secret that can be taken away from later calls while others still use it. The last of them to end wipes it.
pub(crate) struct Held<T>(Mutex<Option<Arc<T>>>);

impl<T> Held<T> {
    pub(crate) fn new(secret: T) -> Self {
        Self(Mutex::new(Some(Arc::new(secret))))
    }

    /// Returns the secret for one call. `what` names the class in the error for one that has been freed.
    ///
    /// # Errors
    /// `ERR_FREED`.
    pub(crate) fn live(&self, py: Python<'_>, what: &str) -> PyResult<Arc<T>> {
        self.get().ok_or_else(|| freed(py, what))
    }

    /// Returns the secret; `None` once it has been freed.
    ///
    /// The lock is held for no longer than this, and only by threads that hold Python's lock, as `os.fork` does: so no child
    /// finds it locked.
    pub(crate) fn get(&self) -> Option<Arc<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes it away from later calls.
    pub(crate) fn free(&self) {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(taken);
    }
}
