//! Tests single values: their text on the server, and values that are refused.

use std::{error::Error as _, fmt::Debug};

use postgres::{types::FromSqlOwned, Client};
use serde_json::Value;
use uuid::Uuid;
use vetassist_core::{
    Fingerprint, IpHash, Json, MasterKey, OpenError, Sealed, Session, Timestamp, User, VaToken,
};
use vetassist_server_tests::{database, sqlstate};

use super::{
    samples::{at, event, session, token, USER},
    table::{database_for, insert, read, Row},
};

/// The server's text shows errors that reading and writing have in common.
#[test]
fn timestamps_have_the_servers_text() {
    let mut db = database();
    db.batch_execute("SET timezone = 'UTC'").unwrap();
    for (timestamp, text) in [
        (Timestamp::INFINITY, "infinity"),
        (Timestamp::NEG_INFINITY, "-infinity"),
        (Timestamp::MIN, "4714-11-24 00:00:00+00 BC"),
        (Timestamp::MAX, "294276-12-31 23:59:59.999999+00"),
        (at(0), "1970-01-01 00:00:00+00"),
        (at(-1), "1969-12-31 23:59:59.999999+00"),
        (at(946_684_800_000_000), "2000-01-01 00:00:00+00"),
        (at(1_772_366_400_000_001), "2026-03-01 12:00:00.000001+00"),
    ] {
        let row = db
            .query_one("SELECT $1::timestamptz::text, $2::text::timestamptz", &[&timestamp, &text])
            .unwrap();
        assert_eq!(row.get::<_, &str>(0), text);
        assert_eq!(row.get::<_, Timestamp>(1), timestamp, "{text}");
    }
}

/// The server's JSON has the offset of its time zone, in whole minutes.
#[test]
fn the_servers_json_is_read_in_any_time_zone() {
    let mut db = database_for(VaToken::TABLE);
    let row = token("x", None);
    insert(&mut db, &row);
    for zone in ["America/Chicago", "Asia/Kathmandu", "Pacific/Kiritimati"] {
        db.batch_execute(&format!("SET timezone = '{zone}'")).unwrap();
        let shown: Value =
            db.query_one("SELECT to_jsonb(r) FROM vetassist_va_tokens AS r", &[]).unwrap().get(0);
        assert!(!shown["expires_at"].as_str().unwrap().ends_with('Z'));
        assert_eq!(serde_json::from_value::<VaToken>(shown).unwrap(), row, "{zone}");
    }
}

#[test]
fn json_keeps_every_digit() {
    let mut db = database_for(Session::TABLE);
    let digits = "{\"n\": 12345678901234567890123456789.0123456789, \"e\": 1e400}";
    insert(&mut db, &session("x", Some(Json::from_text(digits))));
    let shown: &str = &db
        .query_one("SELECT device_info ->> 'n' FROM vetassist_sessions", &[])
        .unwrap()
        .get::<_, String>(0);
    assert_eq!(shown, "12345678901234567890123456789.0123456789");
    let stored = read::<Session>(&mut db).device_info.unwrap();
    assert!(stored.as_str().contains(shown), "{stored:?}");
    // The types json and jsonb, and a JSON null that is not SQL NULL.
    let row = db.query_one("SELECT 'null'::jsonb", &[]).unwrap();
    assert_eq!(row.get::<_, Option<Json>>(0), Some(Json::from_text("null")));
    let row = db
        .query_one("SELECT '{\"a\" : 1}'::json, $1::json::text", &[&Json::from_text("[ 1 ]")])
        .unwrap();
    assert_eq!(row.get::<_, Json>(0).as_str(), "{\"a\" : 1}");
    assert_eq!(row.get::<_, &str>(1), "[ 1 ]");
    let error = db.execute("SELECT $1::jsonb", &[&Json::from_text("{")]).unwrap_err();
    assert_eq!(sqlstate(&error), "22P02");
}

#[test]
fn columns_convert_to_the_types_of_the_core() {
    let mut db = database_for(VaToken::TABLE);
    let row = token("x", None);
    insert(&mut db, &row);
    insert(&mut db, &event(1, "203.0.113.7"));
    let found = db
        .query_one(
            "SELECT t.*, ip_hash FROM vetassist_va_tokens AS t, vetassist_auth_audit WHERE ip_hash = $1 AND access_token_encrypted = $2",
            &[&IpHash::of_text("203.0.113.7").unwrap(), &row.access_token_encrypted],
        )
        .unwrap();
    assert_eq!(found.get::<_, Sealed>("access_token_encrypted"), row.access_token_encrypted);
    assert_eq!(found.get::<_, Option<Sealed>>("refresh_token_encrypted"), None);
    assert_eq!(found.get::<_, Uuid>("user_id"), USER);
    let current = MasterKey::from_bytes(&[0x22; 32]).fingerprint();
    let shown: Fingerprint = db
        .query_one("SELECT fingerprint FROM vetassist_keys() WHERE fingerprint = $1", &[&current])
        .unwrap()
        .get(0);
    assert_eq!(shown, current);
}

/// Returns the client's error for a value.
fn refusal<T: FromSqlOwned + Debug>(db: &mut Client, value: &str) -> String {
    let row = db.query_one(&format!("SELECT {value}"), &[]).unwrap();
    let error = row.try_get::<_, T>(0).unwrap_err();
    error.source().unwrap().to_string()
}

#[test]
fn a_value_of_another_type_or_length_is_refused() {
    let mut db = database();
    let short = refusal::<Sealed>(&mut db, "decode(repeat('00', 27), 'hex')");
    assert_eq!(short, OpenError::TooShort(27).to_string());
    assert_eq!(refusal::<Sealed>(&mut db, "''::bytea"), OpenError::TooShort(0).to_string());
    assert!(refusal::<IpHash>(&mut db, "'203.0.113.7'::text").contains("64"));
    assert!(refusal::<IpHash>(&mut db, "upper(vetassist_hash_ip('203.0.113.7'))").contains("64"));
    assert!(refusal::<Fingerprint>(&mut db, "'0'::text").contains("16"));
    // Other types are refused even if their bytes would fit.
    for other in ["0::bigint", "'2026-03-01'::timestamp", "'x'::text"] {
        assert!(refusal::<Timestamp>(&mut db, other).contains("cannot convert"), "{other}");
    }
    assert!(refusal::<Sealed>(&mut db, "repeat('x', 28)::text").contains("cannot convert"));
    assert!(refusal::<Json>(&mut db, "'1'::text").contains("cannot convert"));
    assert!(refusal::<User>(&mut db, "NULL::vetassist_sessions").contains("cannot convert"));
    // A row with an extra column is refused.
    db.batch_execute(
        "ALTER TABLE vetassist_users ADD nickname text; INSERT INTO vetassist_users DEFAULT VALUES",
    )
    .unwrap();
    let row = db.query_one("SELECT u FROM vetassist_users AS u", &[]).unwrap();
    assert!(row.try_get::<_, User>(0).is_err());
}

/// A database from before may have NULL in such a column.
#[test]
fn null_is_refused_in_columns_that_are_not_null() {
    let mut db = database();
    db.batch_execute(
        "INSERT INTO vetassist_users (id) VALUES ('1bb044aa-ded1-40c7-8a88-433e74903f95');
         ALTER TABLE vetassist_va_tokens ALTER expires_at DROP NOT NULL;
         INSERT INTO vetassist_va_tokens (user_id, access_token_encrypted)
             SELECT id, vetassist_encrypt_token('x', id) FROM vetassist_users;",
    )
    .unwrap();
    let row = db.query_one("SELECT t FROM vetassist_va_tokens AS t", &[]).unwrap();
    assert!(row.try_get::<_, VaToken>(0).is_err());
}
