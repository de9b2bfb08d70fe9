//! Tests the role that owns the tables and the functions that run with their owner's rights.

use postgres::Client;
use vetassist_server_tests::{column_of, database, sqlstate, KeyedServer, Server};

const PROBLEMS: &str =
    "SELECT concat_ws(': ', object, problem, found) FROM vetassist_check_schema() ORDER BY 1";

/// Starts a server without the extension.
fn bare_server() -> (Server, Client) {
    let server = Server::start(&[], &[]);
    let db = server.connect_as("postgres");
    (server, db)
}

#[test]
fn each_object_belongs_to_the_role_vetassist_owner_or_the_installer() {
    let mut db = database();
    let wrong = "
        SELECT pg_describe_object(d.classid, d.objid, 0)
        FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'vetassist'
        LEFT JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
        LEFT JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
        LEFT JOIN pg_event_trigger t ON d.classid = 'pg_event_trigger'::regclass AND t.oid = d.objid
        WHERE d.deptype = 'e' AND d.classid <> 'pg_type'::regclass
          AND pg_get_userbyid(coalesce(c.relowner, p.proowner, t.evtowner))
              <> CASE WHEN c.oid IS NOT NULL OR p.prosecdef THEN 'vetassist_owner' ELSE 'postgres' END";
    assert_eq!(column_of(&mut db, wrong), [""; 0]);
    let definers = "SELECT proname::text FROM pg_proc WHERE proname LIKE 'vetassist%' AND prosecdef
                    AND NOT proconfig @> '{\"search_path=pg_catalog, pg_temp\"}'";
    assert_eq!(column_of(&mut db, definers), [""; 0]);
    let role = "SELECT concat_ws(' ', rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls,
                       (SELECT count(*) FROM pg_auth_members m WHERE r.oid IN (m.roleid, m.member)))
                FROM pg_roles r WHERE rolname = 'vetassist_owner'";
    assert_eq!(column_of(&mut db, role), ["f f f f f f 0"]);
}

#[test]
fn an_existing_role_vetassist_owner_with_rights_is_refused() {
    let (server, mut db) = bare_server();
    db.batch_execute("CREATE ROLE other").unwrap();
    for (made, named) in [
        ("CREATE ROLE vetassist_owner LOGIN", "it may log in"),
        ("CREATE ROLE vetassist_owner SUPERUSER", "it is a superuser"),
        ("CREATE ROLE vetassist_owner CREATEROLE", "it may create roles"),
        ("CREATE ROLE vetassist_owner CREATEDB", "it may create databases"),
        ("CREATE ROLE vetassist_owner REPLICATION", "it may replicate"),
        ("CREATE ROLE vetassist_owner BYPASSRLS", "it bypasses row security"),
        ("CREATE ROLE vetassist_owner ROLE other", "it has members"),
        ("CREATE ROLE vetassist_owner IN ROLE other", "it is a member of another role"),
        ("CREATE ROLE vetassist_owner; ALTER ROLE vetassist_owner SET search_path = public", "it has settings of its own"),
        (
            "CREATE ROLE vetassist_owner; ALTER ROLE vetassist_owner IN DATABASE postgres SET work_mem = '1MB'",
            "it has settings of its own",
        ),
    ] {
        db.batch_execute(made).unwrap();
        let error = db.batch_execute("CREATE EXTENSION vetassist").unwrap_err();
        assert_eq!(sqlstate(&error), "55000", "{made}");
        let error = error.as_db_error().unwrap();
        assert_eq!(error.detail(), Some(named), "{made}");
        assert!(error.hint().unwrap().contains("DROP ROLE"));
        db.batch_execute("DROP ROLE vetassist_owner").unwrap();
    }
    // A role without rights is accepted, and so is the role of an earlier installation.
    db.batch_execute("CREATE ROLE vetassist_owner; CREATE EXTENSION vetassist").unwrap();
    db.batch_execute("CREATE DATABASE second").unwrap();
    let mut second = server.connect_to("second");
    second.batch_execute("CREATE EXTENSION vetassist").unwrap();
    for db in [&mut db, &mut second] {
        assert_eq!(column_of(db, PROBLEMS), [""; 0]);
        db.batch_execute("INSERT INTO vetassist_users (va_icn) VALUES ('ICN')").unwrap();
    }
    second.batch_execute("SET vetassist.drop_with_data = on; DROP EXTENSION vetassist").unwrap();
    assert_eq!(column_of(&mut db, PROBLEMS), [""; 0]);
}

#[test]
#[ignore = "takes seconds"]
fn concurrent_installations_create_the_role_once() {
    for _ in 0..3 {
        let (server, mut db) = bare_server();
        for n in 0..4 {
            db.batch_execute(&format!("CREATE DATABASE db_{n}")).unwrap();
        }
        std::thread::scope(|scope| {
            for n in 0..4 {
                let server = &server;
                scope.spawn(move || {
                    server
                        .connect_to(&format!("db_{n}"))
                        .batch_execute("CREATE EXTENSION vetassist")
                        .unwrap();
                });
            }
        });
    }
}

#[test]
#[ignore = "takes seconds"]
fn the_check_shows_changes_of_the_role_and_its_objects() {
    let mut server = KeyedServer::start();
    let db = &mut server.db;
    db.batch_execute(
        "CREATE ROLE mallory; CREATE ROLE backend; SELECT vetassist_grant('backend', 'app')",
    )
    .unwrap();
    db.batch_execute("INSERT INTO vetassist_users (va_icn) VALUES ('ICN')").unwrap();
    for command in [
        "DROP OWNED BY vetassist_owner",
        "DROP OWNED BY vetassist_owner CASCADE",
        "DROP ROLE vetassist_owner",
    ] {
        assert_eq!(sqlstate(&db.batch_execute(command).unwrap_err()), "2BP01", "{command}");
    }
    assert_eq!(column_of(db, PROBLEMS), [""; 0]);
    for (change, undo, seen) in [
        (
            "ALTER ROLE vetassist_owner LOGIN",
            "ALTER ROLE vetassist_owner NOLOGIN",
            "role vetassist_owner: login: true",
        ),
        (
            "ALTER ROLE vetassist_owner SUPERUSER",
            "ALTER ROLE vetassist_owner NOSUPERUSER",
            "role vetassist_owner: superuser: true",
        ),
        (
            "ALTER ROLE vetassist_owner BYPASSRLS",
            "ALTER ROLE vetassist_owner NOBYPASSRLS",
            "role vetassist_owner: bypasses row security: true",
        ),
        (
            "GRANT vetassist_owner TO mallory",
            "REVOKE vetassist_owner FROM mallory",
            "role vetassist_owner: members: mallory",
        ),
        (
            "GRANT mallory TO vetassist_owner",
            "REVOKE mallory FROM vetassist_owner",
            "role vetassist_owner: member of: mallory",
        ),
        (
            "ALTER ROLE vetassist_owner SET work_mem = '1MB'",
            "ALTER ROLE vetassist_owner RESET ALL",
            "role vetassist_owner: settings: work_mem=1MB",
        ),
        (
            "REVOKE USAGE ON SCHEMA public FROM vetassist_owner, PUBLIC",
            "GRANT USAGE ON SCHEMA public TO vetassist_owner, PUBLIC",
            "role vetassist_owner: usage of the schema: none",
        ),
        (
            "ALTER FUNCTION vetassist_access_token OWNER TO mallory",
            "ALTER FUNCTION vetassist_access_token OWNER TO vetassist_owner",
            "function vetassist_access_token(uuid): owner: mallory",
        ),
        (
            "ALTER FUNCTION vetassist_audit_guard OWNER TO mallory",
            "ALTER FUNCTION vetassist_audit_guard OWNER TO postgres",
            "function vetassist_audit_guard(): owner: mallory",
        ),
        (
            "ALTER FUNCTION vetassist_access_token RESET search_path",
            "ALTER FUNCTION vetassist_access_token SET search_path = pg_catalog, pg_temp",
            "function vetassist_access_token(uuid): search_path: the caller's",
        ),
        (
            "ALTER FUNCTION vetassist_keys SECURITY DEFINER",
            "ALTER FUNCTION vetassist_keys SECURITY INVOKER",
            "function vetassist_keys(): owner: postgres",
        ),
        (
            "ALTER TABLE vetassist_sessions OWNER TO mallory",
            "ALTER TABLE vetassist_sessions OWNER TO vetassist_owner",
            "vetassist_sessions: owner: mallory",
        ),
    ] {
        db.batch_execute(change).unwrap();
        assert!(
            column_of(db, PROBLEMS).contains(&seen.to_owned()),
            "{change}: {:?}",
            column_of(db, PROBLEMS)
        );
        // Without USAGE on the schema every function fails, so the check cannot run.
        let checked = "SELECT severity FROM vetassist_check() WHERE severity = 'error'";
        if !change.starts_with("REVOKE USAGE") {
            assert!(!column_of(db, checked).is_empty(), "{change}");
        }
        db.batch_execute(undo).unwrap();
        assert_eq!(column_of(db, PROBLEMS), [""; 0], "{undo}");
    }
    // This fires no event trigger, but the check shows it.
    db.batch_execute("REASSIGN OWNED BY vetassist_owner TO mallory").unwrap();
    let seen = column_of(db, PROBLEMS);
    for object in [
        "vetassist_users: owner: mallory",
        "vetassist_auth_audit_id_seq: owner: mallory",
        "function vetassist_access_token(uuid): owner: mallory",
    ] {
        assert!(seen.contains(&object.to_owned()), "{seen:?}");
    }
}
