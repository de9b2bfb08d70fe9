//! Reads and writes times as text.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::{format_description::well_known::Rfc3339, OffsetDateTime};
use vetassist_core::Timestamp;

/// Returns the time now.
#[must_use]
pub fn now() -> OffsetDateTime {
    // A clock before 1970 is wrong, and counts as 1970.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    OffsetDateTime::UNIX_EPOCH + since
}

/// Returns a time of the log as text: RFC 3339, or PostgreSQL's word for an infinity.
#[must_use]
pub fn text(time: Timestamp) -> String {
    let calendar = OffsetDateTime::try_from(time).ok();
    calendar.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_else(|| {
        let word = match time {
            Timestamp::INFINITY => "infinity",
            Timestamp::NEG_INFINITY => "-infinity",
            _ => "a time beyond the calendar",
        };
        word.into()
    })
}

/// Reads a duration: a number and one of `s`, `m`, `h` and `d`.
///
/// # Errors
/// A message for the user.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let units = [('s', 1), ('m', 60), ('h', 3600), ('d', 86400)];
    let unit = units.into_iter().find_map(|(unit, seconds)| {
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(seconds).map(Duration::from_secs)
    });
    unit.ok_or_else(|| "write a number and s, m, h or d, such as 90m".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_and_a_unit() {
        assert_eq!(parse_duration("90m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse_duration("1h"), Ok(Duration::from_secs(3600)));
        assert_eq!(parse_duration("0s"), Ok(Duration::ZERO));
        for refused in ["", "1", "h", "-1h", "1 h", "1.5h", "99999999999999999d", "1y"] {
            assert!(parse_duration(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn a_time_is_written_as_rfc_3339_or_as_out_of_range() {
        let time = Timestamp::from_unix_micros(1_767_323_045_678_901);
        assert_eq!(time.map(text).as_deref(), Some("2026-01-02T03:04:05.678901Z"));
        assert_eq!(text(Timestamp::INFINITY), "infinity");
        assert_eq!(text(Timestamp::NEG_INFINITY), "-infinity");
        assert_eq!(text(Timestamp::MAX), "a time beyond the calendar");
    }
}
