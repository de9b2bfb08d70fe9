//! Checks that read more than tables: the place of the key file, and the memory of the keys.

use pgrx::{pg_extern, PgSqlErrorCode};

use crate::{
    errors::{Error, SqlResult},
    keyring,
    values::Text,
};

/// Returns whether keys are exposed at a place: `data_directory` (the key file is inside it) or `memory` (the system may
/// write the memory of this process to swap or core dumps). It never returns the value of a setting.
#[pg_extern(stable, strict, parallel_restricted, sql = false)]
fn vetassist_keys_are_exposed(place: Text<'_>) -> SqlResult<bool> {
    match place.as_bytes() {
        b"data_directory" => Ok(keyring::is_in_data_directory()?),
        b"memory" => Ok(keyring::is_exposed()),
        _ => Err(Error::new(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            "there is no such place",
            "Only functions of vetassist call this function.",
        )
        .into()),
    }
}
