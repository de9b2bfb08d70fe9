//! Compares the tables of the database with the schema that they must have.

use pgrx::{iter::TableIterator, name, pg_extern, search_path};
use vetassist_core::schema::{compare, CatalogRow, Guards, CATALOG_QUERY};

use crate::{
    backend,
    errors::{Result, SqlResult},
    statements::{connected, failed, one},
    values::{Text, TextResult},
};

/// Returns the differences between the tables of the database and the schema that they must have.
#[pg_extern(stable, strict, parallel_restricted, sql = false)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)] // the columns
fn vetassist_check_schema() -> SqlResult<
    TableIterator<
        'static,
        (
            name!(object, TextResult),
            name!(problem, TextResult),
            name!(expected, Option<TextResult>),
            name!(found, Option<TextResult>),
        ),
    >,
> {
    let (rows, is_older) = connected(|client| {
        let extension = client.select(
            "SELECT n.nspname::text, e.extversion IN ('0.1.0', '0.2.0')
             FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'vetassist'",
            Some(1),
            &[],
        );
        let extension = extension.map_err(failed)?.first();
        let (schema, is_older): (Text<'_>, bool) = (one(extension.get(1))?, one(extension.get(2))?);
        let mut rows = Vec::new();
        for row in client.select(CATALOG_QUERY, None, &[schema.into()]).map_err(failed)? {
            let text = |column| -> Result<String> {
                let text: Option<Text<'_>> = row.get(column).map_err(failed)?;
                text.map_or(Ok(String::new()), |text| Ok(text.to_readable()?.into_owned()))
            };
            rows.push(CatalogRow { object: text(1)?, attribute: text(2)?, value: text(3)? });
        }
        Ok((rows, is_older))
    })?;
    let guards = match (backend::is_creating_extension(), is_older) {
        (true, _) => Guards::Allowed,
        (false, true) => Guards::Older,
        (false, false) => Guards::Required,
    };
    let text = |text: Option<String>| text.map(|text| TextResult::of(&text)).transpose();
    let differences = compare(&rows, guards).into_iter().map(|d| {
        let (object, problem) = (TextResult::of(&d.object)?, TextResult::of(&d.problem)?);
        Ok((object, problem, text(d.expected)?, text(d.found)?))
    });
    Ok(TableIterator::new(differences.collect::<Result<Vec<_>>>()?))
}
