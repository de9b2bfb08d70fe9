//! Tests the procedures that commit after each batch: where they can be called, and concurrent sign-ins.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use postgres::Client;
use uuid::Uuid;
use vetassist_server_tests::{column_of, hex_key, sqlstate, KeyedServer};

const PROCEDURES: [&str; 2] = ["vetassist_rotate_tokens", "vetassist_upgrade_ip_hashes"];

/// Signs users in whose tokens hold their ICN, with addresses in the trail and in the sessions.
fn sign_in_many(db: &mut Client, how_many: i32) {
    db.execute(
        "SELECT vetassist_login('ICN' || n, 'access ICN' || n, now() + interval '1 hour', gen_random_uuid()::text,
                                now() + interval '1 day', refresh_token => 'refresh ICN' || n,
                                device_info => '{\"ip\": \"203.0.113.7\"}', ip => '10.0.0.0'::inet + n)
         FROM generate_series(1, $1) AS n",
        &[&how_many],
    )
    .unwrap();
}

/// Counts the tokens that are sealed by a key other than the current one, and the plain hashes of the trail.
fn left_over(db: &mut Client) -> (i64, i64) {
    let row = db
        .query_one(
            "SELECT (SELECT coalesce(sum(sealed_values), 0)::bigint FROM vetassist_rotation_status() WHERE NOT is_current),
                    (SELECT count(*) FROM vetassist_auth_audit AS a
                     WHERE ip_hash IS NOT NULL AND NOT EXISTS (SELECT FROM vetassist_keyed_ip_hashes AS k WHERE k.ip_hash = a.ip_hash))",
            &[],
        )
        .unwrap();
    (row.get(0), row.get(1))
}

fn rotated_key(server: &mut KeyedServer) {
    server.set_ring(&format!("{}\n{}\n", hex_key(0x33), hex_key(0x11)));
}

/// Calls each procedure in every context in which it cannot commit.
#[test]
fn a_procedure_that_cannot_commit_fails_and_changes_nothing() {
    let mut server = KeyedServer::start();
    let db = &mut server.db;
    sign_in_many(db, 50);
    db.batch_execute("CREATE ROLE admin LOGIN; SELECT vetassist_grant('admin', 'admin'); GRANT CREATE ON SCHEMA public TO admin").unwrap();
    rotated_key(&mut server);
    let before = left_over(&mut server.db);
    assert!(before.0 > 0 && before.1 > 0);
    let mut admin = server.connect_as("admin");
    for procedure in PROCEDURES {
        let call = format!("CALL vetassist_{}(7)", &procedure[10..]);
        admin
            .batch_execute(&format!(
                "CREATE FUNCTION of_{procedure}() RETURNS void LANGUAGE plpgsql AS $$ BEGIN {call}; END $$;
                 CREATE PROCEDURE definer_{procedure}() LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN {call}; END $$;
                 CREATE PROCEDURE path_{procedure}() LANGUAGE plpgsql SET search_path = public AS $$ BEGIN {call}; END $$"
            ))
            .unwrap();
        for statement in [
            format!("BEGIN; {call}"),
            format!("SELECT; {call}"),
            format!("{call}; SELECT"),
            format!("SELECT of_{procedure}()"),
            format!("DO $$ BEGIN PERFORM of_{procedure}(); END $$"),
            format!("CALL definer_{procedure}()"),
            format!("CALL path_{procedure}()"),
            format!("DO $$ BEGIN BEGIN {call}; EXCEPTION WHEN division_by_zero THEN NULL; END; END $$"),
            format!("DO $$ BEGIN BEGIN CALL path_{procedure}(); EXCEPTION WHEN division_by_zero THEN NULL; END; END $$"),
        ] {
            let error = admin.batch_execute(&statement).expect_err(&statement);
            assert_eq!(sqlstate(&error), "25001", "{statement}: {error:?}");
            assert!(error.as_db_error().unwrap().hint().is_some(), "{statement}");
            let _ = admin.batch_execute("ROLLBACK");
            assert_eq!(left_over(&mut server.db), before, "{statement}");
        }
    }
    // A procedure can commit when another procedure or a DO block calls it.
    for procedure in PROCEDURES {
        admin
            .batch_execute(&format!(
                "CREATE PROCEDURE around_{procedure}() LANGUAGE plpgsql AS $$ BEGIN CALL {procedure}(7); COMMIT; CALL {procedure}(); END $$"
            ))
            .unwrap();
        admin.batch_execute(&format!("DO $$ BEGIN CALL around_{procedure}(); END $$")).unwrap();
    }
    assert_eq!(left_over(&mut server.db), (0, 0));
    // The procedure restores the user and the settings that it changes.
    let row = admin
        .query_one(
            "SELECT current_user::text, session_user::text, current_setting('search_path')",
            &[],
        )
        .unwrap();
    assert_eq!(
        [0, 1, 2].map(|column| row.get::<_, String>(column)),
        ["admin", "admin", "\"$user\", public"]
    );
}

/// They are also unchanged within the same transaction, and after an error.
#[test]
fn current_user_and_search_path_are_unchanged_after_each_call() {
    let mut server = KeyedServer::start();
    server
        .db
        .batch_execute(
            "CREATE ROLE admin LOGIN; SELECT vetassist_grant('admin', 'admin'); GRANT CREATE ON SCHEMA public TO admin;
             CREATE TABLE found (who text, path text); GRANT INSERT ON found TO admin",
        )
        .unwrap();
    sign_in_many(&mut server.db, 20);
    rotated_key(&mut server);
    let mut admin = server.connect_as("admin");
    for procedure in PROCEDURES {
        let look = "INSERT INTO public.found SELECT current_user, current_setting('search_path')";
        admin.batch_execute("SET search_path = public, pg_temp").unwrap();
        admin.batch_execute(&format!("DO $$ BEGIN CALL {procedure}(7); {look}; END $$")).unwrap();
        // An error in the middle changes neither.
        let error = admin.batch_execute(&format!("CALL {procedure}(0)")).unwrap_err();
        assert_eq!(sqlstate(&error), "22023");
        admin.batch_execute(look).unwrap();
    }
    let found = column_of(&mut server.db, "SELECT DISTINCT who || ' ' || path FROM found");
    assert_eq!(found, ["admin public, pg_temp"]);
    let error = admin.batch_execute("SELECT * FROM vetassist_va_tokens").unwrap_err();
    assert_eq!(sqlstate(&error), "42501");
}

/// Tests each level as the default of the database.
#[test]
fn concurrent_sign_ins_stop_no_procedure_at_any_isolation_level() {
    const USERS: i32 = 400;
    let mut server = KeyedServer::start();
    sign_in_many(&mut server.db, USERS);
    for (level, new, old) in [
        ("serializable", 0x33, 0x11),
        ("repeatable read", 0x44, 0x33),
        ("read committed", 0x55, 0x44),
    ] {
        server
            .db
            .batch_execute(&format!(
                "ALTER DATABASE postgres SET default_transaction_isolation = '{level}'"
            ))
            .unwrap();
        server.set_ring(&format!("{}\n{}\n", hex_key(new), hex_key(old)));
        server.reload();
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            for worker in 0..2_u32 {
                let mut db = server.connect();
                let stop = &stop;
                scope.spawn(move || {
                    let mut n = worker;
                    while !stop.load(Ordering::Relaxed) {
                        n = n.wrapping_mul(1_664_525).wrapping_add(1_013_904_223 + worker);
                        // A sign-in may fail at these levels; the application repeats it.
                        let _ = db.query_one(
                            "SELECT vetassist_login('ICN' || $1::int, 'access again', now() + '1 h', $2, now() + '1 h', refresh_token => 'refresh', ip => '203.0.113.9')",
                            &[&(i32::try_from(n % USERS.unsigned_abs()).unwrap() + 1), &Uuid::from_u64_pair(new.into(), u64::from(n)).to_string()],
                        );
                    }
                });
            }
            let mut db = server.connect();
            let called: Result<Vec<_>, _> = (0..6)
                .map(|n| db.batch_execute(&format!("CALL {}(20)", PROCEDURES[n % 2])))
                .collect();
            stop.store(true, Ordering::Relaxed);
            called.unwrap();
            // The caller's isolation level is unchanged, also in the transaction that the call leaves open.
            let after: String = db.query_one("SHOW transaction_isolation", &[]).unwrap().get(0);
            assert_eq!(after, level);
            for procedure in PROCEDURES {
                db.batch_execute(&format!(
                    "DO $$ BEGIN CALL {procedure}(); IF current_setting('transaction_isolation') <> '{level}' THEN RAISE 'changed'; END IF; END $$"
                ))
                .unwrap();
            }
        });
        // Some backends had not read the new ring and sealed with the old key.
        server.db.batch_execute("CALL vetassist_rotate_tokens()").unwrap();
        assert_eq!(left_over(&mut server.db).0, 0, "{level}");
    }
    let counts = column_of(
        &mut server.db,
        "SELECT count(*) || ' ' || count(*) FILTER (WHERE vetassist_access_token(id) LIKE 'access %') FROM vetassist_users",
    );
    assert_eq!(counts, [format!("{USERS} {USERS}")]);
}

#[test]
fn each_call_writes_one_event_with_its_counts() {
    let mut server = KeyedServer::start();
    sign_in_many(&mut server.db, 30);
    let lost =
        "UPDATE vetassist_va_tokens SET access_token_encrypted = decode(repeat('00', 40), 'hex')
                WHERE user_id IN (SELECT id FROM vetassist_users WHERE va_icn IN ('ICN1', 'ICN2'))";
    server.db.batch_execute(lost).unwrap();
    rotated_key(&mut server);
    server.db.batch_execute("CALL vetassist_rotate_tokens(4)").unwrap();
    server.db.batch_execute("CALL vetassist_upgrade_ip_hashes(4)").unwrap();
    let said = column_of(
        &mut server.db,
        "SELECT event_type || ' ' || event_data::text FROM vetassist_auth_audit WHERE event_type <> 'login' ORDER BY id",
    );
    assert_eq!(
        said,
        [
            r#"keys_rotated {"by": "postgres", "held": 0, "count": 28, "unopened": 2}"#,
            r#"ip_hashes_upgraded {"by": "postgres", "count": 60}"#,
        ]
    );
}

/// Cancels a call after this time, and asserts that it ends within a second.
fn assert_cancelled(db: &mut Client, call: &str, milliseconds: u64) {
    db.batch_execute(&format!("SET statement_timeout = '{milliseconds} ms'")).unwrap();
    let began = Instant::now();
    let error = db.batch_execute(call).expect_err(call);
    let took = began.elapsed();
    assert_eq!(sqlstate(&error), "57014", "{call}: {error:?}");
    assert!(took < Duration::from_millis(milliseconds + 1000), "{call} took {took:?}");
    db.batch_execute("SET statement_timeout = 0").unwrap();
}

#[test]
#[ignore = "takes seconds"]
fn a_batch_of_all_rows_is_cancelled_within_a_second() {
    let mut server = KeyedServer::start();
    server
        .db
        .batch_execute(
            "INSERT INTO vetassist_users (id) SELECT gen_random_uuid() FROM generate_series(1, 20000);
             INSERT INTO vetassist_va_tokens (user_id, access_token_encrypted, expires_at)
             SELECT id, vetassist_encrypt_token('access', id), now() FROM vetassist_users;
             INSERT INTO vetassist_sessions (user_id, jwt_id, expires_at, device_info)
             SELECT id, id, now(), jsonb_build_object('ip_hash', encode(sha256(id::text::bytea), 'hex')) FROM vetassist_users;
             INSERT INTO vetassist_auth_audit (event_type, ip_hash, created_at)
             SELECT 'seen', encode(sha256(n::text::bytea), 'hex'), '2001-01-01' FROM generate_series(1, 100000) AS n;",
        )
        .unwrap();
    rotated_key(&mut server);
    let mut db = server.connect();
    for call in [
        "CALL vetassist_rotate_tokens(1000000)",
        "CALL vetassist_upgrade_ip_hashes(1000000)",
        "CALL vetassist_seal_audit(1000000)",
    ] {
        assert_cancelled(&mut db, call, 50);
    }
    db.batch_execute("CALL vetassist_seal_audit()").unwrap();
    assert_cancelled(&mut db, "SELECT vetassist_purge_audit('2 years', 1000000)", 50);
    db.batch_execute("SELECT vetassist_purge_audit('2 years', 1000000)").unwrap();
    // The upgrade of the sessions comes after that of the trail.
    assert_cancelled(&mut db, "CALL vetassist_upgrade_ip_hashes(1000000)", 50);
    // A call that waits for a locked row is cancelled as well.
    let mut holder = server.connect();
    holder.batch_execute("BEGIN; SELECT FROM vetassist_va_tokens LIMIT 1 FOR UPDATE").unwrap();
    db.batch_execute("DELETE FROM vetassist_va_tokens WHERE user_id IN (SELECT user_id FROM vetassist_va_tokens FOR UPDATE SKIP LOCKED)").unwrap();
    assert_cancelled(&mut db, "CALL vetassist_rotate_tokens()", 1000);
}
