//! The server's key ring. No function here takes or returns a key.

use pgrx::{iter::TableIterator, name, pg_extern};

use crate::{
    errors::{Result, SqlResult},
    keyring::{self, with_ring},
    values::TextResult,
};

/// Returns the fingerprint of each key of the ring.
#[pg_extern(stable, strict, parallel_safe, sql = false)]
#[allow(clippy::type_complexity)] // the columns, which pgrx reads here and through no alias
fn vetassist_keys() -> SqlResult<
    TableIterator<
        'static,
        (
            name!(position, i32),
            name!(fingerprint, TextResult),
            name!(is_current, bool),
            name!(source, TextResult),
        ),
    >,
> {
    let rows = with_ring(|session, source| {
        (1..)
            .zip(session.ring().keys())
            .map(|(position, key)| {
                let fingerprint = TextResult::of(key.fingerprint().as_str())?;
                Ok((position, fingerprint, position == 1, TextResult::of(source.name())?))
            })
            .collect::<Result<Vec<_>>>()
    })?;
    Ok(TableIterator::new(rows))
}

/// Reads the ring again, in this backend, and returns how many keys it holds.
#[pg_extern(volatile, strict, parallel_restricted, sql = false)]
fn vetassist_reload_keys() -> SqlResult<i32> {
    keyring::forget();
    let count = with_ring(|session, _| Ok(session.ring().keys().len()))?;
    Ok(i32::try_from(count).unwrap_or(i32::MAX))
}
