//! The encoding of the database. All text outside Rust has this encoding.

use core::cell::OnceCell;

use pgrx::pg_sys;

use crate::backend;

thread_local! {
    /// Cached, because a backend is connected to one database for its whole life.
    static IS_UTF8: OnceCell<bool> = const { OnceCell::new() };
}

/// Returns whether text in this database is UTF-8.
pub(crate) fn is_utf8() -> bool {
    IS_UTF8.with(|is_utf8| {
        *is_utf8.get_or_init(|| backend::encoding() == pg_sys::pg_enc::PG_UTF8 as i32)
    })
}

/// Returns whether the encoding of this database is `SQL_ASCII`, so that the encoding of its text is unknown.
pub(crate) fn is_unknown() -> bool {
    backend::encoding() == pg_sys::pg_enc::PG_SQL_ASCII as i32
}
