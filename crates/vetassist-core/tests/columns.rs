//! Tests that the rules for other languages are the rules of this crate.
#![cfg(all(feature = "serde", feature = "chrono"))]
#![allow(clippy::unwrap_used, missing_docs)]

use std::{collections::BTreeSet, str::FromStr};

use chrono::{DateTime, SecondsFormat, Utc};
use proptest::prelude::*;
use regex::Regex;
use serde_json::{from_value, json};
use vetassist_core::{
    event_data::MAX_EVENT_TYPE,
    rows::Kind,
    schema::{length_of, tables},
    AuthAudit, IpHash, Sealed, Session, Timestamp, User, Uuid, VaToken,
};

fn matches(kind: Kind, text: &str) -> bool {
    Regex::new(kind.pattern().unwrap()).unwrap().is_match(text)
}

/// Reads text as the type of a value.
fn reads_as<T: FromStr>(_: &T, text: &str) -> bool {
    text.parse::<T>().is_ok()
}

/// Returns text that matches, or that differs from such text in one character.
fn near(kind: Kind) -> impl Strategy<Value = String> {
    let anchored = kind.pattern().unwrap();
    let right = proptest::string::string_regex(&anchored[1..anchored.len() - 1]).unwrap();
    (right, 0..100_usize, ".", 0..4).prop_map(|(text, at, c, change)| {
        let at = text.floor_char_boundary(at.min(text.len()));
        match change {
            0 => format!("{}{c}{}", &text[..at], &text[at..]),
            1 => {
                text.chars().enumerate().filter(|(index, _)| *index != at).map(|(_, c)| c).collect()
            }
            2 => text
                .chars()
                .enumerate()
                .map(|(index, old)| if index == at { c.chars().next().unwrap() } else { old })
                .collect(),
            _ => text,
        }
    })
}

proptest! {
    #[test]
    fn the_pattern_of_hashes_matches_the_text_that_the_core_reads(text in near(Kind::Hash)) {
        prop_assert_eq!(matches(Kind::Hash, &text), text.parse::<IpHash>().is_ok());
    }

    #[test]
    fn the_pattern_of_uuids_matches_the_text_that_the_core_reads(text in near(Kind::Uuid)) {
        prop_assert_eq!(matches(Kind::Uuid, &text), reads_as(&Uuid::nil().hyphenated(), &text));
    }

    #[test]
    fn the_pattern_of_sealed_values_matches_the_text_that_the_core_reads(text in near(Kind::Sealed)) {
        prop_assert_eq!(matches(Kind::Sealed, &text), from_value::<Sealed>(json!(text)).is_ok());
    }

    #[test]
    fn the_pattern_of_digits_matches_every_bigint(number in any::<i64>(), text in near(Kind::Digits)) {
        prop_assert!(matches(Kind::Digits, &number.to_string()));
        // Some numbers of 19 digits are too large for a `bigint`; no column has them.
        let reads = text.parse::<i128>().is_ok() && !text.starts_with('+') && text.trim_start_matches('-').len() <= 19;
        prop_assert_eq!(matches(Kind::Digits, &text), reads);
    }

    #[test]
    fn the_pattern_of_times_matches_the_text_that_the_core_reads(micros in -62_167_219_200_000_000_i64..253_402_300_800_000_000, minutes in -840..=840_i32) {
        let utc = DateTime::<Utc>::from_timestamp_micros(micros).unwrap();
        let zone = chrono::FixedOffset::east_opt(60 * minutes).unwrap();
        let there = utc.with_timezone(&zone);
        // In this zone the year may be outside the range, which neither reads.
        if let 0..=9999 = chrono::Datelike::year(&there) {
            for text in [utc.to_rfc3339_opts(SecondsFormat::AutoSi, true), there.to_rfc3339()] {
                prop_assert!(matches(Kind::Time, &text), "{}", text);
                prop_assert!(from_value::<Timestamp>(json!(text)).is_ok(), "{}", text);
                // PostgreSQL prints it like this.
                let printed = text.replacen('T', " ", 1).replace("+00:00", "+00");
                prop_assert!(matches(Kind::Time, &printed), "{}", printed);
            }
        }
    }

    #[test]
    fn the_core_reads_times_that_match_the_pattern(text in near(Kind::Time)) {
        let found = Regex::new(Kind::Time.pattern().unwrap()).unwrap();
        let read = |text: &str| from_value::<Timestamp>(json!(text)).is_ok();
        if let Some(parts) = found.captures(&text) {
            let part = |index| parts.get(index).map_or("", |part| part.as_str());
            let zone = if part(4).len() == 3 { format!("{}:00", part(4)) } else { part(4).to_owned() };
            let normal = format!("{}T{}{}{zone}", part(1), part(2), part(3));
            // The pattern also matches times that do not exist, such as month 13.
            let sane = format!("2026-03-01T12:30:15{}{}", part(3), if zone == "Z" { "Z" } else { "+05:30" });
            prop_assert!(read(&sane), "{}", sane);
            prop_assert_eq!(matches(Kind::Time, &normal), true);
        } else {
            // RFC 3339 allows lower-case letters, which no server writes.
            prop_assert!(!read(&text) || text.contains(['t', 'z']), "{}", text);
        }
    }
}

#[test]
fn the_pattern_of_times_refuses_infinite_and_incomplete_times() {
    for text in
        ["infinity", "-infinity", "2026-03-01", "2026-03-01 12:34:56", "2026-03-01 12:34:56.Z"]
    {
        assert!(!matches(Kind::Time, text), "{text}");
    }
}

#[test]
fn every_column_has_a_kind_and_every_kind_a_column() {
    let names: BTreeSet<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    assert_eq!(names.len(), Kind::ALL.len());
    let value = |kind| match kind {
        Kind::Uuid => json!("1bb044aa-ded1-40c7-8a88-433e74903f95"),
        Kind::Text => json!("any"),
        Kind::Time => json!("2026-03-01T12:00:00Z"),
        Kind::Sealed => json!(format!("\\x{}", "ab".repeat(28))),
        Kind::Json => json!({ "any": [1] }),
        Kind::Digits => json!(i64::MAX),
        Kind::Hash => json!("ab".repeat(32)),
        Kind::Bool => json!(true),
        other => panic!("{other:?}"),
    };
    let mut used = BTreeSet::new();
    for table in tables() {
        let reads = |row: &serde_json::Value| {
            let row = row.clone();
            match table.name {
                "vetassist_users" => from_value::<User>(row).is_ok(),
                "vetassist_va_tokens" => from_value::<VaToken>(row).is_ok(),
                "vetassist_sessions" => from_value::<Session>(row).is_ok(),
                _ => from_value::<AuthAudit>(row).is_ok(),
            }
        };
        let row: serde_json::Map<_, _> = table
            .columns
            .iter()
            .map(|column| (column.name.to_owned(), value(Kind::of(column))))
            .collect();
        let row = serde_json::Value::from(row);
        assert!(reads(&row), "{}", table.name);
        for column in table.columns {
            used.insert(Kind::of(column).name());
            // NULL is read if the column may be NULL. A value of another kind is refused.
            let mut with = row.clone();
            with[column.name] = serde_json::Value::Null;
            assert_eq!(reads(&with), !column.not_null, "{}.{}", table.name, column.name);
            let other = if Kind::of(column) == Kind::Bool { json!(1) } else { json!(false) };
            with[column.name] = other;
            assert_eq!(
                reads(&with),
                Kind::of(column) == Kind::Json,
                "{}.{}",
                table.name,
                column.name
            );
        }
    }
    assert_eq!(used, names, "a kind has no column");
}

#[test]
fn the_length_of_a_column_is_that_of_its_type() {
    let mut known = 0;
    for table in tables() {
        for column in table.columns {
            let varying = column.sql_type.strip_prefix("character varying(");
            let length = varying.map(|rest| rest.trim_end_matches(')').parse().unwrap());
            assert_eq!(column.length(), length, "{}", column.name);
            assert_eq!(length_of(table.name, column.name), length, "{}", column.name);
            known += usize::from(length.is_some());
        }
    }
    assert_eq!(known, 10);
    const ICN: Option<usize> = length_of("vetassist_users", "va_icn");
    assert_eq!((ICN, MAX_EVENT_TYPE), (Some(50), 50));
    for (table, column) in [
        ("vetassist_users", "va_ic"),
        ("vetassist_users", "va_icnn"),
        ("vetassist_user", "va_icn"),
        ("", ""),
        ("vetassist_sessions", "va_icn"),
    ] {
        assert_eq!(length_of(table, column), None);
    }
}
