//! What an operator is shown by `vetassist_check()`.

use vetassist_server_tests::{column_of, KeyedServer};

#[test]
fn rights_that_no_tier_gives_are_shown() {
    let mut server = KeyedServer::start();
    let db = &mut server.db;
    db.batch_execute("CREATE ROLE app; CREATE ROLE curious; SELECT vetassist_grant('app', 'app'), vetassist_grant('app', 'auditor')").unwrap();
    let shown = "SELECT subject || ' ' || message FROM vetassist_check() WHERE subject <> 'shared_preload_libraries' ORDER BY 1";
    assert_eq!(column_of(db, shown), [""; 0]);
    for (given, found) in [
        ("GRANT SELECT ON vetassist_users TO curious", "role curious may SELECT on TABLE public.vetassist_users, which no tier of it gives"),
        ("GRANT UPDATE (email) ON vetassist_users TO curious", "role curious may UPDATE on TABLE public.vetassist_users (email), which no tier of it gives"),
        // A part of a tier is none.
        ("GRANT EXECUTE ON FUNCTION vetassist_login TO curious", "role curious may EXECUTE on ROUTINE public.vetassist_login("),
        ("GRANT SELECT ON vetassist_auth_audit TO curious", "role curious may SELECT on TABLE public.vetassist_auth_audit, which"),
        ("GRANT SELECT ON vetassist_auth_audit TO app WITH GRANT OPTION", "role app may SELECT WITH GRANT OPTION on TABLE public.vetassist_auth_audit, which"),
        ("GRANT SELECT ON vetassist_sessions TO PUBLIC", "PUBLIC may SELECT on TABLE public.vetassist_sessions, which"),
        ("GRANT EXECUTE ON FUNCTION vetassist_keys TO PUBLIC", "PUBLIC may EXECUTE on ROUTINE public.vetassist_keys(), which"),
        ("GRANT ALL ON SEQUENCE vetassist_auth_audit_id_seq TO curious", "role curious may SELECT, UPDATE, USAGE on SEQUENCE public.vetassist_auth_audit_id_seq, which"),
    ] {
        db.batch_execute(&format!("BEGIN; {given}")).unwrap();
        let lines = column_of(db, shown);
        assert!(lines.len() == 1 && lines[0].starts_with(found), "{given}: {lines:?}");
        db.batch_execute("ROLLBACK").unwrap();
    }
    // Of tables, whoever compares them without the extension sees it too.
    db.batch_execute("GRANT SELECT, INSERT ON vetassist_users TO curious; GRANT SELECT (email) ON vetassist_users TO PUBLIC").unwrap();
    assert_eq!(
        column_of(db, "SELECT concat_ws(': ', object, problem, found) FROM vetassist_check_schema() ORDER BY 1"),
        ["vetassist_users: rights of PUBLIC: SELECT (email)", "vetassist_users: rights of curious: INSERT, SELECT"]
    );
    // A monitor and an administrator see it as well.
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
fn who_may_create_beside_the_functions_is_shown() {
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
    assert_eq!(column_of(&mut server.db, shown), ["does not have vetassist"]);
    let mut server = KeyedServer::start_with(&[("shared_preload_libraries", "vetassist")]);
    assert_eq!(
        column_of(&mut server.db, "SELECT subject || message FROM vetassist_check()"),
        [""; 0]
    );
}
