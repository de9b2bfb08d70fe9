//! Key rings.

use std::sync::Arc;

use pyo3::{
    prelude::*,
    types::{PyBool, PyBytes, PyList, PyString, PyTuple},
    IntoPyObjectExt,
};
use vetassist_core::{Nonce, RingError, MAX_KEYS};

use crate::{
    arguments::{user_id, Data},
    errors::{not_copyable, wrong_type, Refused},
    held::Held,
    master_key::{imported, ring_error},
    seal::{opened_text, sealed},
};

/// Holds up to 16 master keys, newest first: the first seals, all of them open.
///
/// The object cannot be copied or pickled. Used with `with`, the keys are freed at the end.
#[pyclass(frozen, module = "vetassist", name = "KeyRing")]
pub(crate) struct KeyRing {
    held: Held<vetassist_core::KeyRing>,
}

impl KeyRing {
    /// Returns the secret for one call.
    pub(crate) fn live(&self, py: Python<'_>) -> PyResult<Arc<vetassist_core::KeyRing>> {
        self.held.live(py, "KeyRing")
    }
}

/// The argument `with_position`, a `bool`.
#[derive(Clone, Copy)]
struct WithPosition(bool);

impl<'py> FromPyObject<'_, 'py> for WithPosition {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let truth = value.cast::<PyBool>();
        let truth = truth.map_err(|_| wrong_type("with_position", "a bool", &value))?;
        Ok(Self(truth.is_true()))
    }
}

#[pymethods]
impl KeyRing {
    #[new]
    #[pyo3(signature = (keys, /))]
    fn made(keys: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = keys.py();
        // The list is copied, so that no code can shorten it while its items are read.
        let keys = if let Ok(list) = keys.cast::<PyList>() {
            list.to_tuple()
        } else if let Ok(tuple) = keys.cast::<PyTuple>() {
            tuple.clone()
        } else {
            let expected = "a list or a tuple of master keys (KeyRing.parse reads text)";
            return Err(wrong_type("keys", expected, keys));
        };
        if keys.len() > MAX_KEYS {
            return Err(RingError::TooManyKeys.raised(py));
        }
        let mut made = Vec::with_capacity(MAX_KEYS);
        for (position, key) in keys.iter_borrowed().enumerate() {
            made.push(imported(&key, &format!("keys[{position}]"))?);
        }
        let ring = vetassist_core::KeyRing::new(made).map_err(|refused| match refused {
            RingError::Repeated { at, first } => {
                ring_error(py, &format!("key {at} of the list repeats key {first}"))
            }
            other => other.raised(py),
        })?;
        Ok(Self { held: Held::new(ring) })
    }

    /// Reads a key file: one key of 64 hexadecimal digits on each line, newest first, with `#` before comments.
    #[staticmethod]
    fn parse(text: &Bound<'_, PyAny>) -> PyResult<Self> {
        let data = Data::of_data(text, "text")?;
        let ring = vetassist_core::KeyRing::parse(data.as_bytes());
        Ok(Self { held: Held::new(ring.map_err(|refused| refused.raised(text.py()))?) })
    }

    /// Seals a token for a user under the current key, as SQL's `vetassist_encrypt_token` does.
    fn encrypt_token<'py>(
        &self,
        token: &Bound<'py, PyAny>,
        user_id: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let py = token.py();
        let ring = self.live(py)?;
        let text = token.cast::<PyString>().map_err(|_| wrong_type("token", "a str", token))?;
        let (data, id) = (Data::of_text(text, "token")?, self::user_id(user_id)?);
        let token = data.as_bytes();
        sealed(py, token.len(), |out| {
            ring.current().derive_user_key(&id).seal_into(Nonce::random()?, token, b"", out)
        })
    }

    /// Opens a user's token with the key of the ring that sealed it, as SQL's `vetassist_decrypt_token` does.
    ///
    /// With `with_position` the result is a tuple of the token and the position of that key in the ring, from 0.
    #[pyo3(
        signature = (sealed, user_id, *, with_position=WithPosition(false)),
        text_signature = "($self, sealed, user_id, *, with_position=False)"
    )]
    fn decrypt_token<'py>(
        &self,
        sealed: &Bound<'py, PyAny>,
        user_id: &Bound<'py, PyAny>,
        with_position: WithPosition,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = sealed.py();
        let ring = self.live(py)?;
        let (data, id) = (Data::of_bytes(sealed, "sealed")?, self::user_id(user_id)?);
        let sealed = data.as_bytes();
        let (token, position) =
            opened_text(py, sealed, |out| ring.user(id).open_token_into(sealed, out))?;
        if with_position.0 {
            (token, position).into_bound_py_any(py)
        } else {
            Ok(token.into_any())
        }
    }

    /// Returns the fingerprint of each key, the current one first.
    fn fingerprints(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let ring = self.live(py)?;
        Ok(ring.keys().iter().map(|key| key.fingerprint().to_string()).collect())
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.live(py)?.keys().len())
    }

    /// Frees the keys: later calls raise an error. The keys are wiped when the last running call ends.
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
        Err(not_copyable(protocol.py(), "KeyRing"))
    }

    fn __repr__(&self) -> String {
        let names = self.held.get().map_or_else(
            || ", freed".into(),
            |ring| {
                ring.keys().iter().map(|key| format!(" {}", key.fingerprint())).collect::<String>()
            },
        );
        format!("<vetassist.KeyRing{names}>")
    }
}
