//! Tests the errors: each has its SQLSTATE and a hint, and holds no secret.

use postgres::Client;
use vetassist_server_tests::{database, sqlstate, KeyedServer};

const KEY: &str = "'\\xc5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5'";

/// Asserts that the statement fails with this SQLSTATE and a hint, and that the error holds no secret.
fn assert_refused(db: &mut Client, statement: &str, expected: &str) {
    let error = db.simple_query(statement).unwrap_err();
    assert_eq!(sqlstate(&error), expected, "{statement}: {error:?}");
    let error = error.as_db_error().unwrap();
    assert!(error.hint().is_some_and(|hint| !hint.is_empty()), "{statement} has no hint");
    let said = format!("{error:?}").to_lowercase();
    for secret in ["c5c5", "sesame", "736573616d65"] {
        assert!(!said.contains(secret), "{statement}: {said}");
    }
}

#[test]
fn wrong_arguments_are_refused_with_22023() {
    let mut db = database();
    for len in [0, 1, 16, 31, 33, 64] {
        let key = format!("decode(repeat('c5', {len}), 'hex')");
        assert_refused(&mut db, &format!("SELECT vetassist_encrypt('sesame', {key})"), "22023");
        assert_refused(
            &mut db,
            &format!("SELECT vetassist_encrypt('sesame'::bytea, {key})"),
            "22023",
        );
        assert_refused(
            &mut db,
            &format!("SELECT vetassist_decrypt(repeat('x', 40)::bytea, {key})"),
            "22023",
        );
        assert_refused(
            &mut db,
            &format!("SELECT vetassist_decrypt_text(repeat('x', 40)::bytea, {key})"),
            "22023",
        );
        assert_refused(
            &mut db,
            &format!("SELECT vetassist_derive_user_key({key}, gen_random_uuid())"),
            "22023",
        );
    }
    for address in ["203.0.113.7/24", "2001:db8::/32", "::/0", "0.0.0.0/0", "::ffff:1.2.3.4/96"] {
        assert_refused(&mut db, &format!("SELECT vetassist_hash_ip('{address}')"), "22023");
        assert_refused(&mut db, &format!("SELECT vetassist_hash_ip_keyed('{address}')"), "22023");
    }
    let hash = "c5".repeat(32);
    for wrong in
        [&hash[1..], &hash.to_uppercase(), "", &format!("{hash} "), &hash.replace('c', "x")]
    {
        assert_refused(&mut db, &format!("SELECT vetassist_upgrade_ip_hash('{wrong}')"), "22023");
    }
}

#[test]
fn damaged_bytes_and_wrong_keys_are_refused() {
    let mut db = database();
    for len in [0, 1, 12, 16, 27] {
        let sealed = format!("decode(repeat('00', {len}), 'hex')");
        assert_refused(&mut db, &format!("SELECT vetassist_decrypt({sealed}, {KEY})"), "22P03");
        assert_refused(
            &mut db,
            &format!("SELECT vetassist_decrypt_text({sealed}, {KEY})"),
            "22P03",
        );
        assert_refused(
            &mut db,
            &format!("SELECT vetassist_decrypt_token({sealed}, gen_random_uuid())"),
            "22P03",
        );
    }
    for other in [
        "vetassist_generate_key()",
        "'\\xc5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c4'",
    ] {
        assert_refused(
            &mut db,
            &format!("SELECT vetassist_decrypt(vetassist_encrypt('sesame', {KEY}), {other})"),
            "39000",
        );
    }
    assert_refused(
        &mut db,
        &format!("SELECT vetassist_decrypt(vetassist_encrypt('sesame', {KEY}, 'a'), {KEY}, 'b')"),
        "39000",
    );
    assert_refused(
        &mut db,
        &format!("SELECT vetassist_decrypt(vetassist_encrypt('sesame', {KEY}, 'a'), {KEY})"),
        "39000",
    );
    assert_refused(
        &mut db,
        "SELECT vetassist_decrypt_token(vetassist_encrypt_token('sesame', gen_random_uuid()), gen_random_uuid())",
        "39000",
    );
}

#[test]
fn every_flipped_bit_and_every_truncation_is_refused() {
    let mut db = database();
    let row = db
        .query_one(
            "WITH sealed AS MATERIALIZED (
                 SELECT u, vetassist_encrypt_token('a token of some length', u) AS s FROM gen_random_uuid() AS u
             ), damaged AS (
                 SELECT u, set_bit(s, bit, 1 - get_bit(s, bit)) AS s
                 FROM sealed, generate_series(0, length(s) * 8 - 1) AS bit
                 UNION ALL
                 SELECT u, substr(s, 1, len) FROM sealed, generate_series(0, length(s) - 1) AS len
                 UNION ALL
                 SELECT u, s || '\\x00' FROM sealed
             )
             SELECT array_agg(u), array_agg(s) FROM damaged",
            &[],
        )
        .unwrap();
    let (users, values): (Vec<uuid::Uuid>, Vec<Vec<u8>>) = (row.get(0), row.get(1));
    assert_eq!(values.len(), 50 * 8 + 50 + 1);
    let open = db.prepare("SELECT vetassist_decrypt_token($1, $2)").unwrap();
    for (user, value) in users.iter().zip(&values) {
        let error = db.query_one(&open, &[value, user]).unwrap_err();
        let expected = if value.len() < 28 { "22P03" } else { "39000" };
        assert_eq!(sqlstate(&error), expected);
    }
}

#[test]
fn sealed_bytes_that_are_not_text_are_refused_as_text() {
    let mut db = database();
    for bytes in ["ff", "c3", "eda080", "f4908080", "00", "610062", "73657361 6d65ff"] {
        let sealed = format!("vetassist_encrypt(decode('{bytes}', 'hex'), {KEY})");
        assert_refused(
            &mut db,
            &format!("SELECT vetassist_decrypt_text({sealed}, {KEY})"),
            "22021",
        );
    }
    let row = db
        .query_one(
            &format!("SELECT vetassist_decrypt_text(vetassist_encrypt('h\u{e9}llo \u{1f985}', {KEY}), {KEY})"),
            &[],
        )
        .unwrap();
    assert_eq!(row.get::<_, &str>(0), "h\u{e9}llo \u{1f985}");
}

#[test]
fn null_arguments_return_null() {
    let mut db = database();
    for call in [
        format!("vetassist_encrypt(NULL::text, {KEY})"),
        format!("vetassist_encrypt(NULL::bytea, {KEY})"),
        "vetassist_encrypt('x', NULL)".into(),
        format!("vetassist_encrypt('x', {KEY}, NULL)"),
        format!("vetassist_decrypt(NULL, {KEY})"),
        "vetassist_decrypt('', NULL)".into(),
        format!("vetassist_decrypt_text(NULL, {KEY})"),
        "vetassist_derive_user_key(NULL, gen_random_uuid())".into(),
        format!("vetassist_derive_user_key({KEY}, NULL)"),
        "vetassist_hash_ip(NULL)".into(),
        "vetassist_hash_ip_keyed(NULL)".into(),
        "vetassist_upgrade_ip_hash(NULL)".into(),
        "vetassist_encrypt_token(NULL, gen_random_uuid())".into(),
        "vetassist_encrypt_token('x', NULL)".into(),
        "vetassist_decrypt_token(NULL, gen_random_uuid())".into(),
        "vetassist_decrypt_token('', NULL)".into(),
    ] {
        let row = db.query_one(&format!("SELECT {call} IS NULL"), &[]).unwrap();
        assert!(row.get::<_, bool>(0), "{call}");
    }
}

#[test]
fn without_a_ring_only_functions_that_need_it_fail() {
    let mut server = KeyedServer::start_without_key();
    for call in [
        "vetassist_encrypt_token('sesame', gen_random_uuid())",
        "vetassist_decrypt_token(repeat('x', 40)::bytea, gen_random_uuid())",
        "vetassist_hash_ip_keyed('203.0.113.7')",
        "vetassist_upgrade_ip_hash(vetassist_hash_ip('203.0.113.7'))",
        "vetassist_reload_keys()",
        "(SELECT count(*) FROM vetassist_keys())",
    ] {
        assert_refused(&mut server.db, &format!("SELECT {call}"), "F0000");
    }
    server
        .db
        .batch_execute(&format!(
            "SELECT vetassist_decrypt(vetassist_encrypt('sesame', {KEY}), {KEY}),
                    vetassist_hash_ip('203.0.113.7'), vetassist_generate_key(), vetassist_version();
             SELECT * FROM vetassist_check_schema();"
        ))
        .unwrap();
}

/// The server's own errors would name neither the argument nor a remedy.
#[test]
fn texts_and_intervals_out_of_bounds_are_refused_by_name() {
    let mut db = database();
    db.batch_execute("SELECT vetassist_login('ICN', 'a', now(), 'jti', now(), 'r')").unwrap();
    let sealed = "decode(repeat('ff', 40), 'hex')";
    let sign_in =
        format!("vetassist_login_sealed(gen_random_uuid(), 'X', {sealed}, now(), 'x', now(), ");
    let store =
        format!("vetassist_store_tokens_sealed(vetassist_find_user('ICN'), {sealed}, now(), ");
    let finish = format!("vetassist_finish_refresh_sealed(gen_random_uuid(), {sealed}, now(), ");
    for (name, most) in [
        ("veteran_status", 20),
        ("email", 255),
        ("first_name", 100),
        ("last_name", 100),
        ("token_type", 20),
        ("scope", 500),
    ] {
        let calls: &[&str] = if ["token_type", "scope"].contains(&name) {
            &[&sign_in, &store, &finish]
        } else {
            &[
                &sign_in,
                "vetassist_put_user('X', ",
                "vetassist_put_user('ICN', ",
                "vetassist_update_user(vetassist_find_user('ICN'), ",
            ]
        };
        for call in calls {
            let with = |length| format!("SELECT {call}{name} => repeat('\u{e9}', {length}))");
            assert_refused(&mut db, &with(most + 1), "22001");
            let error = db.simple_query(&with(most + 1)).unwrap_err();
            assert!(error.as_db_error().unwrap().message().starts_with(name), "{error:?}");
            db.batch_execute(&format!("BEGIN; {}; ROLLBACK", with(most))).unwrap();
        }
    }
    let user = "vetassist_find_user('ICN')";
    for (call, name) in [
        (format!("vetassist_use_token({user}, "), "min_lifetime"),
        (format!("vetassist_use_token_sealed({user}, "), "min_lifetime"),
        (format!("vetassist_use_token({user}, "), "lease"),
        (format!("vetassist_use_token_sealed({user}, "), "lease"),
        ("vetassist_claim_refreshes(".into(), "within"),
        ("vetassist_claim_refreshes_sealed(".into(), "within"),
        ("vetassist_claim_refreshes(".into(), "lease"),
        ("vetassist_claim_refreshes_sealed(".into(), "lease"),
        ("vetassist_tokens_expiring(".into(), "within"),
        ("vetassist_purge_sessions(".into(), "older_than"),
        ("vetassist_purge_audit(".into(), "older_than"),
    ] {
        for span in ["300000 years", "-300000 years", "170000000 years", "1001 years"] {
            assert_refused(&mut db, &format!("SELECT {call}{name} => '{span}')"), "22023");
        }
        if name == "lease" {
            for span in ["0", "-1 s", "1 day 1 us", "1 month -30 days"] {
                assert_refused(&mut db, &format!("SELECT {call}lease => '{span}')"), "22023");
            }
        }
    }
    // PostgreSQL counts it as a day, but in February it would end before it began.
    db.batch_execute("SELECT vetassist_claim_refreshes(lease => '1 month -29 days')").unwrap();
    let lasts =
        "SELECT (expires_at > now() + '23 h'::interval)::text FROM vetassist_refresh_leases";
    assert_eq!(vetassist_server_tests::column_of(&mut db, lasts), ["true"]);
}
