//! Tests settings that a connection sets before the library is loaded: none of them weakens a session.

use postgres::Client;
use vetassist_core::{IpHash, KeyRing};
use vetassist_server_tests::{column_of, hex_key, wait, RING_SETTINGS};

use super::{ring, Refused, Victim, MALLORY};

/// Returns ways to set a setting before the library is loaded, each as connection options and a statement.
fn ways(name: &str, value: &str) -> Vec<(String, String)> {
    let quoted = value.replace(' ', "\\ ");
    let upper = name.to_uppercase();
    let mixed = name.replace("vetassist", "VetAssist");
    let with_hyphens = name.replace('_', "-");
    vec![
        (format!("-c {name}={quoted}"), String::new()),
        (format!("--{name}={quoted}"), String::new()),
        (format!("--{with_hyphens}={quoted}"), String::new()),
        (format!("-c {upper}={quoted}"), String::new()),
        (format!("-c {mixed}={quoted} -c {name}={quoted}"), String::new()),
        (String::new(), format!("SET {name} = '{value}'")),
        (String::new(), format!("SET SESSION {upper} = '{value}'")),
        (String::new(), format!("SELECT set_config('{name}', '{value}', false)")),
        (String::new(), format!("BEGIN; SET LOCAL {name} = '{value}'")),
        (String::new(), format!("BEGIN; SAVEPOINT a; SET {name} = '{value}'; RELEASE a")),
        (format!("-c {name}={quoted}"), format!("SET {name} = '{value}'; RESET {name}")),
        (format!("-c {name}={quoted}"), "RESET ALL".to_owned()),
        (format!("-c {name}={quoted}"), "DISCARD ALL".to_owned()),
        (format!("-c {name}={quoted}"), "LOAD 'vetassist'; RESET ALL; DISCARD ALL".to_owned()),
        // The internal setting that records refused settings.
        (format!("-c {name}={quoted} -c vetassist.refused_settings="), String::new()),
        (
            format!("-c {name}={quoted}"),
            format!("SET vetassist.refused_settings = ''; SET {name} = '{value}'"),
        ),
        (
            format!("-c {name}={quoted}"),
            "LOAD 'vetassist'; RESET vetassist.refused_settings".to_owned(),
        ),
    ]
}

/// Opens a session of a role with a setting that was set in one of these ways. The statement may fail.
fn session(victim: &Victim, role: &str, (options, statement): &(String, String)) -> Client {
    let mut db =
        if options.is_empty() { victim.connect(role) } else { victim.connect_with(role, options) };
    if let Err(error) = db.batch_execute(statement) {
        // The failed statement may have left a transaction open.
        db.batch_execute("ROLLBACK").unwrap();
        assert!(error.as_db_error().is_some(), "{options} {statement}: {error}");
    }
    db
}

/// Returns roles that may sign users in and are no superusers.
fn roles(victim: &mut Victim) -> [&'static str; 2] {
    victim.db.execute("SELECT vetassist_grant('mallory', 'app')", &[]).unwrap();
    ["app", MALLORY]
}

#[test]
fn no_connection_setting_makes_stored_hashes_plain() {
    let mut victim = Victim::installed(&[("vetassist.ip_hash", "keyed")]);
    let keyed = KeyRing::parse(ring().as_bytes()).unwrap();
    let keyed = keyed.upgrade_ip_hash(&IpHash::of_text("203.0.113.7").unwrap());
    let mut stored = 0;
    for role in roles(&mut victim) {
        for value in ["sha256", "keyed", "KEYED", "bogus", ""] {
            for (number, way) in ways("vetassist.ip_hash", value).iter().enumerate() {
                let mut db = session(&victim, role, way);
                for call in [
                    "SELECT vetassist_log_event('probe', NULL, NULL, '203.0.113.7')".to_owned(),
                    format!("SELECT vetassist_login('ICN', 'access', now() + '1 h', '{role} {value} {number}', now() + '1 h', ip => '203.0.113.7', device_info => '{{\"ip\": \"203.0.113.7\"}}')"),
                ] {
                    match db.batch_execute(&call) {
                        Ok(()) => stored += 1,
                        Err(error) => {
                            let Refused { state, text } = Refused::of(&error);
                            assert!(["F0000", "42501", "25P02"].contains(&&*state), "{way:?}: {state} {text}");
                        }
                    }
                }
                let _ = db.batch_execute("COMMIT");
                let hashes = victim.column(
                    "SELECT DISTINCT ip_hash::text FROM vetassist_auth_audit WHERE ip_hash IS NOT NULL
                     UNION SELECT device_info ->> 'ip_hash' FROM vetassist_sessions",
                );
                assert!(hashes.iter().all(|hash| hash == keyed.as_str()), "{role}: {way:?}");
            }
        }
    }
    // Sessions whose setting was refused use the server's value.
    assert!(stored > 50, "{stored}");
    // A session without the setting uses the server's value.
    victim.must("app", "SELECT vetassist_log_event('probe', NULL, NULL, '203.0.113.7')");
}

#[test]
fn no_connection_setting_changes_the_current_key() {
    for setting in RING_SETTINGS {
        // The setting is the server's source. The next source is the environment, which has another key.
        let value = "cat keys; true";
        let mut victim = Victim::with_environment(&[], &[("VETASSIST_MASTER_KEY", &hex_key(0x66))]);
        let path = victim.server.write_key_file("ring", &hex_key(0x77), 0o600);
        let value = match setting {
            "vetassist.master_key_command" => value.replace("keys", &path.display().to_string()),
            _ => path.display().to_string(),
        };
        victim.db.batch_execute("CREATE EXTENSION vetassist; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO mallory").unwrap();
        victim.db.batch_execute(&format!("ALTER SYSTEM SET {setting} = '{value}'")).unwrap();
        victim.server.reload();
        let ours =
            KeyRing::parse(hex_key(0x77).as_bytes()).unwrap().keys()[0].fingerprint().to_string();
        let seen = |db: &mut Client| column_of(db, "SELECT fingerprint FROM vetassist_keys()");
        wait(|| seen(&mut victim.connect(MALLORY))[0] == ours);
        let mut refused = 0;
        for value in ["/dev/null", "", "printf %064d 1"] {
            for way in ways(setting, value) {
                // The same in a parallel worker.
                for parallel in ["off", "on"] {
                    let mut db = session(&victim, MALLORY, &way);
                    let _ = db.batch_execute(&format!(
                        "SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
                         SELECT set_config(name, '{parallel}', false) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query')"
                    ));
                    for query in ["SELECT fingerprint FROM vetassist_keys()", "SELECT k.fingerprint FROM pg_class, LATERAL vetassist_keys() AS k WHERE pg_class.oid > 0 GROUP BY 1"] {
                        match db.query(query, &[]) {
                            Ok(rows) => {
                                let found: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
                                assert_eq!(found, std::slice::from_ref(&ours), "{way:?} {parallel}");
                            }
                            Err(error) => {
                                let Refused { state, text } = Refused::of(&error);
                                assert!(["F0000", "42501", "25P02"].contains(&&*state), "{way:?}: {state} {text}");
                                // The error does not hold the server's value.
                                assert!(!text.contains("keys/ring") && !text.contains("77777777"), "{text}");
                                refused += 1;
                            }
                        }
                    }
                }
            }
        }
        assert!(refused > 0);
    }
}

#[test]
fn no_connection_setting_shortens_retention() {
    let mut victim = Victim::installed(&[("vetassist.audit_min_retention", "5 years")]);
    victim
        .db
        .batch_execute(
            "SELECT vetassist_grant('mallory', 'admin');
             INSERT INTO vetassist_auth_audit (event_type, created_at) VALUES ('old', now() - interval '4 years'), ('very old', now() - interval '6 years')",
        )
        .unwrap();
    for value in ["0", "1 day", "-1 year", "nonsense", ""] {
        for way in ways("vetassist.audit_min_retention", value) {
            let mut db = session(&victim, MALLORY, &way);
            let error = db.batch_execute("SELECT vetassist_purge_audit('3 years')").unwrap_err();
            let state = Refused::of(&error).state;
            assert!(["F0000", "42501", "25P02"].contains(&&*state), "{way:?}: {error:?}");
            let _ = db.batch_execute("COMMIT");
        }
    }
    assert_eq!(
        victim.count("SELECT count(*) FROM vetassist_auth_audit WHERE event_type LIKE '%old'"),
        2
    );
    victim.must("admin", "CALL vetassist_seal_audit()");
    assert_eq!(victim.count("SELECT vetassist_purge_audit('5 years')::int8"), 1);
}

#[test]
fn a_role_that_may_not_set_a_setting_cannot_store_it() {
    let mut victim = Victim::installed(&[("vetassist.ip_hash", "keyed")]);
    victim.db.batch_execute("ALTER ROLE mallory CREATEROLE").unwrap();
    for setting in [
        "vetassist.ip_hash",
        "vetassist.master_key_file",
        "vetassist.master_key_command",
        "vetassist.audit_min_retention",
        "VETASSIST.IP_HASH",
        "vetassist.refused_settings",
    ] {
        for value in ["'sha256'", "''", "'0'", "DEFAULT"] {
            for statement in [
                format!("ALTER ROLE mallory SET {setting} = {value}"),
                format!("ALTER ROLE app SET {setting} = {value}"),
                format!("ALTER DATABASE victim SET {setting} = {value}"),
                format!("ALTER ROLE app IN DATABASE victim SET {setting} = {value}"),
                format!("ALTER ROLE ALL SET {setting} = {value}"),
                format!("ALTER SYSTEM SET {setting} = {value}"),
                format!(
                    "CREATE FUNCTION f() RETURNS void LANGUAGE sql SET {setting} = {value} AS ''"
                ),
            ] {
                for before in ["", "LOAD 'vetassist'; "] {
                    // Resetting a setting that is not set may succeed.
                    let _ = victim.run(MALLORY, &format!("{before}{statement}"));
                }
            }
        }
    }
    let stored = "SELECT setconfig::text FROM pg_db_role_setting UNION ALL SELECT proconfig::text FROM pg_proc WHERE proname = 'f' AND proconfig::text LIKE '%vetassist%'";
    assert_eq!(victim.column(stored), Vec::<String>::new());
}

#[test]
fn an_invalid_value_of_the_server_fails_the_call() {
    for (setting, value, call) in [
        ("vetassist.ip_hash", "bogus", "SELECT vetassist_log_event('x', NULL, NULL, '203.0.113.7')"),
        ("vetassist.ip_hash", "", "SELECT vetassist_log_event('x', NULL, NULL, '203.0.113.7')"),
        ("vetassist.ip_hash", "sha256,keyed", "SELECT vetassist_login('ICN', 'access', now(), 'jti', now(), ip => '203.0.113.7')"),
        ("vetassist.ip_hash", "keyed ", "SELECT vetassist_login('ICN', 'access', now(), 'jti', now(), device_info => '{\"ip\": \"203.0.113.7\"}')"),
        ("vetassist.audit_min_retention", "forever", "SELECT vetassist_purge_audit('2 years')"),
        ("vetassist.audit_min_retention", "", "SELECT vetassist_purge_audit('2 years')"),
        ("vetassist.audit_min_retention", "1 year 2 parsecs", "SELECT vetassist_purge_audit('2 years')"),
        ("vetassist.drop_with_data", "perhaps", "DROP EXTENSION vetassist"),
    ] {
        for preload in ["", "vetassist"] {
            let start = || Victim::installed(&[(setting, value), ("shared_preload_libraries", preload)]);
            let Ok(mut victim) = std::panic::catch_unwind(start) else {
                // A server that does not start stores nothing.
                continue;
            };
            victim
                .db
                .batch_execute("INSERT INTO vetassist_auth_audit (event_type, created_at) VALUES ('old', now() - interval '3 years')")
                .unwrap();
            let error = victim.db.batch_execute(call).expect_err(&format!("{setting}={value}, preloaded {preload:?}: {call}"));
            let Refused { state, text } = Refused::of(&error);
            assert!(state == "F0000" && text.contains(setting), "{setting}={value}: {state} {text}");
            assert_eq!(victim.count("SELECT count(*) FROM vetassist_auth_audit WHERE ip_hash IS NOT NULL"), 0);
            assert_eq!(victim.count("SELECT count(*) FROM vetassist_auth_audit WHERE event_type = 'old'"), 1);
            // A superuser can set a valid value for the session.
            let valid = match setting {
                "vetassist.ip_hash" => "sha256",
                "vetassist.drop_with_data" => "on",
                _ => "1 year",
            };
            victim.db.batch_execute(&format!("SET {setting} = '{valid}'; {call}")).unwrap();
        }
    }
}
