//! The tables as they must be, and the comparison of a live database with them: the four, and those that vetassist adds.
//!
//! A caller runs [`CATALOG_QUERY`] with the name of the schema to look in, and hands its rows to
//! [`compare`]. The rows are plain text, so that any driver can bring them.

mod compare;
mod expected;
mod own_tables;
mod tables;

pub use compare::{compare, CatalogRow, Difference};
pub use own_tables::own_tables;
pub use tables::{
    length_of, tables, Column, ForeignKey, Guard, Guards, Index, Table, AUDIT_SEQUENCE,
};

/// Reads the catalogs of a PostgreSQL server: one row (object, attribute, value) for each fact about
/// the tables in schema `$1`, and about what is wrong around them.
///
/// Run it with `search_path` set to `pg_catalog` and `quote_all_identifiers` to `off`, so that PostgreSQL writes every
/// name that is not its own with its schema, and quotes those alone that need it.
pub const CATALOG_QUERY: &str = include_str!("schema/catalog.sql");
