//! Measures the cost of calls that are repeated often: claiming due tokens, metrics and the check.
//!
//! The cost is the number of blocks that a call reads, which does not depend on other load. `VETASSIST_TEST_POLLING_USERS`
//! sets another number of users, such as 1000000. The bounds stay the same, so a call that reads a whole table or index
//! exceeds them.

use std::time::Instant;

use postgres::Client;
use vetassist_server_tests::{column_of, database};

/// Creates a database with users whose tokens expire in an hour or later. The statistics are those of empty tables.
fn database_of_many() -> (Client, i64) {
    let users: i64 = match std::env::var("VETASSIST_TEST_POLLING_USERS") {
        Ok(users) => users.parse().unwrap(),
        Err(_) => 20_000,
    };
    let mut db = database();
    db.batch_execute(&format!(
        "INSERT INTO vetassist_users (va_icn) SELECT 'ICN' || n FROM generate_series(1, {users}) AS n;
         INSERT INTO vetassist_va_tokens (user_id, access_token_encrypted, refresh_token_encrypted, expires_at)
         SELECT id, sha512(va_icn::bytea), sha512(('r' || va_icn)::bytea), now() + '1 h' + random() * interval '1 h' FROM vetassist_users;
         INSERT INTO vetassist_sessions (user_id, jwt_id, expires_at) SELECT id, va_icn, now() + '1 h' FROM vetassist_users"
    ))
    .unwrap();
    (db, users)
}

/// Makes some of the tokens expire at another time.
fn make_expire(db: &mut Client, how_many: i64, when: &str) {
    let chosen = format!(
        "SELECT user_id FROM vetassist_va_tokens WHERE expires_at > now() + '1 h' LIMIT {how_many}"
    );
    db.batch_execute(&format!(
        "UPDATE vetassist_va_tokens SET expires_at = {when} WHERE user_id IN ({chosen})"
    ))
    .unwrap();
}

/// Returns the number of rows that the call returns and the number of blocks that it reads, indexes included.
fn cost(db: &mut Client, call: &str) -> (usize, i64) {
    // The first call of a session also reads the catalogs.
    db.query(call, &[]).unwrap();
    let started = Instant::now();
    let plan = column_of(
        db,
        &format!("EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF) {call}"),
    );
    let took = started.elapsed();
    let number = |line: &str, name: &str| -> i64 {
        let after = line.split(name).nth(1).unwrap_or("0");
        after.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
    };
    let rows = number(&plan[0], "rows=").try_into().unwrap();
    let buffers = plan.iter().find(|line| line.contains("Buffers:")).unwrap();
    let blocks = number(buffers, "hit=") + number(buffers, "read=");
    println!("{call}: {rows} rows, {blocks} blocks, {took:.1?}");
    (rows, blocks)
}

#[test]
fn due_tokens_are_found_without_reading_the_others() {
    let (mut db, users) = database_of_many();
    let claim = "SELECT * FROM vetassist_claim_refreshes_sealed()";
    let (rows, blocks) = cost(&mut db, claim);
    assert_eq!(rows, 0);
    assert!(blocks < 30, "none is due: {blocks} blocks");
    // Many tokens become due at once, which the statistics do not show.
    make_expire(&mut db, users / 10, "now() + random() * interval '4 min'");
    for statistics in ["", "ANALYZE"] {
        db.batch_execute(statistics).unwrap();
        let (rows, blocks) = cost(&mut db, claim);
        assert_eq!(rows, 10);
        assert!(blocks < 1000, "ten of many: {blocks} blocks {statistics}");
    }
    // Tokens of users who must sign in again stay the oldest. Each costs a few blocks, and the others are not sorted.
    db.batch_execute(
        "INSERT INTO vetassist_refresh_states
         SELECT user_id, vetassist_tokens_digest(access_token_encrypted, refresh_token_encrypted), 1, now(), NULL, 'invalid_grant'
         FROM vetassist_va_tokens ORDER BY expires_at LIMIT 500",
    )
    .unwrap();
    let (rows, blocks) = cost(&mut db, claim);
    assert_eq!(rows, 10);
    assert!(blocks < 6000, "behind 500: {blocks} blocks");
}

/// The statistics are those of empty tables, so that PostgreSQL does not know how many rows an index has for a user or a time.
#[test]
fn a_held_token_costs_a_few_blocks() {
    let (mut db, users) = database_of_many();
    let due = users / 10;
    make_expire(&mut db, due, "now() - random() * interval '4 min'");
    let held = |columns: &str, where_: &str| {
        format!(
            "INSERT INTO vetassist_refresh_{columns}
             FROM (SELECT *, vetassist_tokens_digest(access_token_encrypted, refresh_token_encrypted) AS digest
                   FROM vetassist_va_tokens WHERE {where_} ORDER BY expires_at LIMIT {}) AS t",
            due - 10
        )
    };
    let claim = "SELECT * FROM vetassist_claim_refreshes_sealed('0')";
    let last = column_of(
        &mut db,
        "SELECT user_id::text FROM vetassist_va_tokens ORDER BY expires_at DESC LIMIT 1",
    );
    let use_token = format!("SELECT * FROM vetassist_use_token_sealed('{}', '1 day')", last[0]);
    for (what, columns) in [
        ("failed", "states SELECT user_id, digest, 1, now(), now() + '1 h', 'x'"),
        ("leased", "leases SELECT gen_random_uuid(), user_id, '3', now() + '1 h', digest"),
    ] {
        db.batch_execute("TRUNCATE vetassist_refresh_states, vetassist_refresh_leases").unwrap();
        // Each user also has a lease that ended.
        db.batch_execute(&held(
            "leases SELECT gen_random_uuid(), user_id, '3', now() - '10 min'::interval, digest",
            "true",
        ))
        .unwrap();
        db.batch_execute(&held(columns, "expires_at < now()")).unwrap();
        let (rows, blocks) = cost(&mut db, claim);
        assert_eq!(rows, 0, "the first call of cost() takes the ten that are left");
        assert!(blocks < 15 * due, "{what}: {blocks} blocks for {due} tokens");
        let (_, blocks) = cost(&mut db, &use_token);
        assert!(blocks < 200, "{what}: {blocks} blocks for one user");
        // The index of the times would return every lease for each user.
        let read = format!("BEGIN; {claim}; {use_token}; SELECT pg_stat_get_xact_tuples_returned('idx_vetassist_refresh_leases_expires'::regclass)");
        let read = db.simple_query(&read).unwrap();
        db.batch_execute("ROLLBACK").unwrap();
        let read = read.iter().rev().find_map(|row| match row {
            postgres::SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        assert_eq!(read, Some("0"), "{what}");
    }
}

#[test]
fn metrics_read_a_bounded_number_of_blocks() {
    let (mut db, users) = database_of_many();
    let vacuum = |db: &mut Client| {
        for table in ["users", "va_tokens", "sessions", "refresh_states"] {
            db.batch_execute(&format!("VACUUM (ANALYZE) vetassist_{table}")).unwrap();
        }
    };
    vacuum(&mut db);
    let metrics = "SELECT * FROM vetassist_metrics()";
    let (_, blocks) = cost(&mut db, metrics);
    assert!(blocks < 250, "{blocks} blocks");
    make_expire(&mut db, users / 10, "now() - random() * interval '40 days'");
    db.batch_execute(
        "INSERT INTO vetassist_refresh_states
         SELECT user_id, vetassist_tokens_digest(access_token_encrypted, refresh_token_encrypted), 1, now(), NULL, 'invalid_grant'
         FROM vetassist_va_tokens WHERE expires_at < now()",
    )
    .unwrap();
    vacuum(&mut db);
    // Only the delay reads tokens, at most ten of each age.
    let (_, blocks) = cost(&mut db, metrics);
    assert!(blocks < 12_000, "{blocks} blocks");
}

/// Returns the delay in seconds from the metrics.
fn delay(db: &mut Client) -> f64 {
    let query =
        "SELECT value FROM vetassist_metrics() WHERE name = 'vetassist_refresh_delay_seconds'";
    db.query_one(query, &[]).unwrap().get(0)
}

#[test]
fn the_delay_is_found_behind_many_dead_and_late_tokens() {
    let (mut db, _) = database_of_many();
    assert_eq!(delay(&mut db), 0.0);
    // Many tokens of a day are dead, and no refresh is late.
    make_expire(&mut db, 3000, "now() - random() * interval '1 day'");
    db.batch_execute(
        "INSERT INTO vetassist_refresh_states
         SELECT user_id, vetassist_tokens_digest(access_token_encrypted, refresh_token_encrypted), 1, now(), NULL, 'invalid_grant'
         FROM vetassist_va_tokens WHERE expires_at < now()",
    )
    .unwrap();
    assert_eq!(delay(&mut db), 0.0);
    // Tokens of inactive accounts are not refreshed.
    db.batch_execute(
        "UPDATE vetassist_users SET is_active = false WHERE va_icn = 'ICN1';
         UPDATE vetassist_va_tokens SET expires_at = now() - interval '3 h' WHERE user_id = vetassist_find_user('ICN1')",
    )
    .unwrap();
    assert_eq!(delay(&mut db), 0.0);
    // No worker has run for three hours.
    make_expire(&mut db, 5000, "now() - random() * interval '3 h'");
    let late = delay(&mut db);
    assert!((3500.0..=10_800.5).contains(&late), "{late} s");
    db.batch_execute("TRUNCATE vetassist_refresh_states").unwrap();
    let late = delay(&mut db);
    assert!((86_000.0..=86_400.5).contains(&late), "{late} s");
    make_expire(&mut db, 1, "'-infinity'");
    assert!(delay(&mut db) > 1e9, "since ever");
}

#[test]
fn a_check_opens_at_most_a_hundred_tokens() {
    let (mut db, _) = database_of_many();
    // None of these tokens opens.
    let found =
        column_of(&mut db, "SELECT message FROM vetassist_check() WHERE subject = 'key ring'");
    assert_eq!(
        found,
        ["no key of the ring opens 100 of the stored tokens (at most 100 were tried)"]
    );
    let (_, blocks) = cost(&mut db, "SELECT * FROM vetassist_check()");
    assert!(blocks < 30_000, "{blocks} blocks");
}

/// The check compares privileges with those of the tiers, in a database that may have thousands of other functions.
#[test]
fn the_functions_of_tiers_are_found_by_name() {
    let mut db = database();
    let call = "SELECT * FROM vetassist_tier_privileges()";
    let (rows, before) = cost(&mut db, call);
    db.batch_execute(
        "CREATE SCHEMA others; ANALYZE pg_proc;
         DO $$ BEGIN FOR i IN 1..3000 LOOP
             EXECUTE format('CREATE FUNCTION others.f%s() RETURNS integer LANGUAGE sql RETURN 1', i);
         END LOOP; END $$;
         ANALYZE pg_proc",
    )
    .unwrap();
    let (again, after) = cost(&mut db, call);
    assert_eq!(rows, again);
    assert!(after <= before + 20, "{before} blocks, then {after}");
}
