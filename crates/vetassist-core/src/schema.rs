//! Describes the tables, the four and those that vetassist adds, and compares a live database with the description.
//!
//! A caller runs [`CATALOG_QUERY`] with the name of the schema, and passes its rows to [`compare`]. The rows
//! are plain text, so that every driver can read them.

mod compare;
mod expected;
mod own_tables;
mod tables;

pub use compare::{compare, CatalogRow, Difference};
pub use own_tables::own_tables;
pub use tables::{
    length_of, tables, Column, ForeignKey, Guard, Guards, Index, Table, AUDIT_SEQUENCE,
};

/// The query that reads the catalogs of a PostgreSQL server: one row (object, attribute, value) for each fact about
/// the tables in schema `$1`, and for each problem around them.
///
/// Run it with `search_path` set to `pg_catalog` and `quote_all_identifiers` to `off`, so that PostgreSQL writes the
/// schema before every name that is not its own, and quotes only names that need it.
pub const CATALOG_QUERY: &str = include_str!("schema/catalog.sql");
