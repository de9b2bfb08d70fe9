//! `vetassist_check_schema()`.

use pgrx::{
    datum::DatumWithOid, iter::TableIterator, name, pg_extern, pg_sys, search_path, spi, Spi,
};
use vetassist_core::schema::{compare, CatalogRow, Guards, CATALOG_QUERY};

/// How the live tables differ from what they must be; no row where they do not.
#[pg_extern(stable, strict, parallel_restricted, sql = false)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)] // the columns
fn vetassist_check_schema() -> Result<
    TableIterator<
        'static,
        (
            name!(object, String),
            name!(problem, String),
            name!(expected, Option<String>),
            name!(found, Option<String>),
        ),
    >,
    spi::Error,
> {
    let (rows, is_older) = Spi::connect(|client| {
        let (schema, is_older) = client
            .select(
                "SELECT n.nspname::text, e.extversion IN ('0.1.0', '0.2.0')
                 FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'vetassist'",
                Some(1),
                &[],
            )?
            .first()
            .get_two::<String, bool>()?;
        let mut rows = Vec::new();
        for row in client.select(CATALOG_QUERY, None, &[DatumWithOid::from(schema)])? {
            let text = |column| row.get::<String>(column).map(Option::unwrap_or_default);
            rows.push(CatalogRow { object: text(1)?, attribute: text(2)?, value: text(3)? });
        }
        Ok::<_, spi::Error>((rows, is_older == Some(true)))
    })?;
    // SAFETY: a variable of this process, set while a CREATE EXTENSION runs its script.
    let installing = unsafe { pg_sys::creating_extension };
    let guards = match (installing, is_older) {
        (true, _) => Guards::Allowed,
        (false, true) => Guards::Older,
        (false, false) => Guards::Required,
    };
    let differences =
        compare(&rows, guards).into_iter().map(|d| (d.object, d.problem, d.expected, d.found));
    Ok(TableIterator::new(differences))
}
