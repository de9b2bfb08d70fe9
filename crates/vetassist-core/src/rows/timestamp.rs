//! Timestamps as PostgreSQL stores them.

#[cfg(any(feature = "time", feature = "chrono"))]
use crate::error::TimestampError;

/// 2000-01-01, from which PostgreSQL counts, in microseconds since 1970-01-01.
const EPOCH: i64 = 946_684_800_000_000;
/// 4714-11-24 BC, the first day in PostgreSQL's range, in microseconds from its epoch.
const FIRST: i64 = -211_813_488_000_000_000;
/// The end of 294276 AD, the last year in PostgreSQL's range.
const END: i64 = 9_223_371_331_200_000_000;

/// A `timestamp with time zone`: microseconds, or one of the two infinities.
///
/// It has the whole range of the column, which no calendar crate has. Convert it with `TryFrom` to and from
/// `time::OffsetDateTime` or `chrono::DateTime<Utc>`, with the feature of that name. Nanoseconds are rounded
/// down to the microsecond. Timestamps compare as in PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

impl Timestamp {
    /// `infinity`: later than every other timestamp.
    pub const INFINITY: Self = Self(i64::MAX);
    /// `-infinity`: earlier than every other timestamp.
    pub const NEG_INFINITY: Self = Self(i64::MIN);
    /// The earliest finite timestamp: 4714-11-24 BC, midnight UTC.
    pub const MIN: Self = Self(FIRST);
    /// The latest finite timestamp: the last microsecond of 294276 AD, UTC.
    pub const MAX: Self = Self(END - 1);

    /// Returns the instant so many microseconds after (or before, if negative) 1970-01-01 UTC; `None` if it
    /// is outside of PostgreSQL's range.
    #[must_use]
    pub const fn from_unix_micros(micros: i64) -> Option<Self> {
        match micros.checked_sub(EPOCH) {
            Some(micros) => Self::finite(micros),
            None => None,
        }
    }

    /// Returns the microseconds from 1970-01-01 UTC; `None` if it is infinite, or in the last 30 years before
    /// [`MAX`](Self::MAX), for which 64 bits do not suffice.
    #[must_use]
    pub const fn unix_micros(self) -> Option<i64> {
        if self.is_finite() {
            self.0.checked_add(EPOCH)
        } else {
            None
        }
    }

    /// Returns true unless the timestamp is infinite.
    #[must_use]
    pub const fn is_finite(self) -> bool {
        self.0 != i64::MIN && self.0 != i64::MAX
    }

    const fn finite(micros: i64) -> Option<Self> {
        if micros >= FIRST && micros < END {
            Some(Self(micros))
        } else {
            None
        }
    }

    /// Returns the microseconds from 1970-01-01 UTC, for every finite timestamp.
    #[cfg(feature = "audit")]
    pub(crate) fn exact_unix_micros(self) -> Option<i128> {
        self.is_finite().then(|| i128::from(self.0) + i128::from(EPOCH))
    }

    /// Returns the instant so many microseconds from 1970-01-01 UTC.
    #[cfg(feature = "audit")]
    pub(crate) fn from_exact_unix_micros(micros: i128) -> Option<Self> {
        let micros = micros.checked_sub(i128::from(EPOCH))?;
        i64::try_from(micros).ok().and_then(Self::finite)
    }

    /// Returns the timestamp for PostgreSQL's wire format: microseconds since 2000-01-01 UTC.
    #[cfg(feature = "postgres")]
    pub(super) const fn from_wire(micros: i64) -> Option<Self> {
        match micros {
            i64::MIN | i64::MAX => Some(Self(micros)),
            _ => Self::finite(micros),
        }
    }

    /// Returns the number of PostgreSQL's wire format.
    #[cfg(feature = "postgres")]
    pub(super) const fn to_wire(self) -> i64 {
        self.0
    }

    /// Returns the microseconds from 1970-01-01 UTC, in a type that fits every timestamp.
    #[cfg(any(feature = "time", feature = "chrono"))]
    fn unix_micros_wide(self) -> Result<i128, TimestampError> {
        if self.is_finite() {
            Ok(i128::from(self.0) + i128::from(EPOCH))
        } else {
            Err(TimestampError::Infinite)
        }
    }

    #[cfg(any(feature = "time", feature = "chrono"))]
    fn from_unix_micros_wide(micros: i128) -> Result<Self, TimestampError> {
        i64::try_from(micros - i128::from(EPOCH))
            .ok()
            .and_then(Self::finite)
            .ok_or(TimestampError::OutOfRange)
    }
}

#[cfg(feature = "time")]
impl TryFrom<Timestamp> for time::OffsetDateTime {
    type Error = TimestampError;

    fn try_from(timestamp: Timestamp) -> Result<Self, TimestampError> {
        Self::from_unix_timestamp_nanos(timestamp.unix_micros_wide()? * 1000)
            .map_err(|_| TimestampError::OutOfRange)
    }
}

#[cfg(feature = "time")]
impl TryFrom<time::OffsetDateTime> for Timestamp {
    type Error = TimestampError;

    fn try_from(instant: time::OffsetDateTime) -> Result<Self, TimestampError> {
        Self::from_unix_micros_wide(instant.unix_timestamp_nanos().div_euclid(1000))
    }
}

#[cfg(feature = "chrono")]
impl TryFrom<Timestamp> for chrono::DateTime<chrono::Utc> {
    type Error = TimestampError;

    fn try_from(timestamp: Timestamp) -> Result<Self, TimestampError> {
        i64::try_from(timestamp.unix_micros_wide()?)
            .ok()
            .and_then(Self::from_timestamp_micros)
            .ok_or(TimestampError::OutOfRange)
    }
}

#[cfg(feature = "chrono")]
impl<Zone: chrono::TimeZone> TryFrom<chrono::DateTime<Zone>> for Timestamp {
    type Error = TimestampError;

    fn try_from(instant: chrono::DateTime<Zone>) -> Result<Self, TimestampError> {
        // Every instant of chrono fits. Fractions of a microsecond are rounded down.
        Self::from_unix_micros_wide(instant.timestamp_micros().into())
    }
}
