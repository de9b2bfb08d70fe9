//! Master keys.

use std::sync::Arc;

use pyo3::{
    prelude::*,
    types::{PyString, PyTuple},
};
use vetassist_core::{Fingerprint, IpHash};

use crate::{
    arguments::{user_id, with_text},
    errors::{error, not_copyable, wrong_type, Refused},
    held::Held,
    key::{key_bytes, Key},
    key_ring::KeyRing,
};

/// Derives all other keys, and never seals anything itself.
///
/// The object cannot be copied or pickled. Used with `with`, the key is freed at the end.
#[pyclass(frozen, module = "vetassist", name = "MasterKey")]
pub(crate) struct MasterKey {
    held: Held<vetassist_core::MasterKey>,
}

impl MasterKey {
    /// Returns the secret for one call.
    pub(crate) fn live(&self, py: Python<'_>) -> PyResult<Arc<vetassist_core::MasterKey>> {
        self.held.live(py, "MasterKey")
    }
}

#[pymethods]
impl MasterKey {
    #[new]
    #[pyo3(signature = (key, /))]
    fn made(key: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self { held: Held::new(imported(key, "master key")?) })
    }

    /// Derives the key that seals this user's tokens. Text is a UUID in its hyphenated form of 36 characters.
    fn derive_user_key(&self, user_id: &Bound<'_, PyAny>) -> PyResult<Key> {
        let (master, id) = (self.live(user_id.py())?, self::user_id(user_id)?);
        Ok(Key::new(master.derive_user_key(&id)))
    }

    /// Returns 16 hexadecimal digits that identify the key and are safe to print.
    #[pyo3(name = "fingerprint")]
    fn name(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.live(py)?.fingerprint().to_string())
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
        Err(not_copyable(protocol.py(), "MasterKey"))
    }

    fn __repr__(&self) -> String {
        let name = self
            .held
            .get()
            .map_or_else(|| ", freed".into(), |key| format!(" {}", key.fingerprint()));
        format!("<vetassist.MasterKey{name}>")
    }
}

/// A master key for one call.
pub(crate) enum Given {
    Key(Arc<vetassist_core::MasterKey>),
    /// A ring, whose current key is used.
    Ring(Arc<vetassist_core::KeyRing>),
}

impl Given {
    /// Reads a master key in any form, or a ring.
    pub(crate) fn of(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = value.py();
        if let Ok(ring) = value.cast::<KeyRing>() {
            return Ok(Self::Ring(ring.get().live(py)?));
        }
        if let Ok(key) = value.cast::<MasterKey>() {
            return Ok(Self::Key(key.get().live(py)?));
        }
        Ok(Self::Key(Arc::new(imported(value, "master key")?)))
    }

    fn key(&self) -> &vetassist_core::MasterKey {
        match self {
            Self::Key(key) => key,
            Self::Ring(ring) => ring.current(),
        }
    }

    pub(crate) fn upgrade_ip_hash(&self, plain: &IpHash) -> IpHash {
        self.key().upgrade_ip_hash(plain)
    }

    fn fingerprint(&self) -> Fingerprint {
        self.key().fingerprint()
    }
}

/// Returns the fingerprint of a master key, or of the current key of a ring.
#[pyfunction]
#[pyo3(signature = (master_key, /))]
pub(crate) fn fingerprint(master_key: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(Given::of(master_key)?.fingerprint().to_string())
}

/// Creates a master key from bytes, from text of hexadecimal digits, or from another master key.
pub(crate) fn imported(
    value: &Bound<'_, PyAny>,
    what: &str,
) -> PyResult<vetassist_core::MasterKey> {
    let py = value.py();
    if let Ok(key) = value.cast::<MasterKey>() {
        let key = key.get().live(py)?;
        return Ok(vetassist_core::MasterKey::from_bytes(key.expose_bytes()));
    }
    if value.is_instance_of::<PyString>() {
        return with_text(value, what, |digits| {
            vetassist_core::MasterKey::from_hex(digits).map_err(|refused| refused.raised(py))
        });
    }
    match key_bytes(value, what) {
        Ok(bytes) => Ok(vetassist_core::MasterKey::from_bytes(&bytes)),
        Err(failure) if failure.is_instance_of::<pyo3::exceptions::PyTypeError>(py) => {
            let expected = "a MasterKey, 32 bytes, or a str of 64 hexadecimal digits";
            Err(wrong_type(what, expected, value))
        }
        Err(failure) => Err(failure),
    }
}

/// Returns the error for a refused ring.
pub(crate) fn ring_error(py: Python<'_>, detail: &str) -> PyErr {
    error(py, "ERR_INVALID_KEY_RING", &format!("the key ring was refused: {detail}"))
}
