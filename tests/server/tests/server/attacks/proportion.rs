//! Tests that the work of each call is in proportion to its arguments, and that each call can be cancelled. The bounds
//! hold on a slow machine.

use std::time::{Duration, Instant};

use postgres::Client;

use super::{Refused, Victim};

/// The most time that a call with 64 kB may take.
const SOON: Duration = Duration::from_secs(1);

/// Returns how long a call took, and its result.
fn timed(db: &mut Client, call: &str) -> (Duration, Result<(), Refused>) {
    let started = Instant::now();
    let outcome = db.batch_execute(call).map_err(|error| Refused::of(&error));
    (started.elapsed(), outcome)
}

/// The characters of the patterns, of each kind that the search distinguishes. The core's tests have all patterns; these
/// pass through PostgreSQL's values.
const LETTERS: &str = "E'aeZ07 \\t\\n\\x01.,:;=-_/%&\"\\\\[{@'";

/// Calls with 60 kB of each pattern of one or two of these characters: `$1` is the repeated pattern. Stops at the first
/// call that takes too long.
fn for_every_pattern(db: &mut Client, call: &str) {
    let block = format!(
        "DO $block$
         DECLARE
             pattern text; started timestamptz; took interval;
         BEGIN
             FOR pattern IN
                 SELECT DISTINCT concat(a, b)
                 FROM string_to_table({LETTERS}, NULL) AS a, (SELECT string_to_table({LETTERS}, NULL) UNION ALL SELECT '') AS t (b)
             LOOP
                 started := clock_timestamp();
                 BEGIN
                     EXECUTE $call${call}$call$ USING repeat(pattern, 60000 / length(pattern));
                 EXCEPTION WHEN invalid_parameter_value OR insufficient_privilege THEN NULL;
                 END;
                 took := clock_timestamp() - started;
                 IF took > interval '1 second' THEN
                     RAISE EXCEPTION 'slow: pattern % took %', quote_literal(pattern), took;
                 END IF;
             END LOOP;
         END $block$"
    );
    db.batch_execute("BEGIN").unwrap();
    let outcome = db.batch_execute(&block).map_err(|error| Refused::of(&error));
    db.batch_execute("ROLLBACK").unwrap();
    assert_eq!(outcome, Ok(()), "{call}");
}

#[test]
#[ignore = "takes seconds"]
fn event_data_of_any_pattern_is_checked_within_a_second() {
    let victim = Victim::installed(&[]);
    let mut db = victim.connect("app");
    for event_data in
        ["jsonb_build_object('note', $1)", "jsonb_build_object($1, 'x')", "jsonb_build_array($1)"]
    {
        for_every_pattern(&mut db, &format!("SELECT vetassist_log_event('x', NULL, {event_data})"));
    }
    for_every_pattern(&mut db, "SELECT vetassist_log_event(left($1, 50))");
}

#[test]
#[ignore = "takes seconds"]
fn device_info_of_any_pattern_is_checked_within_a_second() {
    let victim = Victim::installed(&[("vetassist.ip_hash", "keyed")]);
    let mut db = victim.connect("app");
    for device_info in [
        "jsonb_build_object('agent', $1)",
        "jsonb_build_object('x-forwarded-for', $1)",
        "jsonb_build_object($1, 'x')",
    ] {
        for_every_pattern(&mut db, &format!("SELECT vetassist_login('ICN', 'access', now(), 'jti' || clock_timestamp(), now(), device_info => {device_info})"));
    }
}

/// Metadata that is expensive to search, of almost 64 kB.
const HARD: &[&str] = &[
    "jsonb_build_object('a', repeat(' ', 60000))",
    "jsonb_build_object('a', repeat('bearer ', 8000))",
    "jsonb_build_object('a', repeat('eyJ', 20000))",
    "jsonb_build_object('a', repeat('eyJa.', 12000))",
    "jsonb_build_object('a', repeat('1-', 30000))",
    "jsonb_build_object('a', repeat('123-45-678', 6000))",
    "jsonb_build_object('a', repeat('{\"a\":', 10000))",
    "jsonb_build_object('a', repeat('[', 60000))",
    "jsonb_build_object('a', repeat('\"{\\\\\"', 12000))",
    "jsonb_build_object('a', repeat('refresh_token=', 4000))",
    "jsonb_build_object('a', repeat('%3D%26', 10000))",
    "jsonb_build_object('a', repeat('203.0.113.', 6000))",
    "jsonb_build_object('a', repeat('1:', 30000))",
    "jsonb_build_object('a', repeat('for=', 15000))",
    "jsonb_build_object('ip', repeat('203.0.113.7, ', 4500))",
    "jsonb_build_object('forwarded', repeat('for=203.0.113.7;', 3700))",
    "jsonb_build_object('ip', repeat('[::', 20000))",
    "(SELECT jsonb_object_agg('member' || i, i) FROM generate_series(1, 3500) AS i)",
    "(SELECT jsonb_object_agg('ip' || i, '10.0.' || i / 256 || '.' || i % 256) FROM generate_series(1, 2200) AS i)",
    "(SELECT jsonb_agg('10.0.' || i / 256 || '.' || i % 256) FROM generate_series(1, 3500) AS i)",
    "(SELECT jsonb_object_agg('x' || i || 'ip_hash', encode(sha256(i::text::bytea), 'hex')) FROM generate_series(1, 700) AS i)",
    "(SELECT jsonb_agg('{}'::jsonb) FROM generate_series(1, 15000))",
    "(repeat('[', 60) || repeat(']', 60))::jsonb",
    "(repeat('{\"ip\":', 60) || '\"203.0.113.7\"' || repeat('}', 60))::jsonb",
];

#[test]
fn expensive_metadata_is_checked_within_a_second() {
    let victim = Victim::installed(&[("vetassist.ip_hash", "keyed")]);
    let mut db = victim.connect("app");
    for hard in HARD {
        for call in [
            format!("SELECT vetassist_log_event('x', NULL, {hard})"),
            format!("SELECT vetassist_login('ICN', 'access', now() + '1 h', 'jti' || clock_timestamp(), now() + '1 h', device_info => {hard})"),
        ] {
            let (took, _) = timed(&mut db, &call);
            // Each address is stored separately, which takes longer.
            let most = if hard.contains("10.0.") { SOON * 5 } else { SOON };
            assert!(took < most, "{call} took {took:?}");
        }
    }
}

#[test]
fn metadata_has_limits_of_size_and_depth() {
    let victim = Victim::installed(&[]);
    let mut db = victim.connect("app");
    for (metadata, fits) in [
        ("jsonb_build_object('a', repeat('word ', 12000))", true),
        ("jsonb_build_object('a', repeat('word ', 14000))", false),
        ("jsonb_build_object('a', repeat('word ', 150000))", false),
        ("jsonb_build_object('a', repeat(chr(233), 40000))", false),
        ("(repeat('[', 60) || repeat(']', 60))::jsonb", true),
        ("(repeat('[', 66) || repeat(']', 66))::jsonb", false),
        ("(repeat('{\"a\":', 60) || '1' || repeat('}', 60))::jsonb", true),
        ("(repeat('{\"a\":', 66) || '1' || repeat('}', 66))::jsonb", false),
        ("(repeat('[', 5000) || repeat(']', 5000))::jsonb", false),
        ("(SELECT jsonb_object_agg('m' || i, i) FROM generate_series(1, 16000) AS i)", false),
        ("(SELECT jsonb_object_agg('ip' || i, '10.0.' || i / 256 || '.' || i % 256) FROM generate_series(1, 16000) AS i)", false),
    ] {
        for call in [
            format!("SELECT vetassist_log_event('x', NULL, {metadata})"),
            format!("SELECT vetassist_login('ICN', 'access', now() + '1 h', 'jti' || clock_timestamp(), now() + '1 h', device_info => {metadata})"),
        ] {
            let (took, outcome) = timed(&mut db, &call);
            assert_eq!(outcome.is_ok(), fits, "{call}: {outcome:?}");
            assert!(took < SOON * 2, "{call} took {took:?}");
            if let Err(Refused { state, text }) = outcome {
                assert!(["22023", "54000"].contains(&&*state) && text.contains(" / "), "{call}: {state} {text}");
            }
        }
    }
}

#[test]
fn a_statement_timeout_cancels_each_call() {
    let mut victim = Victim::installed(&[("vetassist.ip_hash", "keyed")]);
    // Another backend wrote these sessions, without the limits.
    victim
        .db
        .batch_execute(
            "INSERT INTO vetassist_users (va_icn) VALUES ('ICN');
             INSERT INTO vetassist_sessions (user_id, jwt_id, expires_at, device_info)
             SELECT id, 'huge', now(), (SELECT jsonb_object_agg('x' || i || '_ip_hash', encode(sha256(i::text::bytea), 'hex')) FROM generate_series(1, 30000) AS i) FROM vetassist_users;",
        )
        .unwrap();
    let times =
        |count: &str, value: &str| format!("jsonb_build_object('a', repeat('{value}', {count}))");
    let most = Duration::from_secs(5);
    for (role, call) in [
        ("app", format!("SELECT vetassist_log_event('x', NULL, {})", times("100000", " "))),
        ("app", format!("SELECT vetassist_log_event('x', NULL, {})", times("30000", "bearer "))),
        ("app", format!("SELECT vetassist_log_event('x', NULL, {})", times("100000", "basic\\t"))),
        ("app", "SELECT vetassist_login('ICN', 'a', now(), 'jti', now(), device_info => (SELECT jsonb_object_agg('ip' || i, '10.0.' || i / 256 || '.' || i % 256) FROM generate_series(1, 16000) AS i))".to_owned()),
        ("app", "SELECT vetassist_login('ICN', 'a', now(), 'jti', now(), device_info => (SELECT jsonb_object_agg('m' || i, i) FROM generate_series(1, 16000) AS i))".to_owned()),
        ("app", "SELECT count(*) FROM generate_series(1, 10000000) AS i, LATERAL vetassist_session_active(i::text) AS a".to_owned()),
        ("admin", "CALL vetassist_upgrade_ip_hashes()".to_owned()),
    ] {
        let mut db = victim.connect(role);
        db.batch_execute("SET statement_timeout = '1s'").unwrap();
        let (took, outcome) = timed(&mut db, &call);
        assert!(took < most, "{call} took {took:?}: {outcome:?}");
        if let Err(Refused { state, .. }) = outcome {
            assert!(["57014", "22023", "54000"].contains(&&*state), "{call}: {state}");
        }
    }
}

#[test]
#[ignore = "takes seconds"]
fn upgrading_long_device_info_takes_time_in_proportion() {
    // Four times as much may take four times as long, not sixteen times.
    let mut took = Vec::new();
    for members in [5_000, 20_000] {
        let mut victim = Victim::installed(&[("vetassist.ip_hash", "keyed")]);
        victim
            .db
            .batch_execute(&format!(
                "INSERT INTO vetassist_users (va_icn) VALUES ('ICN');
                 INSERT INTO vetassist_sessions (user_id, jwt_id, expires_at, device_info)
                 SELECT id, 'huge', now(), (SELECT jsonb_object_agg('x' || i || '_ip_hash', encode(sha256(i::text::bytea), 'hex')) FROM generate_series(1, {members}) AS i) FROM vetassist_users;"
            ))
            .unwrap();
        let mut admin = victim.connect("admin");
        admin.batch_execute("SET statement_timeout = '2min'").unwrap();
        let (elapsed, outcome) = timed(&mut admin, "CALL vetassist_upgrade_ip_hashes()");
        assert_eq!(outcome, Ok(()));
        took.push(elapsed);
    }
    assert!(took[1] < took[0] * 8 + SOON, "{took:?}");
}
