//! The secret of a Python object.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;

use crate::errors::freed;

/// Holds a secret that can be freed while calls still use it. The last of these calls wipes it when it ends.
pub(crate) struct Held<T>(Mutex<Option<Arc<T>>>);

impl<T> Held<T> {
    pub(crate) fn new(secret: T) -> Self {
        Self(Mutex::new(Some(Arc::new(secret))))
    }

    /// Returns the secret for one call. `what` is the name of the class in the error for a freed object.
    ///
    /// # Errors
    /// `ERR_FREED`.
    pub(crate) fn live(&self, py: Python<'_>, what: &str) -> PyResult<Arc<T>> {
        self.get().ok_or_else(|| freed(py, what))
    }

    /// Returns the secret; `None` after it was freed.
    ///
    /// The lock is held only during this call, and only by threads that hold the GIL, as `os.fork` does too. So it is never
    /// locked in a forked child.
    pub(crate) fn get(&self) -> Option<Arc<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Frees the secret for later calls.
    pub(crate) fn free(&self) {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(taken);
    }
}
