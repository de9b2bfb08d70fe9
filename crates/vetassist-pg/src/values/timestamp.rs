//! `timestamptz`.

use pgrx::pg_sys;

use crate::backend;

/// A `timestamptz`: microseconds since 2000-01-01 UTC, or infinity.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timestamp(pg_sys::TimestampTz);

argument!(Timestamp, Timestamp, "timestamp with time zone", TIMESTAMPTZOID, Timestamp::of_datum);

impl Timestamp {
    /// Takes a datum to be a `timestamptz`, which it must be: it is passed by value.
    #[allow(unsafe_code)]
    unsafe fn of_datum(datum: pg_sys::Datum) -> Self {
        Self(datum.value().cast_signed() as i64)
    }

    fn into_raw(self) -> pg_sys::Datum {
        self.0.into()
    }

    /// Returns what `now()` returns.
    pub(crate) fn of_transaction() -> Self {
        Self(backend::transaction_time())
    }

    /// Returns what `clock_timestamp()` returns.
    pub(crate) fn of_clock() -> Self {
        Self(backend::clock_time())
    }
}
