//! Checkpoints of the audit log.

use pyo3::{
    prelude::*,
    types::{PyBytes, PyList, PyString, PyTuple},
};
use vetassist_core::audit_log::{Checkpoint, VerifierKey, MAX_SIGNATURES};

use crate::{
    arguments::{with_text, Data},
    errors::{error, wrong_type},
};

/// Verifies a signed checkpoint, and returns its origin, its tree size and its root hash.
#[pyfunction]
pub(crate) fn opened_checkpoint<'py>(
    note: &Bound<'py, PyAny>,
    verifier_keys: &Bound<'py, PyAny>,
) -> PyResult<(String, u64, Bound<'py, PyBytes>)> {
    let py = note.py();
    let note = Data::of_data(note, "note")?;
    let keys = keys(verifier_keys)?;
    let checkpoint = Checkpoint::open(note.as_bytes(), &keys)
        .map_err(|refused| error(py, "ERR_INVALID_CHECKPOINT", &refused.to_string()))?;
    let root = PyBytes::new(py, checkpoint.root.as_bytes());
    Ok((checkpoint.origin.to_string(), checkpoint.size, root))
}

/// Reads one verifier key, or several.
fn keys(given: &Bound<'_, PyAny>) -> PyResult<Vec<VerifierKey>> {
    let py = given.py();
    let read = |key: &Bound<'_, PyAny>| {
        with_text(key, "verifier key", |text| {
            text.parse::<VerifierKey>()
                .map_err(|refused| error(py, "ERR_INVALID_VERIFIER_KEY", &refused.to_string()))
        })
    };
    if given.is_instance_of::<PyString>() {
        return Ok(vec![read(given)?]);
    }
    let given = if let Ok(list) = given.cast::<PyList>() {
        list.to_tuple()
    } else if let Ok(tuple) = given.cast::<PyTuple>() {
        tuple.clone()
    } else {
        return Err(wrong_type("verifier_keys", "a str, or a list or a tuple of str", given));
    };
    if given.is_empty() || given.len() > MAX_SIGNATURES {
        let message = format!("there must be 1 to {MAX_SIGNATURES} verifier keys");
        return Err(error(py, "ERR_INVALID_VERIFIER_KEY", &message));
    }
    given.iter().map(|key| read(&key)).collect()
}
