//! Reads the server process's environment variable `VETASSIST_MASTER_KEY`.

use std::os::unix::ffi::OsStringExt;

use zeroize::Zeroizing;

use super::memory::SecretText;
use crate::errors::{config, Outcome};

const KEY_VARIABLE: &str = "VETASSIST_MASTER_KEY";

/// The variable's value, if it is set to something.
pub(super) fn read() -> Outcome<Option<SecretText>> {
    let Some(value) = std::env::var_os(KEY_VARIABLE).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let value = Zeroizing::new(value.into_vec());
    let mut text = SecretText::with_room(value.len()).map_err(|error| {
        config(format!("there is no memory for the key ring: {error}"), "Try again.")
    })?;
    text.room()[..value.len()].copy_from_slice(&value);
    text.extend(value.len());
    Ok(Some(text))
}
