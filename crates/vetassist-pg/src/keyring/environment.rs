//! Reads the server process's environment variable `VETASSIST_MASTER_KEY`.

use std::os::unix::ffi::OsStringExt;

use zeroize::Zeroizing;

use super::text::{RingText, MAX_LEN};
use crate::errors::{config, Result};

const VARIABLE: &str = "VETASSIST_MASTER_KEY";

/// Returns the value of the variable, unless it is not set or empty.
pub(super) fn read() -> Result<Option<RingText>> {
    let Some(value) = std::env::var_os(VARIABLE).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let value = Zeroizing::new(value.into_vec());
    let mut text = RingText::new();
    let read = text.read_from(&mut &value[..]);
    if read.is_err() || text.is_too_long() {
        return Err(config(
            format!("the environment variable {VARIABLE} is longer than {MAX_LEN} bytes"),
            "Set it to one key, or keep the ring in a file and set vetassist.master_key_file.",
        ));
    }
    Ok(Some(text))
}
