//! Tests the findings of `vetassist_check()`.

use vetassist_server_tests::{column_of, KeyedServer, Server};

#[test]
fn rights_that_no_tier_gives_are_shown() {
    let mut server = KeyedServer::start();
    let db = &mut server.db;
    db.batch_execute("CREATE ROLE app; CREATE ROLE curious; SELECT vetassist_grant('app', 'app'), vetassist_grant('app', 'auditor')").unwrap();
    let shown = "SELECT subject || ' ' || message FROM vetassist_check() WHERE subject <> 'shared_preload_libraries' ORDER BY 1";
    assert_eq!(column_of(db, shown), [""; 0]);
    for (given, found) in [
        ("GRANT SELECT ON vetassist_users TO curious", "role curious has SELECT on TABLE public.vetassist_users, which none of its tiers grants"),
        ("GRANT UPDATE (email) ON vetassist_users TO curious", "role curious has UPDATE on TABLE public.vetassist_users (email), which none of its tiers grants"),
        // One privilege of a tier does not make the role a member of the tier.
        ("GRANT EXECUTE ON FUNCTION vetassist_login TO curious", "role curious has EXECUTE on ROUTINE public.vetassist_login("),
        ("GRANT SELECT ON vetassist_auth_audit TO curious", "role curious has SELECT on TABLE public.vetassist_auth_audit, which"),
        ("GRANT SELECT ON vetassist_auth_audit TO app WITH GRANT OPTION", "role app has SELECT WITH GRANT OPTION on TABLE public.vetassist_auth_audit, which"),
        ("GRANT SELECT ON vetassist_sessions TO PUBLIC", "PUBLIC has SELECT on TABLE public.vetassist_sessions, which"),
        ("GRANT EXECUTE ON FUNCTION vetassist_keys TO PUBLIC", "PUBLIC has EXECUTE on ROUTINE public.vetassist_keys(), which"),
        ("GRANT ALL ON SEQUENCE vetassist_auth_audit_id_seq TO curious", "role curious has SELECT, UPDATE, USAGE on SEQUENCE public.vetassist_auth_audit_id_seq, which"),
    ] {
        db.batch_execute(&format!("BEGIN; {given}")).unwrap();
        let lines = column_of(db, shown);
        assert!(lines.len() == 1 && lines[0].starts_with(found), "{given}: {lines:?}");
        db.batch_execute("ROLLBACK").unwrap();
    }
    // The comparison of the tables also shows their privileges.
    db.batch_execute("GRANT SELECT, INSERT ON vetassist_users TO curious; GRANT SELECT (email) ON vetassist_users TO PUBLIC").unwrap();
    assert_eq!(
        column_of(db, "SELECT concat_ws(': ', object, problem, found) FROM vetassist_check_schema() ORDER BY 1"),
        ["vetassist_users: rights of PUBLIC: SELECT (email)", "vetassist_users: rights of curious: INSERT, SELECT"]
    );
    // The tiers `monitor` and `admin` see the same lines.
    for tier in ["monitor", "admin"] {
        db.batch_execute(&format!(
            "CREATE ROLE {tier}; SELECT vetassist_grant('{tier}', '{tier}'); SET ROLE {tier}"
        ))
        .unwrap();
        assert_eq!(column_of(db, shown).len(), 2);
        db.batch_execute("RESET ROLE").unwrap();
    }
}

#[test]
fn roles_with_create_on_the_schema_are_shown() {
    let mut server = KeyedServer::start();
    let db = &mut server.db;
    let shown = "SELECT subject || ' ' || message FROM vetassist_check() WHERE subject LIKE 'schema%' ORDER BY 1";
    db.batch_execute(
        "CREATE ROLE mallory; CREATE ROLE admin SUPERUSER; GRANT CREATE ON SCHEMA public TO admin",
    )
    .unwrap();
    assert_eq!(column_of(db, shown), [""; 0]);
    for (given, found) in [
        (
            "GRANT CREATE ON SCHEMA public TO mallory",
            "schema public role mallory may create objects in it",
        ),
        (
            "GRANT CREATE ON SCHEMA public TO PUBLIC",
            "schema public PUBLIC may create objects in it",
        ),
        (
            "ALTER SCHEMA public OWNER TO mallory",
            "schema public role mallory may create objects in it",
        ),
        (
            "ALTER DATABASE postgres OWNER TO mallory",
            "schema public role mallory may create objects in it",
        ),
    ] {
        db.batch_execute(&format!("BEGIN; {given}")).unwrap();
        assert_eq!(column_of(db, shown), [found], "{given}");
        db.batch_execute("ROLLBACK").unwrap();
    }
}

#[test]
fn a_library_that_is_not_preloaded_is_shown() {
    let shown = "SELECT message FROM vetassist_check() WHERE subject = 'shared_preload_libraries'";
    let mut server = KeyedServer::start();
    assert_eq!(column_of(&mut server.db, shown), ["does not contain vetassist"]);
    let mut server = KeyedServer::start_with(&[("shared_preload_libraries", "vetassist")]);
    assert_eq!(
        column_of(&mut server.db, "SELECT subject || message FROM vetassist_check()"),
        [""; 0]
    );
}

#[test]
fn settings_that_write_tokens_to_the_log_are_shown() {
    let mut server = KeyedServer::start();
    let db = &mut server.db;
    db.batch_execute("CREATE ROLE app").unwrap();
    let shown =
        "SELECT subject FROM vetassist_check() WHERE message LIKE '%parameters%' ORDER BY 1";
    for (given, found) in [
        ("SET log_parameter_max_length = 0; SET log_statement = 'all'", &[][..]),
        (
            "SET log_parameter_max_length = 64; SET log_statement = 'all'",
            &["setting log_parameter_max_length"],
        ),
        ("SET log_min_duration_statement = 0", &["setting log_parameter_max_length"]),
        (
            "SET log_parameter_max_length_on_error = -1",
            &["setting log_parameter_max_length_on_error"],
        ),
        ("SET debug_print_plan = on", &["setting debug_print_plan"]),
        (
            "ALTER ROLE app SET log_parameter_max_length_on_error = 10",
            &["setting log_parameter_max_length_on_error of role app"],
        ),
        (
            "ALTER DATABASE postgres SET debug_print_parse = on",
            &["setting debug_print_parse of database postgres"],
        ),
        (
            "ALTER ROLE app SET pgaudit.log_parameter = on",
            &["setting pgaudit.log_parameter of role app"],
        ),
        (
            "ALTER ROLE app IN DATABASE postgres SET log_parameter_max_length_on_error = 5",
            &["setting log_parameter_max_length_on_error of role app in database postgres"],
        ),
        (
            "ALTER ROLE app SET auto_explain.log_min_duration = 0",
            &["setting auto_explain.log_min_duration of role app"],
        ),
        ("ALTER ROLE app SET log_statement = 'ALL'", &["setting log_parameter_max_length"]),
        (
            "ALTER ROLE ALL SET log_parameter_max_length_on_error = '1kB'",
            &["setting log_parameter_max_length_on_error of all roles"],
        ),
        (
            "ALTER DATABASE postgres SET \"Debug_Print_Plan\" = 'TRUE'",
            &["setting debug_print_plan of database postgres"],
        ),
        ("SET \"log_transaction_sample_rate\" = 0.5", &["setting log_parameter_max_length"]),
    ] {
        db.batch_execute("SET log_statement = 'none'; SET log_min_duration_statement = -1")
            .unwrap();
        db.batch_execute(given).unwrap();
        let lines = column_of(db, shown);
        for subject in found {
            assert!(lines.iter().any(|line| line == subject), "{given}: {lines:?}");
        }
        assert!(!found.is_empty() || lines.is_empty(), "{given}: {lines:?}");
        db.batch_execute("RESET ALL; ALTER ROLE app RESET ALL; ALTER ROLE ALL RESET ALL; ALTER ROLE app IN DATABASE postgres RESET ALL; ALTER DATABASE postgres RESET ALL")
            .unwrap();
    }
}

#[test]
fn tokens_that_no_key_opens_and_late_refreshes_are_shown() {
    let mut server = KeyedServer::start();
    let shown = "SELECT severity || ' ' || subject FROM vetassist_check() WHERE subject IN ('key ring', 'refreshes', 'vetassist.refresh_paused') ORDER BY 1";
    let db = &mut server.db;
    db.batch_execute(
        "SELECT vetassist_login('ICN', 'a', now() - '1 h'::interval, 'jti', now() + '1 h', 'r')",
    )
    .unwrap();
    assert_eq!(column_of(db, shown), ["warning refreshes"]);
    db.batch_execute("SET vetassist.refresh_paused = on").unwrap();
    assert_eq!(column_of(db, shown), ["warning vetassist.refresh_paused"]);
    db.batch_execute("RESET vetassist.refresh_paused; UPDATE vetassist_va_tokens SET access_token_encrypted = set_byte(access_token_encrypted, 20, (get_byte(access_token_encrypted, 20) + 1) % 256), expires_at = now() + '1 h'").unwrap();
    assert_eq!(column_of(db, shown), ["error key ring"]);
    let mut without = KeyedServer::start_without_key();
    assert_eq!(column_of(&mut without.db, shown), ["error key ring"]);
}

/// The metrics look at fewer tokens, and do not see it.
#[test]
fn a_late_refresh_among_many_that_ended_is_shown() {
    let mut server = KeyedServer::start();
    let db = &mut server.db;
    db.batch_execute(
        "SELECT vetassist_login('ICN ' || n, 'a', now() - interval '25 min' - n * interval '3 s', 'jti ' || n, now() + interval '1 h', 'r') FROM generate_series(1, 200) AS n;
         INSERT INTO vetassist_refresh_states
         SELECT user_id, vetassist_tokens_digest(access_token_encrypted, refresh_token_encrypted), 1, now(), NULL, 'invalid_grant' FROM vetassist_va_tokens",
    )
    .unwrap();
    let shown = "SELECT message FROM vetassist_check() WHERE subject = 'refreshes'";
    assert_eq!(column_of(db, shown), [""; 0]);
    db.batch_execute(
        "DELETE FROM vetassist_refresh_states WHERE user_id = vetassist_find_user('ICN 100')",
    )
    .unwrap();
    let found = column_of(db, shown);
    assert!(found.len() == 1 && found[0].starts_with("are up to 18"), "{found:?}");
}

/// The check tries tokens of both kinds, and not always those of the same users.
#[test]
fn refresh_tokens_and_later_tokens_that_no_key_opens_are_shown() {
    let mut server = KeyedServer::start();
    let db = &mut server.db;
    db.batch_execute(
        "SELECT vetassist_login('ICN ' || n, 'a', now() + interval '1 h', 'jti ' || n, now() + interval '1 h', 'r') FROM generate_series(1, 300) AS n",
    )
    .unwrap();
    let shown = "SELECT message FROM vetassist_check() WHERE subject = 'key ring'";
    assert_eq!(column_of(db, shown), [""; 0]);
    // The later half: no refresh token of these opens.
    db.batch_execute(
        "BEGIN; UPDATE vetassist_va_tokens SET refresh_token_encrypted = set_byte(refresh_token_encrypted, 20, (get_byte(refresh_token_encrypted, 20) + 1) % 256)
         WHERE user_id IN (SELECT id FROM vetassist_users WHERE substr(va_icn, 5)::int > 150)",
    )
    .unwrap();
    let found = column_of(db, shown);
    assert!(found.len() == 1 && found[0].starts_with("no key of the ring opens "), "{found:?}");
    assert!(found[0].ends_with(" of the stored tokens (at most 100 were tried)"), "{found:?}");
    // Of all tokens, at most 100 are tried.
    db.batch_execute("UPDATE vetassist_va_tokens SET access_token_encrypted = decode(repeat('00', 40), 'hex'), refresh_token_encrypted = decode(repeat('00', 41), 'hex')").unwrap();
    let found = column_of(db, shown);
    assert_eq!(
        found,
        ["no key of the ring opens 100 of the stored tokens (at most 100 were tried)"]
    );
}

#[test]
fn harmless_settings_and_settings_of_other_databases_are_not_shown() {
    let mut server = KeyedServer::start();
    let db = &mut server.db;
    db.batch_execute("CREATE DATABASE other").unwrap();
    db.batch_execute(
        "CREATE ROLE app; ALTER DATABASE other SET debug_print_plan = on;
         ALTER ROLE app SET pgaudit.log_parameter = off; ALTER ROLE app SET auto_explain.log_min_duration = -1;
         ALTER ROLE app SET log_parameter_max_length_on_error = 0; ALTER ROLE ALL SET log_parameter_max_length_on_error = '0kB';
         ALTER DATABASE postgres SET auto_explain.log_min_duration = '-1ms'; ALTER ROLE app SET log_transaction_sample_rate = '0.0'",
    )
    .unwrap();
    assert_eq!(
        column_of(db, "SELECT subject FROM vetassist_check() WHERE subject LIKE 'setting %'"),
        [""; 0]
    );
}

#[test]
fn the_setting_that_logs_plans_is_shown() {
    if Server::libraries(&["auto_explain"]).is_empty() {
        return;
    }
    let mut server = KeyedServer::start();
    let db = &mut server.db;
    db.batch_execute("LOAD 'auto_explain'; SET auto_explain.log_min_duration = '1 h'").unwrap();
    let shown =
        "SELECT subject FROM vetassist_check() WHERE subject LIKE 'setting auto_explain.log_min%'";
    assert_eq!(column_of(db, shown), ["setting auto_explain.log_min_duration"]);
}

/// Settings of a library that only some sessions load, here pgaudit, which need not be installed.
#[test]
fn settings_of_libraries_that_this_session_did_not_load_are_shown() {
    let mut server = KeyedServer::start_with(&[
        ("pgaudit.log_parameter", "on"),
        ("auto_explain.log_min_duration", "250"),
    ]);
    server
        .db
        .batch_execute("CREATE ROLE monitor LOGIN; SELECT vetassist_grant('monitor', 'monitor')")
        .unwrap();
    let shown = "SELECT subject FROM vetassist_check() WHERE subject LIKE 'setting %' ORDER BY 1";
    assert_eq!(
        column_of(&mut server.connect_as("monitor"), shown),
        ["setting auto_explain.log_min_duration", "setting pgaudit.log_parameter"]
    );
}

#[test]
fn a_table_that_left_the_extension_is_shown() {
    let mut server = KeyedServer::start();
    let db = &mut server.db;
    db.batch_execute("CREATE ROLE monitor; SELECT vetassist_grant('monitor', 'monitor')").unwrap();
    for table in ["vetassist_users", "vetassist_refresh_states"] {
        db.batch_execute(&format!("BEGIN; ALTER EXTENSION vetassist DROP TABLE {table}")).unwrap();
        let shown = format!("SELECT message FROM vetassist_check() WHERE subject = '{table}' AND severity = 'error'");
        for role in ["NONE", "monitor"] {
            db.batch_execute(&format!("SET ROLE {role}")).unwrap();
            let found = column_of(db, &shown);
            assert_eq!(found, ["does not belong to the extension any more"], "{table} {role}");
        }
        db.batch_execute("ROLLBACK").unwrap();
    }
}

#[test]
fn a_key_file_inside_the_data_directory_is_shown() {
    let mut server = KeyedServer::start();
    let shown = "SELECT message FROM vetassist_check() WHERE subject = 'vetassist.master_key_file'";
    assert_eq!(column_of(&mut server.db, shown), [""; 0]);
    let inside = server.data_dir().join("ring");
    let link = server.key_dir().join("link");
    let (from, to, name) = (server.key_file().display(), inside.display(), link.display());
    server.run_as_server_user(&format!("cp -p {from} {to} && ln -s {to} {name}"));
    for path in [&*inside.to_string_lossy(), "ring", "./base/../ring", &*link.to_string_lossy()] {
        let set = format!("SET vetassist.master_key_file = '{path}'");
        server.db.batch_execute(&set).unwrap();
        let found = column_of(&mut server.db, shown);
        assert_eq!(found, ["the key file is inside the data directory"], "{path}");
    }
}

#[test]
fn keys_that_are_not_locked_in_memory_are_shown() {
    let mut server = KeyedServer::start();
    let shown = "SELECT message FROM vetassist_check() WHERE subject = 'key ring'";
    assert_eq!(column_of(&mut server.db, shown), [""; 0]);
    let pid_file = server.data_dir().join("postmaster.pid");
    let limit = format!("prlimit --pid $(head -n 1 {}) --memlock=0:0", pid_file.display());
    server.run_as_server_user(&limit);
    // A backend that started earlier keeps its limit.
    assert_eq!(column_of(&mut server.db, shown), [""; 0]);
    let found = column_of(&mut server.connect(), shown);
    assert_eq!(found, ["is in memory that the system may write to swap or to core dumps"]);
}

/// The check reports changes that a restore would leave out, and a trail that is not sealed.
#[test]
fn changed_tables_and_an_unsealed_trail_are_shown() {
    let mut server = KeyedServer::start();
    let db = &mut server.db;
    let shown = "SELECT severity || ' ' || subject || ' ' || message FROM vetassist_check() WHERE subject <> 'shared_preload_libraries' ORDER BY 1";
    assert_eq!(column_of(db, shown), [""; 0]);
    db.batch_execute("ALTER TABLE vetassist_users ADD COLUMN nickname text").unwrap();
    let found = column_of(db, shown);
    assert!(
        found.len() == 1 && found[0].starts_with("error vetassist_users.nickname "),
        "{found:?}"
    );
    db.batch_execute("ALTER TABLE vetassist_users DROP COLUMN nickname").unwrap();
    db.batch_execute("INSERT INTO vetassist_auth_audit (event_type, created_at) VALUES ('seen', now() - interval '2 days')").unwrap();
    assert_eq!(column_of(db, shown), ["warning audit log has never been sealed"]);
    db.batch_execute("CALL vetassist_seal_audit()").unwrap();
    assert_eq!(column_of(db, shown), [""; 0]);
    db.batch_execute("UPDATE vetassist_audit_head SET sealed_at = now() - interval '2 days'")
        .unwrap();
    let found = column_of(db, shown);
    assert!(
        found.len() == 1 && found[0].starts_with("warning audit log was last sealed at "),
        "{found:?}"
    );
}
