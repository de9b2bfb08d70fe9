//! Checks that read more than tables: the place of the key file, the memory of the keys, and the server's configuration.

use pgrx::{iter::TableIterator, name, pg_extern, pg_sys, search_path, PgSqlErrorCode};

use crate::{
    errors::{Error, Result, SqlResult},
    keyring,
    owner::as_role,
    statements::{connected, failed, one},
    values::{Text, TextResult},
};

/// Selects the server's values of settings of the log that this session overrides, because its role or the options of its
/// connection have another value.
const OVERRIDDEN: &str = "
    SELECT s.name, coalesce(
        (SELECT f.setting FROM pg_catalog.pg_file_settings AS f
         WHERE lower(f.name) = s.name AND f.error IS NULL ORDER BY f.seqno DESC LIMIT 1), s.boot_val, '')
    FROM pg_catalog.pg_settings AS s
    WHERE s.source IN ('user', 'database user', 'client') AND s.name ~ '^(log_|debug_print_|pgaudit[.]log_|auto_explain[.]log_)'";

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

/// Returns the settings of the log that this session overrides, with the values of other sessions. It reads the server's
/// files with the rights of a superuser. Only the owner of the tables may call it.
#[pg_extern(stable, strict, parallel_restricted, sql = false)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)] // the columns
fn vetassist_overridden_settings(
) -> SqlResult<TableIterator<'static, (name!(name, TextResult), name!(value, TextResult))>> {
    let rows = connected(|client| {
        let rows = as_role(pg_sys::BOOTSTRAP_SUPERUSERID.into(), || {
            client.select(OVERRIDDEN, None, &[]).map_err(failed)
        })?;
        rows.map(|row| {
            // The column outlives the connection, so it is copied.
            let text = |column| -> Result<String> {
                let text: Text<'_> = one(row.get(column))?;
                Ok(text.to_readable()?.into_owned())
            };
            Ok((text(1)?, text(2)?))
        })
        .collect::<Result<Vec<_>>>()
    })?;
    let rows =
        rows.into_iter().map(|(name, value)| Ok((TextResult::of(&name)?, TextResult::of(&value)?)));
    Ok(TableIterator::new(rows.collect::<Result<Vec<_>>>()?))
}
