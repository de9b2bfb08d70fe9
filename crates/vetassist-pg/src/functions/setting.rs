//! Settings that bodies in SQL ask for.

use pgrx::{pg_extern, PgSqlErrorCode};

use crate::{
    errors::{Error, SqlResult},
    settings,
    values::{Text, TextResult},
};

/// Returns the value in force of `vetassist.refresh_paused`, as `on` or `off`; `name` is the setting's without its prefix.
#[pg_extern(stable, strict, parallel_safe, sql = false)]
fn vetassist_setting(name: Text<'_>) -> SqlResult<TextResult> {
    let is_on = match name.as_bytes() {
        b"refresh_paused" => settings::refresh_paused()?,
        _ => {
            return Err(Error::new(
                PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
                "there is no such setting",
                "It is for functions of vetassist.",
            )
            .into())
        }
    };
    Ok(TextResult::of(if is_on { "on" } else { "off" })?)
}
