//! What an operator should look at.

use core::sync::atomic::{AtomicBool, Ordering};

use pgrx::{iter::TableIterator, name, pg_extern, pg_sys, search_path, spi::SpiClient};

use crate::{
    errors::{Result, SqlResult},
    owner::as_role,
    statements::{connected, failed, one, own_schema},
    values::{Text, TextResult},
};

/// Set before the server forks, so that each of its processes has it.
static IS_PRELOADED: AtomicBool = AtomicBool::new(false);

/// Called once, when the library is loaded.
pub(super) fn init() {
    // SAFETY: reads a variable of this process.
    let preloading = unsafe { pg_sys::process_shared_preload_libraries_in_progress };
    IS_PRELOADED.store(preloading, Ordering::Relaxed);
}

/// Returns whether the library was loaded when the server started.
#[pg_extern(stable, strict, parallel_safe, sql = false)]
fn vetassist_is_preloaded() -> bool {
    IS_PRELOADED.load(Ordering::Relaxed)
}

/// Returns what `vetassist_checks()` finds, with the rights that it takes.
#[pg_extern(stable, strict, parallel_unsafe, sql = false)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)] // the columns
fn vetassist_check() -> SqlResult<
    TableIterator<
        'static,
        (
            name!(severity, TextResult),
            name!(subject, TextResult),
            name!(message, TextResult),
            name!(hint, TextResult),
        ),
    >,
> {
    // SAFETY: reads the state of this process.
    let (is_superuser, caller) = unsafe { (pg_sys::superuser(), pg_sys::GetUserId()) };
    let rows = connected(|client| {
        let query = format!(
            "SELECT severity, subject, message, hint FROM {}.vetassist_checks()",
            own_schema(client)?
        );
        let role = if is_superuser { caller } else { owner(client)? };
        as_role(role, || rows(client, &query))
    })?;
    Ok(TableIterator::new(rows))
}

/// Returns who owns the tables.
fn owner(client: &SpiClient<'_>) -> Result<pg_sys::Oid> {
    let owner = client.select(
        "SELECT c.relowner FROM pg_extension e
         JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
         JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid AND c.relkind = 'r'
         WHERE e.extname = 'vetassist'",
        Some(1),
        &[],
    );
    one(owner.and_then(|rows| rows.first().get_one()))
}

type Row = (TextResult, TextResult, TextResult, TextResult);

fn rows(client: &SpiClient<'_>, query: &str) -> Result<Vec<Row>> {
    let rows = client.select(query, None, &[]).map_err(failed)?;
    let rows = rows.map(|row| {
        let text = |column| -> Result<TextResult> {
            let text: Text<'_> = one(row.get(column))?;
            TextResult::of(&text.to_readable()?)
        };
        Ok((text(1)?, text(2)?, text(3)?, text(4)?))
    });
    rows.collect()
}
