//! Tests that the core's rows can be written to a server and read from it.

mod samples;
mod table;
mod values;

use postgres::Client;
use serde_json::Value;
use vetassist_core::{schema::tables, VaToken, OVERHEAD};

use self::{
    samples::{events, ring, sessions, user, users, va_tokens, USER},
    table::{database_for, insert, read, Row},
};

/// Writes a row and reads it, in the binary protocol and as the server's JSON. Calls `ask` with the database.
fn round_trip<T: Row>(row: &T, mut ask: impl FnMut(&mut Client)) {
    let table = T::TABLE;
    let mut db = database_for(table);
    insert(&mut db, row);
    let stored: T = read(&mut db);
    assert_eq!(stored.with_normalized_json(), row.with_normalized_json(), "{table}");
    ask(&mut db);
    // RFC 3339 has only the years 0000 to 9999.
    let Ok(written) = serde_json::to_value(row) else { return };

    // The core reads the server's JSON, and the server reads the core's.
    let statement = format!("SELECT to_jsonb(r) FROM {table} AS r");
    let shown: Value = db.query_one(&statement, &[]).unwrap().get(0);
    assert_eq!(serde_json::from_value::<T>(shown).unwrap(), row.with_normalized_json(), "{table}");
    // No row of the audit trail can be deleted, so this needs another database.
    let mut db = database_for(table);
    let statement =
        format!("INSERT INTO {table} SELECT (jsonb_populate_record(NULL::{table}, $1)).*");
    db.execute(&statement, &[&written]).unwrap();
    assert_eq!(read::<T>(&mut db), stored, "{table}");
}

/// Writes and reads each of the rows.
fn all_round_trip<T: Row>(rows: &[T]) {
    assert!(!rows.is_empty());
    for row in rows {
        round_trip(row, |_| {});
    }
}

/// Sets each column to NULL. Columns that may be NULL are read as NULL; the others refuse it.
fn nulls_round_trip<T: Row>(full: &T) {
    let table = tables().iter().find(|table| table.name == T::TABLE).unwrap();
    let columns = serde_json::to_value(full).unwrap();
    let columns = columns.as_object().unwrap();
    assert_eq!(columns.len(), table.columns.len());
    for column in table.columns {
        let name = column.name;
        let mut without = columns.clone();
        assert!(!without[name].is_null(), "{name} is NULL already");
        without[name] = Value::Null;
        let row = serde_json::from_value::<T>(without.into());
        assert_eq!(row.is_err(), column.not_null, "{}.{name}", T::TABLE);
        let Ok(row) = row else { continue };
        round_trip(&row, |db| {
            let statement = format!(
                "SELECT (SELECT count(*) FROM jsonb_each(to_jsonb(r)) WHERE value = 'null'), {name} IS NULL FROM {} AS r",
                T::TABLE
            );
            let found = db.query_one(&statement, &[]).unwrap();
            assert_eq!((found.get(0), found.get(1)), (1_i64, true), "{}.{name}", T::TABLE);
        });
    }
}

#[test]
#[ignore = "takes seconds"]
fn users_are_read_as_they_were_written() {
    all_round_trip(&users());
    nulls_round_trip(&user());
}

#[test]
#[ignore = "takes seconds"]
fn tokens_are_read_as_written_and_open_on_both_sides() {
    // The rows are sealed once, because sealing them again would give other bytes.
    let rows = va_tokens();
    all_round_trip(&rows);
    nulls_round_trip(&rows[0]);
    for (row, length) in rows.iter().zip([15, 3 << 20, 0]) {
        let mut db = database_for(VaToken::TABLE);
        insert(&mut db, row);
        // The server opens a token that the core sealed.
        let found = db
                .query_one(
                    "SELECT vetassist_access_token(user_id), octet_length(access_token_encrypted) FROM vetassist_va_tokens",
                    &[],
                )
                .unwrap();
        assert_eq!(found.get::<_, i32>(1), length + i32::try_from(OVERHEAD).unwrap());
        // The core opens a token that the server sealed.
        let opened = ring().user(USER).open_token(&row.access_token_encrypted).unwrap();
        assert_eq!(found.get::<_, &str>(0), opened);
        db.execute(
                "UPDATE vetassist_va_tokens SET access_token_encrypted = vetassist_encrypt_token($1, user_id)",
                &[&opened],
            )
            .unwrap();
        let stored: VaToken = read(&mut db);
        assert_ne!(stored.access_token_encrypted, row.access_token_encrypted);
        assert_eq!(ring().user(USER).open_token(&stored.access_token_encrypted).unwrap(), opened);
    }
}

#[test]
#[ignore = "takes seconds"]
fn sessions_are_read_as_they_were_written() {
    all_round_trip(&sessions());
    nulls_round_trip(&sessions()[0]);
}

#[test]
#[ignore = "takes seconds"]
fn events_are_read_as_they_were_written() {
    all_round_trip(&events());
    nulls_round_trip(&events()[0]);
    round_trip(&events()[1], |db| {
        let found = db
            .query_one("SELECT id::text, ip_hash = vetassist_hash_ip('2001:db8:0::1') FROM vetassist_auth_audit", &[])
            .unwrap();
        assert_eq!((found.get(0), found.get(1)), ("9223372036854775807", true));
    });
}
