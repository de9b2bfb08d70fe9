//! Turns the errors of the core and of this module into the exceptions of the package.

use core::fmt::Display;

use pyo3::{
    call::PyCallArgs,
    exceptions::{PyException, PyMemoryError, PyValueError},
    prelude::*,
    sync::PyOnceLock,
    types::PyString,
};
use vetassist_core::{
    event_data::Refusal, IpHashError, JsonError, KeyError, OpenError, RandomError, RingError,
    SealError,
};

/// Returns the exception with this code. The package's Python part creates it.
pub(crate) fn error(py: Python<'_>, code: &str, message: &str) -> PyErr {
    static ERROR: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    made(py, &ERROR, "error", (code, message))
}

/// Returns the error for an argument of a wrong type. It names the type and never shows the value.
pub(crate) fn wrong_type(what: &str, expected: &str, value: &Bound<'_, PyAny>) -> PyErr {
    static WRONG_TYPE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    made(value.py(), &WRONG_TYPE, "wrong_type", (what, expected, value))
}

/// Returns the exception that a function of `vetassist._errors` creates.
fn made<'py>(
    py: Python<'py>,
    function: &'static PyOnceLock<Py<PyAny>>,
    name: &str,
    arguments: impl PyCallArgs<'py>,
) -> PyErr {
    let made = function
        .get_or_try_init(py, || Ok(py.import("vetassist._errors")?.getattr(name)?.unbind()))
        .and_then(|function| function.bind(py).call1(arguments));
    match made {
        Ok(exception) => PyErr::from_value(exception),
        Err(error) => error,
    }
}

/// Returns an error of ours in place of one that code of the caller raised, which may quote a secret.
///
/// A lack of memory stays as it is, and so does what ends the program, such as `KeyboardInterrupt`.
pub(crate) fn instead_of(py: Python<'_>, found: PyErr, ours: impl FnOnce() -> PyErr) -> PyErr {
    let stays =
        !found.is_instance_of::<PyException>(py) || found.is_instance_of::<PyMemoryError>(py);
    if stays {
        found
    } else {
        ours()
    }
}

/// Returns the error for text that UTF-8 cannot represent. Python's own error would contain the whole text.
pub(crate) fn not_encodable(what: &str, text: &Bound<'_, PyString>) -> PyErr {
    let message = format!("{what} has a lone surrogate, which UTF-8 cannot encode");
    error(text.py(), "ERR_INVALID_TEXT", &message)
}

/// Returns the error for the use of a freed object.
pub(crate) fn freed(py: Python<'_>, what: &str) -> PyErr {
    error(py, "ERR_FREED", &format!("this {what} has been freed"))
}

/// Returns the error for an attempt to copy or pickle an object with keys.
pub(crate) fn not_copyable(py: Python<'_>, what: &str) -> PyErr {
    let message = format!("a {what} cannot be copied or pickled: it holds keys");
    error(py, "ERR_NOT_COPYABLE", &message)
}

/// Returns the error for a memoryview that was released, and leaves other errors as they are.
pub(crate) fn of_buffer(py: Python<'_>, what: &str, found: PyErr) -> PyErr {
    if found.is_instance_of::<PyValueError>(py) {
        let message = format!("{what} lies in a buffer that was released");
        return error(py, "ERR_DETACHED_BUFFER", &message);
    }
    found
}

/// An error of the core, which becomes an exception.
pub(crate) trait Refused {
    /// Returns the exception.
    fn raised(self, py: Python<'_>) -> PyErr;
}

fn coded(py: Python<'_>, code: &str, message: &dyn Display) -> PyErr {
    error(py, code, &message.to_string())
}

impl Refused for RandomError {
    fn raised(self, py: Python<'_>) -> PyErr {
        coded(py, "ERR_NO_RANDOMNESS", &self)
    }
}

impl Refused for KeyError {
    fn raised(self, py: Python<'_>) -> PyErr {
        coded(py, "ERR_INVALID_KEY", &self)
    }
}

impl Refused for SealError {
    fn raised(self, py: Python<'_>) -> PyErr {
        match self {
            Self::Random(error) => error.raised(py),
            Self::TooLong => coded(py, "ERR_TOO_LARGE", &self),
            _ => coded(py, "ERR_INTERNAL", &self),
        }
    }
}

impl Refused for OpenError {
    fn raised(self, py: Python<'_>) -> PyErr {
        match self {
            Self::TooShort(_) => coded(py, "ERR_SEALED_TOO_SHORT", &self),
            Self::Refused => {
                let why =
                    "the sealed value does not open: wrong key, wrong user, wrong AAD, or altered";
                error(py, "ERR_OPEN_FAILED", why)
            }
            Self::NotUtf8 => coded(py, "ERR_NOT_UTF8", &self),
            _ => coded(py, "ERR_INTERNAL", &self),
        }
    }
}

impl Refused for RingError {
    fn raised(self, py: Python<'_>) -> PyErr {
        coded(py, "ERR_INVALID_KEY_RING", &format_args!("the key ring was refused: {self}"))
    }
}

impl Refused for IpHashError {
    fn raised(self, py: Python<'_>) -> PyErr {
        coded(py, "ERR_INVALID_IP_HASH", &self)
    }
}

impl Refused for JsonError {
    fn raised(self, py: Python<'_>) -> PyErr {
        let code = match self {
            Self::Malformed => "ERR_INVALID_ARG_TYPE",
            _ => "ERR_TOO_LARGE",
        };
        coded(py, code, &self)
    }
}

impl Refused for Refusal {
    fn raised(self, py: Python<'_>) -> PyErr {
        let raised = coded(py, "ERR_SECRET_IN_METADATA", &self);
        match raised.value(py).setattr("path", self.path) {
            Ok(()) => raised,
            Err(error) => error,
        }
    }
}
