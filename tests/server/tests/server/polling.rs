//! Measures the cost of asking again and again: for due tokens, for metrics, for the check.
//!
//! The costs are blocks that are read, which no other load on the machine changes. `VETASSIST_TEST_POLLING_USERS` takes another
//! number of users, such as 1000000; the bounds are the same, so what reads a whole table or index does not keep them.

use std::time::Instant;

use postgres::Client;
use vetassist_server_tests::{column_of, database};

/// A database with users whose tokens end in an hour and later. Their statistics are those of an empty table.
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

/// Makes a part of the tokens end at another time.
fn let_end(db: &mut Client, how_many: i64, when: &str) {
    let chosen = format!(
        "SELECT user_id FROM vetassist_va_tokens WHERE expires_at > now() + '1 h' LIMIT {how_many}"
    );
    db.batch_execute(&format!(
        "UPDATE vetassist_va_tokens SET expires_at = {when} WHERE user_id IN ({chosen})"
    ))
    .unwrap();
}

/// Calls it, and returns how many rows it gave and how many blocks it read, indexes included.
fn cost(db: &mut Client, call: &str) -> (usize, i64) {
    // Once before: a session's first call reads the catalogs, too.
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
fn what_is_due_is_found_without_reading_the_rest() {
    let (mut db, users) = database_of_many();
    let claim = "SELECT * FROM vetassist_claim_refreshes_sealed()";
    let (rows, blocks) = cost(&mut db, claim);
    assert_eq!(rows, 0);
    assert!(blocks < 30, "none is due: {blocks} blocks");
    // In one transaction as many are due as never were when the statistics were made.
    let_end(&mut db, users / 10, "now() + random() * interval '4 min'");
    for statistics in ["", "ANALYZE"] {
        db.batch_execute(statistics).unwrap();
        let (rows, blocks) = cost(&mut db, claim);
        assert_eq!(rows, 10);
        assert!(blocks < 1000, "ten of many: {blocks} blocks {statistics}");
    }
    // Those that must sign in again stay the oldest. Each costs a few blocks, and no sorting of the rest.
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

#[test]
fn figures_cost_the_same_whatever_is_stored() {
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
    let_end(&mut db, users / 10, "now() - random() * interval '40 days'");
    db.batch_execute(
        "INSERT INTO vetassist_refresh_states
         SELECT user_id, vetassist_tokens_digest(access_token_encrypted, refresh_token_encrypted), 1, now(), NULL, 'invalid_grant'
         FROM vetassist_va_tokens WHERE expires_at < now()",
    )
    .unwrap();
    vacuum(&mut db);
    // The delay alone looks at tokens: at a hundred of each age.
    let (_, blocks) = cost(&mut db, metrics);
    assert!(blocks < 12_000, "{blocks} blocks");
}

/// Returns the delay in seconds, as the figures have it.
fn delay(db: &mut Client) -> f64 {
    let query =
        "SELECT value FROM vetassist_metrics() WHERE name = 'vetassist_refresh_delay_seconds'";
    db.query_one(query, &[]).unwrap().get(0)
}

#[test]
fn a_delay_is_seen_behind_any_number_of_dead_and_of_late_ones() {
    let (mut db, _) = database_of_many();
    assert_eq!(delay(&mut db), 0.0);
    // Half of a day's tokens are dead, and nobody is late.
    let_end(&mut db, 3000, "now() - random() * interval '1 day'");
    db.batch_execute(
        "INSERT INTO vetassist_refresh_states
         SELECT user_id, vetassist_tokens_digest(access_token_encrypted, refresh_token_encrypted), 1, now(), NULL, 'invalid_grant'
         FROM vetassist_va_tokens WHERE expires_at < now()",
    )
    .unwrap();
    assert_eq!(delay(&mut db), 0.0);
    // Those of accounts that are not active are never refreshed.
    db.batch_execute(
        "UPDATE vetassist_users SET is_active = false WHERE va_icn = 'ICN1';
         UPDATE vetassist_va_tokens SET expires_at = now() - interval '3 h' WHERE user_id = vetassist_find_user('ICN1')",
    )
    .unwrap();
    assert_eq!(delay(&mut db), 0.0);
    // For three hours no worker has run.
    let_end(&mut db, 5000, "now() - random() * interval '3 h'");
    let late = delay(&mut db);
    assert!((3500.0..=10_800.5).contains(&late), "{late} s");
    db.batch_execute("TRUNCATE vetassist_refresh_states").unwrap();
    let late = delay(&mut db);
    assert!((86_000.0..=86_400.5).contains(&late), "{late} s");
    let_end(&mut db, 1, "'-infinity'");
    assert!(delay(&mut db) > 1e9, "since ever");
}

#[test]
fn a_check_opens_at_most_a_hundred_tokens() {
    let (mut db, _) = database_of_many();
    // None of these opens.
    let found =
        column_of(&mut db, "SELECT message FROM vetassist_check() WHERE subject = 'key ring'");
    assert_eq!(
        found,
        ["no key of the ring opens 100 of the stored tokens (at most 100 were tried)"]
    );
    let (_, blocks) = cost(&mut db, "SELECT * FROM vetassist_check()");
    assert!(blocks < 30_000, "{blocks} blocks");
}
