//! Reads arguments: bytes, text, user ids and addresses.
//!
//! `bytes` never change, so they are read without a copy. Everything else is copied while the GIL is held, so that no
//! thread changes it meanwhile. The stable ABI of CPython 3.9 has no buffers, so a memoryview writes its bytes into a
//! private bytearray, which is wiped.

use core::str;

use pyo3::{
    exceptions::PyMemoryError,
    intern,
    prelude::*,
    sync::PyOnceLock,
    types::{PyByteArray, PyBytes, PyMemoryView, PyString, PyType},
};
use vetassist_core::{parse_address, IpHash, Uuid};
use zeroize::Zeroize;

use crate::errors::{error, instead_of, not_encodable, of_buffer, wrong_type};

const BYTES: &str = "bytes, a bytearray or a memoryview";
const DATA: &str = "a str, bytes, a bytearray or a memoryview";

/// Bytes that do not change during a call.
pub(crate) enum Data<'py> {
    /// A `bytes` object of Python, which never changes.
    Bytes(Bound<'py, PyBytes>),
    /// A private copy.
    Copy(Copy<'py>),
}

/// A bytearray that this module created. No other code has a reference to it.
pub(crate) struct Copy<'py>(Bound<'py, PyByteArray>);

impl<'py> Data<'py> {
    /// Reads bytes of any type.
    pub(crate) fn of_bytes(value: &Bound<'py, PyAny>, what: &str) -> PyResult<Self> {
        Self::if_bytes(value, what)?.ok_or_else(|| wrong_type(what, BYTES, value))
    }

    /// Reads bytes of any type, or text as its UTF-8.
    pub(crate) fn of_data(value: &Bound<'py, PyAny>, what: &str) -> PyResult<Self> {
        if let Ok(text) = value.cast::<PyString>() {
            return Self::of_text(text, what);
        }
        Self::if_bytes(value, what)?.ok_or_else(|| wrong_type(what, DATA, value))
    }

    /// Reads text as its UTF-8.
    pub(crate) fn of_text(text: &Bound<'py, PyString>, what: &str) -> PyResult<Self> {
        // The only other failure is a lack of memory, which keeps Python's own exception.
        text.encode_utf8().map(Self::Bytes).map_err(|failure| {
            if failure.is_instance_of::<PyMemoryError>(text.py()) {
                failure
            } else {
                not_encodable(what, text)
            }
        })
    }

    /// Reads an optional argument.
    pub(crate) fn of_aad(value: Option<&Bound<'py, PyAny>>) -> PyResult<Option<Self>> {
        value.map(|aad| Self::of_data(aad, "aad")).transpose()
    }

    fn if_bytes(value: &Bound<'py, PyAny>, what: &str) -> PyResult<Option<Self>> {
        if let Ok(bytes) = value.cast::<PyBytes>() {
            return Ok(Some(Self::Bytes(bytes.clone())));
        }
        if let Ok(bytes) = value.cast::<PyByteArray>() {
            return Copy::of_bytearray(bytes).map(Self::Copy).map(Some);
        }
        if let Ok(view) = value.cast::<PyMemoryView>() {
            return Copy::of_view(view, what).map(Self::Copy).map(Some);
        }
        Ok(None)
    }

    /// Returns the bytes.
    #[allow(unsafe_code)]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes.as_bytes(),
            // SAFETY: no other code has a reference to the bytearray. So no thread writes to it or resizes it while it is
            // borrowed here, even if the GIL is released.
            Self::Copy(Copy(bytes)) => unsafe { bytes.as_bytes() },
        }
    }
}

impl<'py> Copy<'py> {
    /// Copies a bytearray. It reads the bytes directly, because a subclass may have a buffer of its own (`__buffer__`) or
    /// convert to a number.
    #[allow(unsafe_code)]
    fn of_bytearray(from: &Bound<'py, PyByteArray>) -> PyResult<Self> {
        let copy = PyByteArray::new_with(from.py(), from.len(), |to| {
            // SAFETY: this thread holds the GIL and calls no code of Python while the bytes are borrowed, so nothing writes
            // to the bytearray or resizes it. `to` is another object's memory.
            to.copy_from_slice(unsafe { from.as_bytes() });
            Ok(())
        })?;
        Ok(Self(copy))
    }

    /// Copies the bytes of a memoryview of items of one byte.
    fn of_view(view: &Bound<'py, PyMemoryView>, what: &str) -> PyResult<Self> {
        let py = view.py();
        let refused = |failure| of_buffer(py, what, failure);
        let item: usize = view.getattr(intern!(py, "itemsize")).map_err(refused)?.extract()?;
        if item != 1 {
            let message =
                format!("{what} must be of items of one byte: cast the memoryview to 'B'");
            return Err(error(py, "ERR_INVALID_ARG_TYPE", &message));
        }
        PyByteArray::from(view).map(Self).map_err(refused)
    }
}

impl Drop for Copy<'_> {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // SAFETY: no other code has a reference to the bytearray, and all borrows of it have ended.
        unsafe { self.0.as_bytes_mut() }.zeroize();
    }
}

/// Returns the bytes of an optional argument.
pub(crate) fn or_empty<'a>(data: Option<&'a Data<'_>>) -> &'a [u8] {
    data.map_or(&[], Data::as_bytes)
}

/// Reads text, and calls a function with it.
pub(crate) fn with_text<T>(
    value: &Bound<'_, PyAny>,
    what: &str,
    call: impl FnOnce(&str) -> PyResult<T>,
) -> PyResult<T> {
    let text = value.cast::<PyString>().map_err(|_| wrong_type(what, "a str", value))?;
    let data = Data::of_text(text, what)?;
    let text = str::from_utf8(data.as_bytes()).map_err(|_| not_encodable(what, text))?;
    call(text)
}

/// Returns true if the value is of this class, whatever its attribute `__class__` claims.
fn is_a(value: &Bound<'_, PyAny>, class: &Bound<'_, PyType>) -> PyResult<bool> {
    value.get_type().is_subclass(class)
}

/// Reads a user's id: a `UUID`, or a `str` of its hyphenated form of 36 characters.
pub(crate) fn user_id(value: &Bound<'_, PyAny>) -> PyResult<Uuid> {
    let py = value.py();
    let refused = || {
        error(
            py,
            "ERR_INVALID_USER_ID",
            "a user id is a UUID in its hyphenated form of 36 characters",
        )
    };
    if value.is_instance_of::<PyString>() {
        return with_text(value, "user_id", |text| {
            let id = (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten();
            id.ok_or_else(refused)
        });
    }
    static UUID: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    if !is_a(value, UUID.import(py, "uuid", "UUID")?)? {
        return Err(wrong_type("user_id", "a str or a UUID", value));
    }
    value.extract().map_err(|failure| instead_of(py, failure, refused))
}

/// Reads an address, a `str`, or an `IPv4Address` or `IPv6Address` of `ipaddress`, and returns its plain hash.
pub(crate) fn plain_hash(value: &Bound<'_, PyAny>) -> PyResult<IpHash> {
    static V4: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    static V6: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let py = value.py();
    let hash = |text: &Bound<'_, PyAny>| {
        with_text(text, "address", |text| match parse_address(text) {
            Ok(address) => Ok(IpHash::of(address)),
            Err(refused) => {
                let mistake =
                    mistake(text).map_or_else(String::new, |mistake| format!("; {mistake}"));
                Err(error(py, "ERR_INVALID_ADDRESS", &format!("{refused}{mistake}")))
            }
        })
    };
    if value.is_instance_of::<PyString>() {
        return hash(value);
    }
    let module = "ipaddress";
    if !is_a(value, V4.import(py, module, "IPv4Address")?)?
        && !is_a(value, V6.import(py, module, "IPv6Address")?)?
    {
        return Err(wrong_type("address", "a str, an IPv4Address or an IPv6Address", value));
    }
    // The text of an interface has a prefix, and the text of a scoped address has a zone. Both are refused.
    let text = value.str().map_err(|failure| {
        let message = "the address cannot be read: its class does not convert it to text";
        instead_of(py, failure, || error(py, "ERR_INVALID_ADDRESS", message))
    })?;
    hash(text.as_any())
}

/// Returns the likely mistake in an address. No message contains the address, because it is personal data.
fn mistake(text: &str) -> Option<&'static str> {
    Some(if text.is_empty() {
        "it is empty"
    } else if text.contains([',', ';', '=']) {
        "this is a list or a whole header: address_of(value, trusted_hops) finds the one address in it"
    } else if text.contains(char::is_whitespace) {
        "leave out the blanks"
    } else if text.contains("://") {
        "this is a URL: pass only the address of its host"
    } else if text.contains('%') {
        "this one has a zone: leave out % and what follows"
    } else if text.contains('/') {
        "this is a range: leave out the prefix, / and what follows"
    } else if has_port(text) {
        "this one has a port: address_of(value) leaves it out"
    } else if text.starts_with('[') {
        "this one is in brackets: address_of(value) leaves them out"
    } else {
        return None;
    })
}

/// Returns true if a port follows an address in brackets, or the digits at the end of an IPv4 address.
fn has_port(text: &str) -> bool {
    let (host, port) = text.rsplit_once(':').unwrap_or_default();
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_v4 = host.rsplit_once('.').is_some_and(|(_, last)| !last.is_empty() && is_number(last));
    (text.starts_with('[') && text.contains("]:")) || (is_v4 && is_number(port))
}
