//! The four tables as they must be, and the comparison of a live database with them.
//!
//! A caller runs [`CATALOG_QUERY`] with the name of the schema to look in, and hands its rows to
//! [`compare`]. The rows are plain text, so that any driver can bring them.

mod compare;
mod tables;

pub use compare::{compare, CatalogRow, Difference, Guards};
pub use tables::{length_of, tables, Column, ForeignKey, Guard, Index, Table, AUDIT_SEQUENCE};

/// Reads the catalogs of a PostgreSQL server: one row (object, attribute, value) for each fact about
/// the four tables in schema `$1`.
///
/// Run it with `search_path` set to `pg_catalog`, so that PostgreSQL writes every name that is not its
/// own with its schema.
pub const CATALOG_QUERY: &str = include_str!("schema/catalog.sql");
