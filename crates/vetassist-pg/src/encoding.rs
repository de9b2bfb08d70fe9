//! The encoding of the database, which all text outside Rust is in.

use core::cell::OnceCell;

use pgrx::pg_sys;

use crate::backend;

thread_local! {
    /// Of the one database that a backend is ever connected to.
    static IS_UTF8: OnceCell<bool> = const { OnceCell::new() };
}

/// Returns whether text in this database is UTF-8.
pub(crate) fn is_utf8() -> bool {
    IS_UTF8.with(|is_utf8| {
        *is_utf8.get_or_init(|| backend::encoding() == pg_sys::pg_enc::PG_UTF8 as i32)
    })
}

/// Returns whether this database does not know what its text is encoded in.
pub(crate) fn is_unknown() -> bool {
    backend::encoding() == pg_sys::pg_enc::PG_SQL_ASCII as i32
}
