//! Checks that read more than tables: the key file, the memory of the keys.

use pgrx::pg_extern;

use crate::{errors::SqlResult, keyring};

/// Returns the names of what is wrong with where the keys are: `data_directory`, `memory`. Never a setting's value.
#[pg_extern(stable, strict, parallel_restricted, sql = false)]
fn vetassist_key_hazards() -> SqlResult<Vec<&'static str>> {
    let hazards =
        [("data_directory", keyring::is_in_data_directory()?), ("memory", keyring::is_exposed())];
    Ok(hazards.into_iter().filter(|(_, is_there)| *is_there).map(|(name, _)| name).collect())
}
