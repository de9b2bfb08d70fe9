//! Data keys.

use std::sync::Arc;

use base64ct::{Base64UrlUnpadded, Encoding};
use pyo3::{
    prelude::*,
    types::{PyBytes, PyString, PyTuple},
};
use vetassist_core::{Nonce, KEY_LEN};
use zeroize::Zeroizing;

use crate::{
    arguments::{or_empty, with_text, Data},
    errors::{error, not_copyable, wrong_type, Refused},
    held::Held,
    seal::{opened, opened_text, room, sealed},
};

/// Seals and opens with AES-256-GCM. A sealed value is nonce (12 bytes, random), ciphertext and tag (16 bytes).
///
/// Seal at most 2^32 values with one key. The object cannot be copied or pickled. Used with `with`, the key is freed
/// at the end.
#[pyclass(frozen, module = "vetassist", name = "Key")]
pub(crate) struct Key {
    held: Held<vetassist_core::Key>,
}

impl Key {
    pub(crate) fn new(key: vetassist_core::Key) -> Self {
        Self { held: Held::new(key) }
    }

    /// Returns the secret for one call.
    pub(crate) fn live(&self, py: Python<'_>) -> PyResult<Arc<vetassist_core::Key>> {
        self.held.live(py, "Key")
    }
}

#[pymethods]
impl Key {
    #[new]
    #[pyo3(signature = (key, /))]
    fn made(key: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self::new(imported(key)?))
    }

    /// Seals bytes, or text as its UTF-8, under a fresh nonce.
    ///
    /// `aad` is additional authenticated data. It is not part of the sealed value, and the same AAD is needed to open it.
    #[pyo3(signature = (plaintext, aad=None))]
    fn seal<'py>(
        &self,
        plaintext: &Bound<'py, PyAny>,
        aad: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        seal(&*self.live(plaintext.py())?, plaintext, aad)
    }

    /// Opens a value that `seal` or any other AES-256-GCM with the nonce in front has sealed.
    #[pyo3(signature = (sealed, aad=None))]
    fn open<'py>(
        &self,
        sealed: &Bound<'py, PyAny>,
        aad: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        open(&*self.live(sealed.py())?, sealed, aad)
    }

    /// Opens as `open` does, and returns text. A byte order mark is part of the text.
    #[pyo3(signature = (sealed, aad=None))]
    fn open_text<'py>(
        &self,
        sealed: &Bound<'py, PyAny>,
        aad: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyString>> {
        open_text(&*self.live(sealed.py())?, sealed, aad)
    }

    /// Seals as `seal` does, and returns text for a cookie or a header.
    ///
    /// The text is base64url without padding (RFC 4648, section 5). Use the cookie's name as `aad`, so that the value
    /// cannot be moved to another cookie.
    #[pyo3(signature = (plaintext, aad=None))]
    fn seal_to_text<'py>(
        &self,
        plaintext: &Bound<'py, PyAny>,
        aad: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyString>> {
        let py = plaintext.py();
        let sealed = seal(&*self.live(py)?, plaintext, aad)?;
        let sealed = sealed.as_bytes();
        let mut text = room(py, Base64UrlUnpadded::encoded_len(sealed))?;
        let written = Base64UrlUnpadded::encode(sealed, &mut text);
        let failed = |_| error(py, "ERR_INTERNAL", "the text has another length than it should");
        PyString::from_bytes(py, written.map_err(failed)?.as_bytes())
    }

    /// Opens a value that `seal_to_text` returned, and returns text.
    #[pyo3(signature = (sealed_text, aad=None))]
    fn open_from_text<'py>(
        &self,
        sealed_text: &Bound<'py, PyAny>,
        aad: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyString>> {
        let py = sealed_text.py();
        let key = self.live(py)?;
        let (sealed, len) = with_text(sealed_text, "sealed_text", |text| {
            let mut bytes = room(py, text.len())?;
            let decoded = Base64UrlUnpadded::decode(text, &mut bytes).map(<[u8]>::len);
            let refused = |_| {
                let message =
                    "the sealed text is not base64url without padding (RFC 4648, section 5)";
                error(py, "ERR_INVALID_SEALED_TEXT", message)
            };
            let len = decoded.map_err(refused)?;
            Ok((bytes, len))
        })?;
        let (sealed, aad) = (&sealed[..len], Data::of_aad(aad)?);
        let aad = or_empty(aad.as_ref());
        Ok(opened_text(py, sealed, |text| key.open_into(sealed, aad, text))?.0)
    }

    /// Frees the key: later calls raise an error. The key is wiped when the last running call ends.
    fn free(&self) {
        self.held.free();
    }

    fn __enter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_error))]
    fn __exit__(&self, _error: &Bound<'_, PyTuple>) {
        self.held.free();
    }

    // `copy` calls this method too.
    fn __reduce_ex__(&self, protocol: &Bound<'_, PyAny>) -> PyResult<()> {
        Err(not_copyable(protocol.py(), "Key"))
    }

    fn __repr__(&self) -> &'static str {
        if self.held.get().is_some() {
            "<vetassist.Key>"
        } else {
            "<vetassist.Key, freed>"
        }
    }
}

/// Draws the 32 bytes of a new key.
#[pyfunction]
pub(crate) fn generate_key(py: Python<'_>) -> PyResult<Bound<'_, PyBytes>> {
    let key = vetassist_core::Key::generate().map_err(|refused| refused.raised(py))?;
    Ok(PyBytes::new(py, key.expose_bytes()))
}

/// Seals with a key that is needed once. For several values, create a `Key`.
#[pyfunction]
#[pyo3(signature = (plaintext, key, aad=None))]
pub(crate) fn encrypt<'py>(
    plaintext: &Bound<'py, PyAny>,
    key: &Bound<'py, PyAny>,
    aad: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyBytes>> {
    seal(&*given(key)?, plaintext, aad)
}

/// Opens with a key that is needed once.
#[pyfunction]
#[pyo3(signature = (sealed, key, aad=None))]
pub(crate) fn decrypt<'py>(
    sealed: &Bound<'py, PyAny>,
    key: &Bound<'py, PyAny>,
    aad: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyBytes>> {
    open(&*given(key)?, sealed, aad)
}

/// Opens as `decrypt` does, and returns text.
#[pyfunction]
#[pyo3(signature = (sealed, key, aad=None))]
pub(crate) fn decrypt_text<'py>(
    sealed: &Bound<'py, PyAny>,
    key: &Bound<'py, PyAny>,
    aad: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyString>> {
    open_text(&*given(key)?, sealed, aad)
}

/// Returns the key of a `Key`, or a new key from 32 bytes.
fn given(key: &Bound<'_, PyAny>) -> PyResult<Arc<vetassist_core::Key>> {
    match key.cast::<Key>() {
        Ok(key) => key.get().live(key.py()),
        Err(_) => imported(key).map(Arc::new),
    }
}

fn imported(key: &Bound<'_, PyAny>) -> PyResult<vetassist_core::Key> {
    if key.is_instance_of::<PyString>() {
        let expected = "32 bytes (text of hexadecimal digits is what a MasterKey takes)";
        return Err(wrong_type("key", expected, key));
    }
    Ok(vetassist_core::Key::from_bytes(&*key_bytes(key, "key")?))
}

/// Returns a copy of the 32 bytes of a key.
pub(crate) fn key_bytes(key: &Bound<'_, PyAny>, what: &str) -> PyResult<Zeroizing<[u8; KEY_LEN]>> {
    let data = Data::of_bytes(key, what)?;
    let bytes = data.as_bytes();
    let refused = |_| {
        let message = format!("{what} must be {KEY_LEN} bytes, not {}", bytes.len());
        error(key.py(), "ERR_INVALID_KEY", &message)
    };
    Ok(Zeroizing::new(bytes.try_into().map_err(refused)?))
}

fn seal<'py>(
    key: &vetassist_core::Key,
    plaintext: &Bound<'py, PyAny>,
    aad: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let (plaintext, aad, py) =
        (Data::of_data(plaintext, "plaintext")?, Data::of_aad(aad)?, plaintext.py());
    let (plaintext, aad) = (plaintext.as_bytes(), or_empty(aad.as_ref()));
    sealed(py, plaintext.len(), |out| key.seal_into(Nonce::random()?, plaintext, aad, out))
}

fn open<'py>(
    key: &vetassist_core::Key,
    sealed: &Bound<'py, PyAny>,
    aad: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let (sealed, aad, py) = (Data::of_bytes(sealed, "sealed")?, Data::of_aad(aad)?, sealed.py());
    let (sealed, aad) = (sealed.as_bytes(), or_empty(aad.as_ref()));
    opened(py, sealed, |out| key.open_into(sealed, aad, out))
}

fn open_text<'py>(
    key: &vetassist_core::Key,
    sealed: &Bound<'py, PyAny>,
    aad: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyString>> {
    let (sealed, aad, py) = (Data::of_bytes(sealed, "sealed")?, Data::of_aad(aad)?, sealed.py());
    let (sealed, aad) = (sealed.as_bytes(), or_empty(aad.as_ref()));
    Ok(opened_text(py, sealed, |out| key.open_into(sealed, aad, out))?.0)
}
