//! Queries that several tests use, and the SQLSTATE of an error.

use postgres::{Client, Error};
use vetassist_core::schema::{compare, CatalogRow, Difference, Guards, CATALOG_QUERY};

/// Returns the SQLSTATE of an error that the server sent.
#[must_use]
pub fn sqlstate(error: &Error) -> &str {
    error.code().map_or("none", |code| code.code())
}

/// Returns the rows of the core's catalog query for a schema. The query works without the extension.
#[must_use]
pub fn catalog_rows(db: &mut Client, schema: &str) -> Vec<CatalogRow> {
    let mut transaction = db.transaction().unwrap();
    transaction.batch_execute("SET LOCAL search_path = pg_catalog").unwrap();
    transaction
        .query(CATALOG_QUERY, &[&schema])
        .unwrap()
        .iter()
        .map(|row| CatalogRow { object: row.get(0), attribute: row.get(1), value: row.get(2) })
        .collect()
}

/// Returns how the tables in a schema differ from the core's description, as the core computes it.
#[must_use]
pub fn differences(db: &mut Client, schema: &str, guards: Guards) -> Vec<Difference> {
    compare(&catalog_rows(db, schema), guards)
}

/// Returns the first column of a query's result, which must be text.
#[must_use]
pub fn column_of(db: &mut Client, query: &str) -> Vec<String> {
    db.query(query, &[]).unwrap().iter().map(|row| row.get(0)).collect()
}

/// Returns the objects of the extension, and for functions how they may be used. The tables' row types are left out,
/// because they belong to the extension only in some versions of PostgreSQL.
#[must_use]
pub fn inventory(db: &mut Client) -> Vec<String> {
    column_of(
        db,
        "SELECT pg_describe_object(classid, objid, objsubid) ||
                coalesce((SELECT format(' [%s %s%s%s]',
                    CASE provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END,
                    CASE proparallel WHEN 's' THEN 'parallel safe' WHEN 'r' THEN 'parallel restricted' ELSE 'parallel unsafe' END,
                    CASE WHEN prosecdef THEN ' security definer' END,
                    CASE WHEN EXISTS (SELECT FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) WHERE grantee = 0)
                         THEN ' public' END)
                    FROM pg_proc p WHERE p.oid = objid AND classid = 'pg_proc'::regclass), '')
         FROM pg_depend
         WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e' AND classid <> 'pg_type'::regclass
           AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'vetassist')
         ORDER BY 1",
    )
}
