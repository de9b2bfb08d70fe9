//! Tests rows and the types of their columns without a server. `tests/server` tests them with one.
#![cfg(all(feature = "serde", feature = "time", feature = "chrono"))]
#![allow(clippy::unwrap_used)]

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use serde_json::{from_value, json, to_value};
use time::{macros::datetime, OffsetDateTime};
use vetassist_core::{
    AuthAudit, Fingerprint, IpHash, Json, MasterKey, OpenError, Sealed, Timestamp, TimestampError,
    User, Uuid, VaToken, OVERHEAD,
};

fn at(instant: OffsetDateTime) -> Timestamp {
    instant.try_into().unwrap()
}

#[test]
fn a_sealed_value_shorter_than_nonce_and_tag_is_refused() {
    assert_eq!(Sealed::try_from(vec![0; OVERHEAD - 1]), Err(OpenError::TooShort(27)));
    assert_eq!(Sealed::try_from(&[][..]), Err(OpenError::TooShort(0)));
    let sealed = Sealed::try_from(vec![7; OVERHEAD]).unwrap();
    assert_eq!(format!("{sealed:?}"), "Sealed(28 bytes)");
    assert_eq!(sealed.into_bytes(), [7; OVERHEAD]);
}

#[test]
fn only_a_fingerprint_as_it_is_written_is_read() {
    let fingerprint = MasterKey::from_bytes(&[0x11; 32]).fingerprint();
    assert_eq!(fingerprint.to_string().parse(), Ok(fingerprint));
    let text = fingerprint.to_string();
    for wrong in ["", &text[1..], &text.to_uppercase(), &format!("{text}0"), "g000000000000000"] {
        assert!(wrong.parse::<Fingerprint>().is_err(), "{wrong}");
    }
}

#[test]
fn the_first_and_last_timestamps_are_those_of_the_server() {
    for outside in [i64::MIN, -210_866_803_200_000_001] {
        assert_eq!(Timestamp::from_unix_micros(outside), None, "{outside}");
    }
    assert_eq!(Timestamp::from_unix_micros(-210_866_803_200_000_000), Some(Timestamp::MIN));
    assert_eq!(Timestamp::MIN.unix_micros(), Some(-210_866_803_200_000_000));
    // The server's last 30 years are past the microseconds since 1970 that 64 bits can hold.
    assert_eq!(Timestamp::MAX.unix_micros(), None);
    let last = Timestamp::from_unix_micros(i64::MAX).unwrap();
    assert_eq!(last.unix_micros(), Some(i64::MAX));
    assert!(Timestamp::NEG_INFINITY < Timestamp::MIN && Timestamp::MAX < Timestamp::INFINITY);
    assert!(Timestamp::MAX.is_finite() && !Timestamp::INFINITY.is_finite());
}

#[test]
fn a_timestamp_that_a_calendar_does_not_have_is_an_error() {
    use TimestampError::{Infinite, OutOfRange};
    for (timestamp, error) in [
        (Timestamp::INFINITY, Infinite),
        (Timestamp::NEG_INFINITY, Infinite),
        (Timestamp::MAX, OutOfRange),
    ] {
        assert_eq!(OffsetDateTime::try_from(timestamp), Err(error));
        assert_eq!(DateTime::<Utc>::try_from(timestamp), Err(error));
    }
    // 4714 BC is the year -4713.
    assert_eq!(OffsetDateTime::try_from(Timestamp::MIN), Ok(datetime!(-4713-11-24 00:00 UTC)));
    assert_eq!(Timestamp::try_from(datetime!(-4713-11-23 23:59:59 UTC)), Err(OutOfRange));
    assert_eq!(Timestamp::try_from(DateTime::<Utc>::MIN_UTC), Err(OutOfRange));
    assert!(Timestamp::try_from(DateTime::<Utc>::MAX_UTC).is_ok());
}

#[test]
fn nanoseconds_are_rounded_down_to_microseconds() {
    let cut = at(datetime!(1969-12-31 23:59:59.999_999 UTC));
    assert_eq!(at(datetime!(1969-12-31 23:59:59.999_999_999 UTC)), cut);
    assert_eq!(cut.unix_micros(), Some(-1));
    let chrono = DateTime::<Utc>::from_timestamp_nanos(-1);
    assert_eq!(Timestamp::try_from(chrono), Ok(cut));
    // Another offset gives the same instant.
    assert_eq!(at(datetime!(1970-01-01 05:30 +05:30)).unix_micros(), Some(0));
}

proptest! {
    #[test]
    fn time_and_chrono_give_the_same_timestamp(micros in -210_866_803_200_000_000_i64..=253_402_300_799_999_999) {
        let timestamp = Timestamp::from_unix_micros(micros).unwrap();
        prop_assert_eq!(timestamp.unix_micros(), Some(micros));
        let (time, chrono): (OffsetDateTime, DateTime<Utc>) =
            (timestamp.try_into().unwrap(), timestamp.try_into().unwrap());
        prop_assert_eq!(i128::from(chrono.timestamp_micros()) * 1000, time.unix_timestamp_nanos());
        prop_assert_eq!(Timestamp::try_from(time), Ok(timestamp));
        prop_assert_eq!(Timestamp::try_from(chrono), Ok(timestamp));
    }
}

#[test]
fn timestamps_are_written_as_rfc_3339_or_infinity() {
    for (timestamp, text) in [
        (at(datetime!(2026-03-01 12:00 UTC)), "2026-03-01T12:00:00Z"),
        (at(datetime!(9999-12-31 23:59:59.999_999 UTC)), "9999-12-31T23:59:59.999999Z"),
        (Timestamp::INFINITY, "infinity"),
        (Timestamp::NEG_INFINITY, "-infinity"),
    ] {
        assert_eq!(to_value(timestamp).unwrap(), json!(text));
        assert_eq!(from_value::<Timestamp>(json!(text)).unwrap(), timestamp);
    }
    assert!(to_value(Timestamp::MIN).is_err() && to_value(Timestamp::MAX).is_err());
    for wrong in
        [json!(""), json!("2026-03-01"), json!("2026-03-01T12:00:00"), json!(0), json!(null)]
    {
        assert!(from_value::<Timestamp>(wrong.clone()).is_err(), "{wrong}");
    }
}

#[test]
fn sealed_values_are_written_as_the_server_writes_bytea() {
    let sealed = Sealed::try_from(vec![0xab; OVERHEAD]).unwrap();
    let text = format!("\\x{}", "ab".repeat(OVERHEAD));
    assert_eq!(to_value(&sealed).unwrap(), json!(text));
    assert_eq!(from_value::<Sealed>(json!(text)).unwrap(), sealed);
    for wrong in
        [json!("abab"), json!("\\xab"), json!(format!("{text}0")), json!(format!("{text}xx"))]
    {
        assert!(from_value::<Sealed>(wrong.clone()).is_err(), "{wrong}");
    }
}

#[test]
fn a_json_value_keeps_every_digit_and_is_written_as_json() {
    let digits = Json::from_text("{\"n\": 1e400}");
    assert_eq!(digits.as_str(), "{\"n\": 1e400}");
    assert!(digits.read::<serde_json::Value>().is_err());
    let event = AuthAudit {
        id: i64::MAX,
        user_id: None,
        event_type: "login".into(),
        event_data: Some(json!({"new_user": true}).into()),
        ip_hash: Some(IpHash::of_text("203.0.113.7").unwrap()),
        created_at: None,
    };
    let written = to_value(&event).unwrap();
    assert_eq!(written["event_data"], json!({"new_user": true}));
    assert_eq!(from_value::<AuthAudit>(written.clone()).unwrap(), event);
    let mut wrong = written;
    wrong["ip_hash"] = json!("203.0.113.7");
    assert!(from_value::<AuthAudit>(wrong).is_err());
}

#[test]
fn the_debug_format_of_rows_shows_no_personal_data_or_ciphertext() {
    let user = User {
        id: Uuid::nil(),
        va_icn: Some("secretICN".into()),
        va_veteran_status: Some("secretStatus".into()),
        email: Some("secretMail".into()),
        first_name: Some("secretFirst".into()),
        last_name: Some("secretLast".into()),
        is_active: Some(true),
        created_at: None,
        updated_at: None,
        last_login_at: None,
    };
    let shown = format!("{user:?}");
    assert!(!shown.contains("secret") && shown.contains("is_active"), "{shown}");
    let token = VaToken {
        id: Uuid::nil(),
        user_id: Uuid::nil(),
        access_token_encrypted: vec![0xab; 40].try_into().unwrap(),
        refresh_token_encrypted: None,
        token_type: None,
        scope: None,
        expires_at: Timestamp::INFINITY,
        created_at: None,
        refreshed_at: None,
    };
    assert!(format!("{token:?}").contains("Sealed(40 bytes)"));
}
