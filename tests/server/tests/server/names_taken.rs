//! Tests objects of other owners with names that the extension needs.

use vetassist_server_tests::{column_of, empty_database, sqlstate, KeyedServer};

/// Objects from before the installation, and the line of the error that names each.
const TAKEN: &[(&str, &str)] = &[
    // These functions have the same arguments as vetassist's.
    (
        "CREATE FUNCTION vetassist_mark_keyed(text) RETURNS void LANGUAGE sql AS ''",
        "function public.vetassist_mark_keyed(text) of postgres",
    ),
    (
        "CREATE PROCEDURE vetassist_rotate_tokens(integer) LANGUAGE sql AS ''",
        "function public.vetassist_rotate_tokens(integer) of postgres",
    ),
    (
        "CREATE AGGREGATE vetassist_upgrade_ip_hashes(integer) (SFUNC = int4pl, STYPE = integer)",
        "function public.vetassist_upgrade_ip_hashes(integer) of postgres",
    ),
    (
        "CREATE FUNCTION vetassist_audit_guard() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "function public.vetassist_audit_guard() of postgres",
    ),
    ("CREATE TABLE idx_vetassist_sessions_jwt ()", "table public.idx_vetassist_sessions_jwt of postgres"),
    ("CREATE VIEW idx_vetassist_audit_type AS SELECT 1", "view public.idx_vetassist_audit_type of postgres"),
    (
        "CREATE TABLE t (id int); CREATE INDEX idx_vetassist_audit_user ON t (id)",
        "index public.idx_vetassist_audit_user of postgres",
    ),
    ("CREATE TABLE vetassist_auth_audit_id_seq ()", "table public.vetassist_auth_audit_id_seq of postgres"),
    ("CREATE SEQUENCE vetassist_auth_audit_id_seq", "sequence public.vetassist_auth_audit_id_seq of postgres"),
    ("CREATE DOMAIN vetassist_users AS text", "type public.vetassist_users of postgres"),
    ("CREATE TYPE vetassist_sessions AS ENUM ()", "type public.vetassist_sessions of postgres"),
    (
        "CREATE FUNCTION f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
         CREATE EVENT TRIGGER vetassist_guard_drop ON sql_drop EXECUTE FUNCTION f()",
        "event trigger vetassist_guard_drop of postgres",
    ),
];

#[test]
#[ignore = "takes seconds"]
fn an_installation_names_an_object_whose_name_it_needs() {
    for (made, named) in TAKEN {
        let mut db = empty_database();
        db.batch_execute(&format!(
            "SET search_path = public; {made}; SET search_path = pg_catalog"
        ))
        .unwrap();
        let error = db.batch_execute("CREATE EXTENSION vetassist SCHEMA public").unwrap_err();
        assert_eq!(sqlstate(&error), "55000", "{made}: {error:?}");
        let error = error.as_db_error().unwrap();
        assert_eq!(error.detail(), Some(*named), "{made}");
        assert!(error.hint().unwrap().contains("Rename or drop"));
        // The installation succeeds in another schema. An event trigger has no schema.
        if !made.contains("EVENT TRIGGER") {
            db.batch_execute("CREATE SCHEMA other; CREATE EXTENSION vetassist SCHEMA other")
                .unwrap();
            assert_eq!(
                column_of(&mut db, "SELECT object FROM other.vetassist_check_schema()"),
                [""; 0]
            );
        }
    }
}

#[test]
fn all_objects_with_needed_names_are_listed_with_their_owners() {
    let mut db = empty_database();
    let role: String = db.query_one("SELECT 'owner_' || current_database()", &[]).unwrap().get(0);
    db.batch_execute(&format!(
        "CREATE ROLE {role}; GRANT CREATE ON SCHEMA public TO {role}; SET ROLE {role};
         CREATE FUNCTION vetassist_version() RETURNS text LANGUAGE sql AS 'SELECT NULL'; CREATE TABLE idx_vetassist_sessions_jwt ();
         RESET ROLE"
    ))
    .unwrap();
    let error = db.batch_execute("CREATE EXTENSION vetassist").unwrap_err();
    let detail = error.as_db_error().unwrap().detail().unwrap();
    assert_eq!(detail.lines().count(), 2, "{detail}");
    assert!(detail.lines().all(|line| line.ends_with(&format!(" of {role}"))), "{detail}");
}

#[test]
fn objects_with_other_names_arguments_or_schemas_are_accepted() {
    let mut db = empty_database();
    db.batch_execute(
        "CREATE FUNCTION vetassist_report() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE TABLE vetassist_notes ();
         CREATE FUNCTION vetassist_login(text) RETURNS text LANGUAGE sql AS 'SELECT $1';
         CREATE SCHEMA other; CREATE FUNCTION other.vetassist_login(text) RETURNS text LANGUAGE sql AS 'SELECT $1';
         CREATE TABLE other.vetassist_notes (); CREATE TABLE other.idx_vetassist_sessions_jwt ();
         CREATE EXTENSION vetassist",
    )
    .unwrap();
    assert_eq!(column_of(&mut db, "SELECT object FROM vetassist_check_schema()"), [""; 0]);
}

#[test]
fn an_update_names_an_object_whose_name_it_needs() {
    let mut server = KeyedServer::start();
    server.db.batch_execute("DROP EXTENSION vetassist").unwrap();
    for (number, old) in ["0.1.0", "0.2.0"].iter().enumerate() {
        for (made, named) in [
            (
                "CREATE FUNCTION vetassist_is_preloaded() RETURNS text LANGUAGE sql AS 'SELECT NULL'",
                "function public.vetassist_is_preloaded() of postgres",
            ),
            ("CREATE PROCEDURE vetassist_check() LANGUAGE sql AS ''", "function public.vetassist_check() of postgres"),
            (
                "CREATE FUNCTION f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
                 CREATE EVENT TRIGGER vetassist_guard_schema ON sql_drop EXECUTE FUNCTION f()",
                "event trigger vetassist_guard_schema of postgres",
            ),
        ] {
            let database = format!("taken_{number}_{}", named.len());
            server.db.batch_execute(&format!("CREATE DATABASE {database}")).unwrap();
            let mut db = server.connect_to(&database);
            db.batch_execute(&format!("CREATE EXTENSION vetassist VERSION '{old}'")).unwrap();
            db.batch_execute(made).unwrap();
            let error = db.batch_execute("ALTER EXTENSION vetassist UPDATE").unwrap_err();
            assert_eq!(sqlstate(&error), "55000", "{made}: {error:?}");
            assert_eq!(error.as_db_error().unwrap().detail(), Some(named), "{made}");
            db.batch_execute("SELECT vetassist_log_event('goes on')").unwrap();
        }
    }
}

/// Overloads that are created later get no privilege, and the check shows them.
#[test]
fn granting_a_tier_ignores_overloads_of_other_owners() {
    let mut server = KeyedServer::start();
    let db = &mut server.db;
    db.batch_execute("CREATE ROLE app LOGIN; CREATE ROLE mallory; GRANT CREATE ON SCHEMA public TO mallory; SET ROLE mallory").unwrap();
    db.batch_execute(
        "CREATE FUNCTION vetassist_login(text) RETURNS text LANGUAGE sql AS 'SELECT $1';
         CREATE FUNCTION vetassist_session_active(varchar) RETURNS boolean LANGUAGE sql AS 'SELECT true';
         CREATE FUNCTION vetassist_keys(integer) RETURNS boolean LANGUAGE sql AS 'SELECT true'; RESET ROLE",
    )
    .unwrap();
    for tier in ["app", "auditor", "admin", "monitor"] {
        db.batch_execute(&format!("SELECT vetassist_grant('app', '{tier}')")).unwrap();
    }
    let granted = "SELECT count(*)::text FROM pg_proc WHERE proowner = 'mallory'::regrole AND proacl IS NOT NULL";
    assert_eq!(column_of(db, granted), ["0"]);
    let shown = "SELECT subject || ': ' || message FROM vetassist_check() WHERE subject <> 'shared_preload_libraries' ORDER BY 1";
    assert_eq!(
        column_of(db, shown),
        [
            "function public.vetassist_keys(integer): has the name of a function of vetassist, and belongs to mallory",
            "function public.vetassist_login(text): has the name of a function of vetassist, and belongs to mallory",
            "function public.vetassist_session_active(character varying): has the name of a function of vetassist, and belongs to mallory",
            "schema public: role mallory may create objects in it",
        ]
    );
    db.batch_execute("SELECT vetassist_revoke('app')").unwrap();
    let left =
        "SELECT count(*)::text FROM pg_proc, aclexplode(proacl) a WHERE a.grantee = 'app'::regrole";
    assert_eq!(column_of(db, left), ["0"]);
}
