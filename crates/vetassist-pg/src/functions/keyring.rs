//! The server's key ring. No key is ever a SQL value here.

use pgrx::{iter::TableIterator, name, pg_extern, pg_sys::panic::ErrorReport};

use crate::{
    errors::Answer,
    keyring::{self, with_ring},
};

/// The keys of the ring, by fingerprint.
#[pg_extern(stable, strict, parallel_safe, sql = false)]
#[allow(clippy::type_complexity)] // the columns, which pgrx reads here and through no alias
fn vetassist_keys() -> Result<
    TableIterator<
        'static,
        (
            name!(position, i32),
            name!(fingerprint, String),
            name!(is_current, bool),
            name!(source, String),
        ),
    >,
    ErrorReport,
> {
    Ok(with_ring(|loaded| {
        let rows: Vec<_> = (1..)
            .zip(loaded.ring.keys())
            .map(|(position, key)| {
                let fingerprint = key.fingerprint().to_string();
                (position, fingerprint, position == 1, loaded.source.name().to_owned())
            })
            .collect();
        Ok(TableIterator::new(rows))
    })?)
}

/// Reads the ring again, in this backend, and says how many keys it holds.
#[pg_extern(volatile, strict, parallel_restricted, sql = false)]
fn vetassist_reload_keys() -> Answer<i32> {
    keyring::forget();
    Ok(with_ring(|loaded| Ok(i32::try_from(loaded.ring.keys().len()).unwrap_or(i32::MAX)))?)
}
