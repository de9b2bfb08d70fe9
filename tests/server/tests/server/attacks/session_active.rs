//! Tests that session checks read the table that now has the name, and its current rows.

use std::{thread, time::Duration};

use vetassist_server_tests::wait;

use super::Victim;

const ASKS: &str = "SELECT vetassist_session_active('jti')";

fn signed_in() -> Victim {
    let mut victim = Victim::start(&[]);
    reinstall_and_sign_in(&mut victim);
    victim
}

/// Installs the extension in an empty database, and signs one user in. Disables the guard against renaming tables. A
/// superuser may do that, and the function must notice a renamed table.
fn reinstall_and_sign_in(victim: &mut Victim) {
    victim.empty();
    victim
        .db
        .batch_execute(
            "CREATE EXTENSION vetassist;
             SELECT vetassist_login('ICN', 'access', now() + '1 h', 'jti', now() + '1 h');
             ALTER EVENT TRIGGER vetassist_guard_schema DISABLE",
        )
        .unwrap();
    victim.grant_tiers();
}

/// Calls the function while a superuser's transaction locks and changes the tables. Returns the result after the commit,
/// or None for an error.
fn answer_during(victim: &mut Victim, statements: &str, asks: &str, warm: bool) -> Option<bool> {
    let mut db = victim.connect("postgres");
    if warm {
        // The function caches the tables.
        assert!(db.query_one(ASKS, &[]).unwrap().get::<_, bool>(0));
    }
    // A superuser can disable the guards.
    let unguard = "DO $$ DECLARE t name; BEGIN FOR t IN SELECT evtname FROM pg_event_trigger LOOP EXECUTE format('ALTER EVENT TRIGGER %I DISABLE', t); END LOOP; END $$";
    victim.db.batch_execute(unguard).unwrap();
    victim
        .db
        .batch_execute(
            "BEGIN; LOCK TABLE vetassist_sessions, vetassist_users IN ACCESS EXCLUSIVE MODE",
        )
        .unwrap();
    victim.db.batch_execute(statements).unwrap();
    let asks = asks.to_owned();
    let answer =
        thread::spawn(move || db.query_one(&asks, &[]).ok().map(|row| row.get::<_, bool>(0)));
    let mut other = victim.connect("postgres");
    wait(|| {
        other.query_one("SELECT count(*) > 0 FROM pg_locks WHERE NOT granted", &[]).unwrap().get(0)
    });
    victim.db.batch_execute("COMMIT").unwrap();
    answer.join().unwrap()
}

#[test]
fn a_live_session_is_live_while_its_table_is_rewritten() {
    let mut victim = Victim::start(&[]);
    for (number, rewrites) in [
        "ALTER TABLE vetassist_sessions ALTER jwt_id TYPE varchar(65)",
        "ALTER TABLE vetassist_sessions ALTER expires_at TYPE timestamptz USING expires_at + interval '1 s'",
        "ALTER TABLE vetassist_users ALTER is_active TYPE boolean USING is_active IS TRUE",
        "CREATE TABLE copy (LIKE vetassist_sessions INCLUDING ALL); INSERT INTO copy SELECT * FROM vetassist_sessions; ALTER TABLE vetassist_sessions RENAME TO old; ALTER TABLE copy RENAME TO vetassist_sessions",
        "CREATE TABLE copy (LIKE vetassist_users INCLUDING ALL); INSERT INTO copy SELECT * FROM vetassist_users; ALTER TABLE vetassist_users RENAME TO old; ALTER TABLE copy RENAME TO vetassist_users",
        "DELETE FROM vetassist_sessions; INSERT INTO vetassist_sessions (user_id, jwt_id, expires_at) SELECT id, 'jti', now() + interval '1 h' FROM vetassist_users",
        "TRUNCATE vetassist_sessions; INSERT INTO vetassist_sessions (user_id, jwt_id, expires_at) SELECT id, 'jti', now() + interval '1 h' FROM vetassist_users",
        "DROP INDEX idx_vetassist_sessions_jwt; CREATE INDEX idx_vetassist_sessions_jwt ON vetassist_sessions (jwt_id)",
        "REINDEX TABLE vetassist_sessions",
        "CLUSTER vetassist_sessions USING vetassist_sessions_pkey",
    ]
    .iter()
    .enumerate()
    {
        for warm in [false, true] {
            for asks in [
                ASKS,
                "SELECT vetassist_session_active(jwt) FROM (VALUES ('jti')) AS v (jwt)",
                "WITH a AS MATERIALIZED (SELECT vetassist_session_active('jti') AS is_active) SELECT is_active FROM a",
            ] {
                reinstall_and_sign_in(&mut victim);
                // Guards of later versions may refuse some of these statements in other replication roles.
                let statements = format!("SET LOCAL session_replication_role = origin; {rewrites}");
                let answer = answer_during(&mut victim, &statements, asks, warm);
                assert_eq!(answer, Some(true), "{number}, warm {warm}: {rewrites}: {asks}");
            }
        }
    }
}

#[test]
fn a_session_that_ended_during_the_wait_is_not_live() {
    let mut victim = Victim::start(&[]);
    for warm in [false, true] {
        for ends in [
            "UPDATE vetassist_sessions SET revoked_at = now()",
            "UPDATE vetassist_users SET is_active = false",
            "DELETE FROM vetassist_sessions",
            "UPDATE vetassist_sessions SET expires_at = clock_timestamp() - interval '1 s'",
            // The new table has the name but not the row. The table with the row was renamed.
            "ALTER TABLE vetassist_sessions RENAME TO old; CREATE TABLE vetassist_sessions (LIKE old INCLUDING ALL)",
            "ALTER TABLE vetassist_users RENAME TO old; CREATE TABLE vetassist_users (LIKE old INCLUDING ALL)",
            "CREATE SCHEMA away; ALTER TABLE vetassist_sessions SET SCHEMA away; CREATE TABLE vetassist_sessions (LIKE away.vetassist_sessions INCLUDING ALL)",
        ] {
            reinstall_and_sign_in(&mut victim);
            let answer = answer_during(&mut victim, ends, ASKS, warm);
            assert_ne!(answer, Some(true), "warm {warm}: {ends}");
        }
        // Without a new table the call fails.
        reinstall_and_sign_in(&mut victim);
        assert_eq!(
            answer_during(&mut victim, "ALTER TABLE vetassist_sessions RENAME TO old", ASKS, warm),
            None
        );
    }
}

#[test]
#[ignore = "takes seconds"]
fn a_session_expires_during_a_long_statement() {
    let mut victim = signed_in();
    victim
        .db
        .batch_execute("GRANT EXECUTE ON FUNCTION vetassist_session_active(text) TO app")
        .unwrap();
    for block in [
        "DO $$ BEGIN ASSERT vetassist_session_active('short'); PERFORM pg_sleep(2); ASSERT NOT vetassist_session_active('short'); END $$",
        "DO $$ DECLARE a boolean; BEGIN FOR i IN 1 .. 30 LOOP a := vetassist_session_active('short'); EXIT WHEN NOT a; PERFORM pg_sleep(0.1); END LOOP; ASSERT NOT a; END $$",
        "BEGIN; SELECT 1; DO $$ BEGIN PERFORM pg_sleep(2); ASSERT NOT vetassist_session_active('short'); END $$; COMMIT",
    ] {
        victim
            .db
            .batch_execute("DELETE FROM vetassist_sessions WHERE jwt_id = 'short'; INSERT INTO vetassist_sessions (user_id, jwt_id, expires_at) SELECT id, 'short', clock_timestamp() + interval '1 s' FROM vetassist_users")
            .unwrap();
        victim.must("app", block);
    }
}

#[test]
fn a_live_session_is_live_during_repeated_rewrites() {
    // Another session rewrites the table repeatedly.
    let victim = signed_in();
    let mut rewriter = victim.connect("postgres");
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stopped = std::sync::Arc::clone(&stop);
    let rewriting = thread::spawn(move || {
        let mut rewrites = 0;
        while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
            rewriter
                .batch_execute("BEGIN; LOCK TABLE vetassist_sessions; ALTER TABLE vetassist_sessions ALTER expires_at TYPE timestamptz USING expires_at + interval '0'; COMMIT; VACUUM FULL vetassist_users")
                .or_else(|_| rewriter.batch_execute("ROLLBACK"))
                .unwrap();
            let _ = rewriter.batch_execute("VACUUM FULL vetassist_sessions");
            rewrites += 1;
            thread::sleep(Duration::from_millis(2));
        }
        rewrites
    });
    let mut asking: Vec<_> = (0..2).map(|_| victim.connect("app")).collect();
    let started = std::time::Instant::now();
    let mut wrong = 0;
    let mut asked = 0;
    while started.elapsed() < Duration::from_secs(5) {
        for db in &mut asking {
            asked += 1;
            wrong += i32::from(!db.query_one(ASKS, &[]).unwrap().get::<_, bool>(0));
        }
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let rewrites = rewriting.join().unwrap();
    assert!(rewrites > 20 && asked > 50, "{rewrites} {asked}");
    assert_eq!(wrong, 0, "wrong results of {asked} calls during {rewrites} rewrites");
}
