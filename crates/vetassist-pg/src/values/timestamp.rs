//! `timestamptz`.

use pgrx::pg_sys;

use crate::backend;

/// A `timestamptz`: microseconds since 2000-01-01 UTC, or infinity.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timestamp(pg_sys::TimestampTz);

argument!(Timestamp, Timestamp, "timestamp with time zone", TIMESTAMPTZOID, Timestamp::of_datum);

impl Timestamp {
    /// Treats a datum as a `timestamptz`, which is passed by value. The datum must be one.
    #[allow(unsafe_code)]
    unsafe fn of_datum(datum: pg_sys::Datum) -> Self {
        Self(datum.value().cast_signed() as i64)
    }

    fn into_raw(self) -> pg_sys::Datum {
        self.0.into()
    }

    /// Returns the time of `now()`.
    pub(crate) fn of_transaction() -> Self {
        Self(backend::transaction_time())
    }

    /// Returns the time of `clock_timestamp()`.
    pub(crate) fn of_clock() -> Self {
        Self(backend::clock_time())
    }
}
