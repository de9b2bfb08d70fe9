//! Tests `vetassist_reseal_page`, with which a client reseals tokens.

use postgres::Client;
use vetassist_server_tests::{audit_log::connect_again, column_of, database, sqlstate};

/// Returns a sealed value as a SQL expression: 30 times this byte and 0xff.
fn sealed(byte: u8) -> String {
    format!("decode(repeat('{byte:02x}ff', 30), 'hex')")
}

/// Inserts four users with tokens. The third has no refresh token.
fn fill(db: &mut Client) {
    for (user, refresh) in [(1, sealed(2)), (2, sealed(2)), (3, "NULL".into()), (4, sealed(2))] {
        db.batch_execute(&format!(
            "SELECT vetassist_login_sealed('00000000-0000-0000-0000-00000000000{user}', 'ICN {user}', {}, now(), 'jti {user}', now() + '1 h', {refresh})",
            sealed(1)
        ))
        .unwrap();
    }
}

/// Passes the whole page back, with the old values as they were read and with new ones.
const PAGE: &str = "SELECT r::text FROM (
        SELECT array_agg(user_id ORDER BY user_id) AS users, array_agg(access_token ORDER BY user_id) AS access,
               array_agg(refresh_token ORDER BY user_id) AS refresh,
               array_agg(access_token || '\\x00' ORDER BY user_id) AS new_access,
               array_agg(refresh_token || '\\x00' ORDER BY user_id) AS new_refresh
        FROM seen) AS p, vetassist_reseal_page(users, access, new_access, refresh, new_refresh) AS r ORDER BY 1";

fn users(numbers: &[u8]) -> Vec<String> {
    numbers.iter().map(|number| format!("00000000-0000-0000-0000-00000000000{number}")).collect()
}

#[test]
fn a_page_is_resealed_except_rows_that_are_locked_or_changed() {
    let mut db = database();
    fill(&mut db);
    let lease = column_of(&mut db, "SELECT lease_id::text FROM vetassist_use_token_sealed('00000000-0000-0000-0000-000000000002')").remove(0);
    db.batch_execute("CREATE TEMP TABLE seen AS SELECT * FROM vetassist_sealed_page()").unwrap();
    let mut other = connect_again(&mut db);
    let mut holder = other.transaction().unwrap();
    holder
        .batch_execute(
            "SELECT FROM vetassist_va_tokens WHERE user_id::text LIKE '%1' FOR NO KEY UPDATE",
        )
        .unwrap();
    db.batch_execute(&format!(
        "SELECT vetassist_store_tokens_sealed('00000000-0000-0000-0000-000000000004', {}, now() + '1 h', {})",
        sealed(5),
        sealed(6)
    ))
    .unwrap();
    // The call does not wait for locked rows.
    db.batch_execute("SET lock_timeout = '1ms'").unwrap();
    assert_eq!(column_of(&mut db, PAGE), users(&[2, 3]));
    holder.rollback().unwrap();
    assert_eq!(column_of(&mut db, PAGE), users(&[1]));
    let stored = "SELECT concat_ws(' ', encode(substr(access_token, 1, 1), 'hex'), length(access_token), length(refresh_token)) FROM vetassist_sealed_page() ORDER BY user_id";
    assert_eq!(column_of(&mut db, stored), ["01 61 61", "01 61 61", "01 61", "05 60 60"]);
    // The lease stays valid for the resealed tokens.
    let finish = format!(
        "SELECT vetassist_finish_refresh_sealed('{lease}', {}, now() + '1 h', {})",
        sealed(7),
        sealed(8)
    );
    assert_eq!(column_of(&mut db, &finish), ["stored"]);
    // A user who is passed twice is returned once.
    db.batch_execute("DELETE FROM seen WHERE user_id::text NOT LIKE '%3'; UPDATE seen SET access_token = access_token || '\\x00'; INSERT INTO seen TABLE seen").unwrap();
    assert_eq!(column_of(&mut db, PAGE), users(&[3]));
}

#[test]
fn a_malformed_page_is_refused_and_changes_nothing() {
    let mut db = database();
    fill(&mut db);
    let before = column_of(&mut db, "SELECT t::text FROM vetassist_va_tokens AS t ORDER BY 1");
    let user = "'00000000-0000-0000-0000-000000000001'::uuid";
    let (old, new) = (sealed(1), sealed(9));
    for (arguments, state) in [
        (format!("ARRAY[{user}], ARRAY[{old}], ARRAY[{new}], ARRAY[{}], NULL", sealed(2)), "22004"),
        (format!("ARRAY[{user}, {user}], ARRAY[{old}], ARRAY[{new}], '{{}}', '{{}}'"), "22004"),
        (format!("ARRAY[{user}], ARRAY[{old}], ARRAY[{new}], ARRAY[{}], '{{}}'", sealed(2)), "22004"),
        (format!("ARRAY[NULL::uuid], ARRAY[{old}], ARRAY[{new}], '{{}}', '{{}}'"), "22004"),
        (format!("ARRAY[{user}], ARRAY[{old}], ARRAY['x'::bytea], ARRAY[{}], ARRAY[{new}]", sealed(2)), "22023"),
        (format!("ARRAY[{user}], ARRAY[{old}], ARRAY[{new}], ARRAY[{}], ARRAY[convert_to(repeat('eyJ', 20), 'UTF8')]", sealed(2)), "22023"),
    ] {
        let error = db.batch_execute(&format!("SELECT vetassist_reseal_page({arguments})")).unwrap_err();
        assert_eq!(sqlstate(&error), state, "{arguments}");
        assert!(error.as_db_error().unwrap().hint().is_some(), "{arguments}");
    }
    let nobody: Vec<String> =
        column_of(&mut db, "SELECT vetassist_reseal_page('{}', '{}', '{}', '{}', '{}')::text");
    assert_eq!(nobody, [""; 0]);
    assert_eq!(
        column_of(&mut db, "SELECT t::text FROM vetassist_va_tokens AS t ORDER BY 1"),
        before
    );
}
