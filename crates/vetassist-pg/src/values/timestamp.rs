//! `timestamptz`.

use pgrx::{pg_sys, FromDatum};

/// A `timestamptz`: microseconds since 2000-01-01 UTC, or infinity.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timestamp(pg_sys::TimestampTz);

argument!(Timestamp, Timestamp, "timestamp with time zone", TIMESTAMPTZOID);

impl Timestamp {
    unsafe fn from_raw(datum: pg_sys::Datum) -> Self {
        // SAFETY: the caller promises a timestamptz, which is passed by value.
        Self(unsafe { i64::from_datum(datum, false) }.unwrap_or_default())
    }

    fn into_raw(self) -> pg_sys::Datum {
        self.0.into()
    }

    /// Returns what `now()` returns.
    pub(crate) fn of_transaction() -> Self {
        // SAFETY: reads a variable of this process.
        Self(unsafe { pg_sys::GetCurrentTransactionStartTimestamp() })
    }

    /// Returns what `clock_timestamp()` returns.
    pub(crate) fn of_clock() -> Self {
        // SAFETY: asks the system for the time.
        Self(unsafe { pg_sys::GetCurrentTimestamp() })
    }
}
