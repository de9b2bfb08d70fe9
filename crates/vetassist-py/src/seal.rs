//! Seals and opens values into Python objects.

use core::str;

use pyo3::{
    prelude::*,
    types::{PyBytes, PyString},
};
use vetassist_core::{opened_len, OpenError, SealError, OVERHEAD};
use zeroize::Zeroizing;

use crate::errors::{error, Refused};

/// The size in bytes from which the GIL is released, so that other threads run meanwhile.
///
/// A call of this size takes 0.1 ms (measured: 0.4 ns a byte), so other threads do not wait long. Releasing the GIL has a
/// cost: beside a busy thread, taking it again takes up to Python's switch interval, 5 ms.
const RELEASED_FROM: usize = 256 << 10;

/// Calls a function, and releases the GIL if there are enough bytes.
fn run<T: Send>(py: Python<'_>, len: usize, call: impl FnOnce() -> T + Send) -> T {
    if len < RELEASED_FROM {
        call()
    } else {
        py.detach(call)
    }
}

/// Returns a new `bytes` that `seal` fills: the sealed value of so many bytes of plaintext.
pub(crate) fn sealed(
    py: Python<'_>,
    len: usize,
    seal: impl FnOnce(&mut [u8]) -> Result<(), SealError> + Send,
) -> PyResult<Bound<'_, PyBytes>> {
    PyBytes::new_with(py, len.saturating_add(OVERHEAD), |buffer| {
        run(py, len, || seal(buffer)).map_err(|refused| refused.raised(py))
    })
}

/// Returns a new `bytes` that `open` fills.
pub(crate) fn opened<'py>(
    py: Python<'py>,
    sealed: &[u8],
    open: impl FnOnce(&mut [u8]) -> Result<(), OpenError> + Send,
) -> PyResult<Bound<'py, PyBytes>> {
    let len = opened_len(sealed).map_err(|refused| refused.raised(py))?;
    PyBytes::new_with(py, len, |buffer| {
        run(py, len, || open(buffer)).map_err(|refused| refused.raised(py))
    })
}

/// Returns so many zeros, or raises an error if there is not enough memory.
pub(crate) fn room(py: Python<'_>, len: usize) -> PyResult<Vec<u8>> {
    let mut zeros = Vec::new();
    zeros
        .try_reserve_exact(len)
        .map_err(|_| error(py, "ERR_TOO_LARGE", "there is not enough memory for the result"))?;
    zeros.resize(len, 0);
    Ok(zeros)
}

/// Returns the text that `open` writes, and the result of `open`.
pub(crate) fn opened_text<'py, T: Send>(
    py: Python<'py>,
    sealed: &[u8],
    open: impl FnOnce(&mut [u8]) -> Result<T, OpenError> + Send,
) -> PyResult<(Bound<'py, PyString>, T)> {
    let len = opened_len(sealed).map_err(|refused| refused.raised(py))?;
    let mut buffer = Zeroizing::new(room(py, len)?);
    let found = run(py, len, || open(&mut buffer)).map_err(|refused| refused.raised(py))?;
    // UTF-8 is checked here, because Python's own error would contain the bytes.
    str::from_utf8(&buffer).map_err(|_| OpenError::NotUtf8.raised(py))?;
    Ok((PyString::from_bytes(py, &buffer)?, found))
}
