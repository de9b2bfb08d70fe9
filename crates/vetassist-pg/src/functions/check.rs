//! Shows problems that an operator should know.

use core::sync::atomic::{AtomicBool, Ordering};

use pgrx::{iter::TableIterator, name, pg_extern, search_path};

use super::definitions::changed;
use crate::{
    backend,
    errors::{Result, SqlResult},
    owner::{as_role, owner_or_superuser},
    statements::{connected, failed, own_schema},
    values::{Text, TextResult},
};

/// Set before the server forks, so that each of its processes has the value.
static IS_PRELOADED: AtomicBool = AtomicBool::new(false);

/// Notes whether the server is starting. It is called once, when the library is loaded.
pub(super) fn init() {
    IS_PRELOADED.store(backend::is_preloading(), Ordering::Relaxed);
}

/// Returns whether the library was loaded when the server started.
#[pg_extern(stable, strict, parallel_safe, sql = false)]
fn vetassist_is_preloaded() -> bool {
    IS_PRELOADED.load(Ordering::Relaxed)
}

/// Returns the problems that `vetassist_checks()` finds, and the objects of the extension that were changed. It has the
/// rights that `vetassist_checks()` needs.
#[pg_extern(stable, strict, parallel_unsafe, sql = false)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)] // the columns
fn vetassist_check() -> SqlResult<
    TableIterator<
        'static,
        (
            name!(severity, Option<TextResult>),
            name!(subject, Option<TextResult>),
            name!(message, Option<TextResult>),
            name!(hint, Option<TextResult>),
        ),
    >,
> {
    let rows = connected(|client| {
        let schema = own_schema(client)?;
        let checks =
            format!("SELECT severity, subject, message, hint FROM {schema}.vetassist_checks()");
        let role = owner_or_superuser(client)?;
        let rows = as_role(role, || client.select(&checks, None, &[]).map_err(failed))?;
        let mut found = rows
            .map(|row| {
                // The column outlives the connection, so it is copied.
                let text = |column| -> Result<Option<String>> {
                    let text: Option<Text<'_>> = row.get(column).map_err(failed)?;
                    text.map(|text| Ok(text.to_readable()?.into_owned())).transpose()
                };
                Ok([text(1)?, text(2)?, text(3)?, text(4)?])
            })
            .collect::<Result<Vec<_>>>()?;
        found.extend(changed(client)?.into_iter().map(|(object, problem)| {
            [
                Some("error".to_owned()),
                Some(object),
                Some(problem.to_owned()),
                Some("Only a superuser can change it: find out who did. SELECT vetassist_detach(), DROP EXTENSION vetassist and CREATE EXTENSION vetassist make all functions again and keep the tables.".to_owned()),
            ]
        }));
        Ok(found)
    })?;
    let rows = rows.into_iter().map(|row| {
        let text = |text: Option<String>| text.map(|text| TextResult::of(&text)).transpose();
        let [severity, subject, message, hint] = row;
        Ok((text(severity)?, text(subject)?, text(message)?, text(hint)?))
    });
    Ok(TableIterator::new(rows.collect::<Result<Vec<_>>>()?))
}
