//! Tests settings that every caller may change: none changes an installation, a check, or a call's effect.

use std::sync::{Arc, Mutex};

use postgres::{Client, NoTls};
use vetassist_server_tests::{catalog::catalog, plain_sql};

use super::{Function, Victim};

/// Settings that change how PostgreSQL reads or writes text, or how it runs the body of a function.
const SETTINGS: &[&str] = &[
    "SET quote_all_identifiers = on",
    "SET standard_conforming_strings = off",
    "SET standard_conforming_strings = off; SET escape_string_warning = off; SET backslash_quote = off",
    "SET transform_null_equals = on; SET array_nulls = off; SET xmloption = document",
    "SET DateStyle = 'German, DMY'; SET IntervalStyle = sql_standard; SET TimeZone = 'Pacific/Kiritimati'; SET bytea_output = escape; SET extra_float_digits = -15",
    "SET DateStyle = 'Postgres, MDY'; SET IntervalStyle = iso_8601; SET TimeZone = 'AAA-167BBB'",
    "SET search_path = ''",
    "SET search_path = pg_temp, public",
    "SET check_function_bodies = off; SET default_transaction_isolation = serializable; SET row_security = off; SET plan_cache_mode = force_generic_plan",
    // With jit, PostgreSQL would compile each expensive plan, which takes half a minute.
    "SET jit = off; SET enable_seqscan = off; SET enable_indexscan = off; SET enable_bitmapscan = off; SET from_collapse_limit = 1; SET join_collapse_limit = 1; SET work_mem = '64kB'",
    "SET session_replication_role = replica",
];

/// Returns a superuser's connection, and the warnings that it receives.
fn connect_recording_warnings(victim: &Victim) -> (Client, Arc<Mutex<Vec<String>>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&heard);
    let mut config = victim.server.config("postgres", "victim");
    config.notice_callback(move |notice| {
        if notice.severity() == "WARNING" {
            sink.lock().unwrap().push(notice.message().to_owned());
        }
    });
    (config.connect(NoTls).unwrap(), heard)
}

#[test]
#[ignore = "takes seconds"]
fn a_callers_settings_do_not_change_an_installation() {
    let plain = plain_sql();
    let mut victim = Victim::installed(&[]);
    let plainly = |lines: Vec<String>| -> Vec<String> {
        // A function's body may quote the schema's name.
        lines.iter().map(|line| line.replace("\"public\"", "public")).collect()
    };
    let fresh = plainly(catalog(&mut victim.db));
    for set in SETTINGS {
        // A fresh installation, two updates, and an adoption of the plain tables.
        for before in [
            "",
            "CREATE EXTENSION vetassist VERSION '0.2.0'",
            "CREATE EXTENSION vetassist VERSION '0.1.0'",
            &plain,
        ] {
            victim.empty();
            victim.db.batch_execute(before).unwrap();
            let (mut db, heard) = connect_recording_warnings(&victim);
            db.batch_execute(set).unwrap();
            let installs = if before.starts_with("CREATE EXTENSION") {
                "ALTER EXTENSION vetassist UPDATE"
            } else {
                "CREATE EXTENSION vetassist SCHEMA public"
            };
            db.batch_execute(installs)
                .unwrap_or_else(|error| panic!("{set}: {installs}: {error:?}"));
            assert_eq!(*heard.lock().unwrap(), Vec::<String>::new(), "{set}: {installs}");
            if before != plain {
                victim.grant_tiers();
                let found = plainly(catalog(&mut victim.db));
                let lacking = fresh.iter().find(|line| !found.contains(line));
                assert_eq!((lacking, found.len()), (None, fresh.len()), "{set}: {installs}");
            }
            let rows = db
                .query("SELECT object || ' ' || problem FROM public.vetassist_check_schema()", &[])
                .unwrap();
            let rows: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
            assert_eq!(rows, Vec::<String>::new(), "{set}: {installs}");
        }
        if !set.contains("search_path") {
            victim.empty();
            let (mut db, heard) = connect_recording_warnings(&victim);
            db.batch_execute(set).unwrap();
            db.batch_execute(&plain).unwrap_or_else(|error| panic!("{set}: {error:?}"));
            assert_eq!(*heard.lock().unwrap(), Vec::<String>::new(), "{set}");
        }
    }
}

#[test]
#[ignore = "takes seconds"]
fn a_callers_settings_cause_no_warning_of_a_function() {
    let victim = Victim::installed(&[("vetassist.ip_hash", "keyed")]);
    let mut reference = victim.connect("postgres");
    let calls: Vec<String> = Function::all(&mut reference)
        .iter()
        .filter(|f| !f.is_procedure)
        .map(|f| f.call(&mut reference))
        .collect();
    for set in SETTINGS {
        let (mut db, heard) = connect_recording_warnings(&victim);
        db.batch_execute("LOAD 'vetassist'").unwrap();
        db.batch_execute(set).unwrap();
        for call in &calls {
            // A warning is raised when a statement is parsed, so old plans are discarded.
            let _ = db.batch_execute("DISCARD PLANS");
            db.batch_execute("BEGIN").unwrap();
            let _ = db.batch_execute(call);
            db.batch_execute("ROLLBACK").unwrap();
        }
        for call in
            ["CALL public.vetassist_rotate_tokens()", "CALL public.vetassist_upgrade_ip_hashes()"]
        {
            db.batch_execute(call).unwrap_or_else(|error| panic!("{set}: {call}: {error:?}"));
        }
        assert_eq!(*heard.lock().unwrap(), Vec::<String>::new(), "{set}");
    }
}

#[test]
#[ignore = "takes seconds"]
fn a_callers_settings_do_not_change_stored_values() {
    let mut stored: Vec<(String, Vec<String>)> = Vec::new();
    for set in ["SET TimeZone = 'UTC'"].iter().chain(SETTINGS) {
        let mut victim = Victim::installed(&[("vetassist.ip_hash", "keyed")]);
        victim
            .db
            .batch_execute("INSERT INTO vetassist_users (va_icn) VALUES ('old'); INSERT INTO vetassist_sessions (user_id, jwt_id, expires_at, device_info) SELECT id, 'old', now(), jsonb_build_object('ip_hash', vetassist_hash_ip('203.0.113.9'), 'xip_hash', 'no hash', 'ipXhash', vetassist_hash_ip('203.0.113.10')) FROM vetassist_users")
            .unwrap();
        for (role, call) in [
            ("app", "SELECT public.vetassist_login('ICN'::text, 'access'::text, '2100-01-01T00:00:00Z'::timestamptz, 'jti'::text, '2100-01-01T00:00:00Z'::timestamptz, email => 'a@example.com'::text, device_info => '{\"ip\": \"203.0.113.7\", \"n\": 1.50}'::jsonb, ip => '203.0.113.7'::inet)"),
            ("app", "SELECT public.vetassist_log_event('x'::text, NULL::uuid, '{\"n\": 1e3, \"t\": \"a\"}'::jsonb, '2001:db8::1'::inet)"),
            ("admin", "CALL public.vetassist_upgrade_ip_hashes()"),
            ("admin", "CALL public.vetassist_rotate_tokens()"),
        ] {
            let mut db = victim.connect(role);
            // Some settings need a superuser.
            if db.batch_execute(set).is_err() {
                continue;
            }
            db.batch_execute(call).unwrap_or_else(|error| panic!("{set}: {call}: {error:?}"));
        }
        let rows = victim.column(
            "SELECT concat_ws(' ', va_icn, email, is_active) FROM vetassist_users UNION ALL SELECT concat_ws(' ', jwt_id, device_info, expires_at > now()) FROM vetassist_sessions
             UNION ALL SELECT concat_ws(' ', token_type, scope, expires_at) FROM vetassist_va_tokens UNION ALL SELECT concat_ws(' ', event_type, ip_hash) FROM vetassist_auth_audit ORDER BY 1",
        );
        stored.push(((*set).to_owned(), rows));
    }
    for (set, rows) in &stored {
        if !set.contains("session_replication_role") {
            assert_eq!(rows, &stored[0].1, "{set}");
        }
    }
}
