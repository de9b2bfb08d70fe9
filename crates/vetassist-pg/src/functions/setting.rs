//! Settings that functions in SQL read.

use pgrx::{pg_extern, PgSqlErrorCode};

use crate::{
    errors::{Error, SqlResult},
    settings,
    values::{Text, TextResult},
};

/// Returns the value in force of a setting, as `on` or `off`. `name` is the name of the setting without its prefix; only
/// `refresh_paused` is known.
#[pg_extern(stable, strict, parallel_safe, sql = false)]
fn vetassist_setting(name: Text<'_>) -> SqlResult<TextResult> {
    let is_on = match name.as_bytes() {
        b"refresh_paused" => settings::refresh_paused()?,
        _ => {
            return Err(Error::new(
                PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
                "there is no such setting",
                "Only functions of vetassist call this function.",
            )
            .into())
        }
    };
    Ok(TextResult::of(if is_on { "on" } else { "off" })?)
}
