//! Checks that read more than tables: the key file, the memory of the keys.

use pgrx::{pg_extern, PgSqlErrorCode};

use crate::{
    errors::{Error, SqlResult},
    keyring,
    values::Text,
};

/// Returns whether keys may be copied from a place: a key file in the `data_directory`, this process's `memory`. Never a
/// setting's value.
#[pg_extern(stable, strict, parallel_restricted, sql = false)]
fn vetassist_keys_are_exposed(place: Text<'_>) -> SqlResult<bool> {
    match place.as_bytes() {
        b"data_directory" => Ok(keyring::is_in_data_directory()?),
        b"memory" => Ok(keyring::is_exposed()),
        _ => Err(Error::new(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            "there is no such place",
            "It is for functions of vetassist.",
        )
        .into()),
    }
}
