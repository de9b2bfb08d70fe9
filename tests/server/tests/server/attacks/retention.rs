//! Tests that a purge of the audit trail keeps retention and writes an event.

use super::{Refused, Victim, MALLORY};

const AGES: [&str; 5] = ["0", "1 day", "364 days", "2 years", "3 years"];

/// Creates a trail with a row of each age.
fn aged() -> Victim {
    let mut victim = Victim::installed(&[]);
    age(&mut victim);
    victim.must("admin", "CALL vetassist_seal_audit()");
    victim
}

fn age(victim: &mut Victim) {
    for age in AGES {
        victim
            .db
            .batch_execute(&format!(
                "INSERT INTO vetassist_auth_audit (event_type, created_at) VALUES ('aged {age}', now() - interval '{age}')"
            ))
            .unwrap();
    }
}

fn aged_rows(victim: &mut Victim) -> Vec<String> {
    victim.column("SELECT event_type::text FROM vetassist_auth_audit WHERE event_type LIKE 'aged%' ORDER BY id")
}

fn purges(victim: &mut Victim) -> Vec<String> {
    victim.column(
        "SELECT concat_ws(' ', event_data ->> 'by', event_data ->> 'count', user_id, ip_hash) FROM vetassist_auth_audit
         WHERE event_type = 'audit_purged' AND (event_data ->> 'cutoff')::timestamptz < now() - interval '364 days' ORDER BY id",
    )
}

#[test]
fn no_role_can_purge_rows_within_retention() {
    let mut victim = aged();
    victim.db.batch_execute("GRANT admin TO mallory").unwrap();
    let before = aged_rows(&mut victim);
    for (role, prepare, older_than) in [
        ("admin", "", "'1 microsecond'"),
        ("admin", "", "'364 days'"),
        ("admin", "", "'11 months 27 days'"),
        ("admin", "", "make_interval(secs => 1)"),
        // Mixed signs: such an interval is long as a number of seconds and short from now, or the reverse.
        ("admin", "", "'10 years -3649 days'"),
        ("admin", "", "'-10 years 3660 days'"),
        ("admin", "", "'1 year -1 microseconds'"),
        // The caller's settings for times.
        ("admin", "SET TimeZone = 'AAA-167BBB'", "'359 days'"),
        ("admin", "SET TimeZone = 'AAA+167BBB'", "'359 days'"),
        ("admin", "SET TimeZone = 'Pacific/Kiritimati'", "'364 days 23 hours'"),
        ("admin", "SET IntervalStyle = sql_standard", "'0-11'"),
        ("admin", "SET DateStyle = 'German, DMY'", "'364 days'"),
        ("admin", "BEGIN", "'364 days'"),
        (
            "admin",
            "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE",
            "'364 days'",
        ),
        (MALLORY, "SET ROLE admin", "'364 days'"),
        (MALLORY, "", "'1 second'"),
        // A superuser must change the setting first.
        ("postgres", "", "'364 days'"),
    ] {
        let call = format!("{prepare}; SELECT vetassist_purge_audit({older_than}, 1000000)");
        let Refused { state, text } = victim.run(role, &call).expect_err(&call);
        assert!(["42501", "22023"].contains(&&*state), "{call}: {state} {text}");
        assert!(text.contains(" / "), "no hint: {text}");
    }
    for call in [
        "SELECT vetassist_purge_audit_batch(now(), 1000)",
        "SELECT vetassist_purge_audit_batch('infinity', 1000)",
    ] {
        for role in ["app", "auditor", "admin", "postgres"] {
            let state = victim.run(role, call).unwrap_err().state;
            assert!(["42501", "42883"].contains(&&*state), "{role}: {call}: {state}");
        }
    }
    for way in [
        "SET vetassist.audit_min_retention = '0'",
        "LOAD 'vetassist'; SET vetassist.audit_min_retention = '0'",
        "SELECT set_config('vetassist.audit_min_retention', '0', true)",
        "ALTER ROLE admin SET vetassist.audit_min_retention = '0'",
    ] {
        let call = format!("BEGIN; {way}; SELECT vetassist_purge_audit('1 day')");
        assert!(victim.run("admin", &call).is_err(), "{call}");
    }
    assert_eq!(aged_rows(&mut victim), before);
    assert_eq!(purges(&mut victim), Vec::<String>::new());
}

#[test]
fn each_purge_writes_an_event_or_deletes_nothing() {
    let mut victim = aged();
    victim.db.batch_execute("GRANT admin TO mallory").unwrap();
    // A rollback undoes the purge and its event.
    victim.must("admin", "BEGIN; SELECT vetassist_purge_audit('1 year'); ROLLBACK");
    assert_eq!((aged_rows(&mut victim).len(), purges(&mut victim).len()), (5, 0));
    // The event names the session user, not the role that was set.
    victim.must(MALLORY, "SET ROLE admin; SELECT vetassist_purge_audit('2 years 6 months')");
    assert_eq!(purges(&mut victim), ["mallory 1"]);
    victim.must("admin", "SELECT vetassist_purge_audit('1 year', 5)");
    assert_eq!(purges(&mut victim), ["mallory 1", "admin 1"]);
    // A purge that deletes nothing writes no event.
    victim.must("admin", "SELECT vetassist_purge_audit('1 year')");
    assert_eq!(purges(&mut victim).len(), 2);
    assert_eq!(aged_rows(&mut victim).len(), 3);
    // A superuser can shorten retention.
    victim.must(
        "postgres",
        "SET vetassist.audit_min_retention = '12 hours'; SELECT vetassist_purge_audit('12 hours')",
    );
    assert_eq!(aged_rows(&mut victim), ["aged 0"]);
    let last = victim.column("SELECT event_data ->> 'by' || (event_data ->> 'count') FROM vetassist_auth_audit WHERE event_type = 'audit_purged' ORDER BY id DESC LIMIT 1");
    assert_eq!(last, ["postgres2"]);
}

#[test]
fn the_functions_of_released_versions_keep_retention() {
    for version in ["0.1.0", "0.2.0"] {
        let mut victim = Victim::start(&[]);
        victim
            .db
            .batch_execute(&format!("CREATE EXTENSION vetassist VERSION '{version}'"))
            .unwrap();
        victim.grant_tiers();
        age(&mut victim);
        for older_than in ["1 microsecond", "300 days"] {
            let call = format!("SELECT vetassist_purge_audit('{older_than}')");
            assert_eq!(victim.run("admin", &call).unwrap_err().state, "42501", "{version}");
        }
        victim.must("admin", "SELECT vetassist_purge_audit('2 years 6 months')");
        assert_eq!(
            (aged_rows(&mut victim).len(), purges(&mut victim)),
            (4, vec!["admin 1".to_owned()])
        );
    }
}
