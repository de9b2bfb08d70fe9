//! What an operator should look at.

use core::sync::atomic::{AtomicBool, Ordering};

use pgrx::{iter::TableIterator, name, pg_extern, pg_sys, search_path, spi, Spi};

use crate::{
    errors::SqlResult,
    owner::as_role,
    statements::{failed, internal},
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

type Row = (Option<String>, Option<String>, Option<String>, Option<String>);

/// Returns what `vetassist_checks()` finds, with the rights that it takes.
#[pg_extern(stable, strict, parallel_unsafe, sql = false)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)] // the columns
fn vetassist_check() -> SqlResult<
    TableIterator<
        'static,
        (
            name!(severity, Option<String>),
            name!(subject, Option<String>),
            name!(message, Option<String>),
            name!(hint, Option<String>),
        ),
    >,
> {
    // SAFETY: reads the state of this process.
    let (is_superuser, caller) = unsafe { (pg_sys::superuser(), pg_sys::GetUserId()) };
    let (query, owner) = described().map_err(failed)?;
    let (Some(query), Some(owner)) = (query, owner) else {
        return Err(internal("the extension has no tables").into());
    };
    let rows = as_role(if is_superuser { caller } else { owner }, || checks(&query));
    Ok(TableIterator::new(rows.map_err(failed)?))
}

/// Returns the query that makes all checks, and who owns the tables.
fn described() -> spi::Result<(Option<String>, Option<pg_sys::Oid>)> {
    Spi::get_two(
        "SELECT format('SELECT severity, subject, message, hint FROM %I.vetassist_checks()', n.nspname), c.relowner
         FROM pg_extension e
         JOIN pg_namespace n ON n.oid = e.extnamespace
         JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
         JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid AND c.relname = 'vetassist_users'
         WHERE e.extname = 'vetassist'",
    )
}

fn checks(query: &str) -> spi::Result<Vec<Row>> {
    Spi::connect(|client| {
        let rows = client.select(query, None, &[])?;
        rows.map(|row| Ok((row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))).collect()
    })
}
