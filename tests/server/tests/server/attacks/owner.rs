//! Tests that functions that run with their owner's rights belong to a role that is no superuser.

use postgres::Client;
use vetassist_server_tests::{column_of, plain_sql};

use super::{Refused, Victim, MALLORY};

const OWNER: &str = "vetassist_owner";

/// Returns the owners of the extension's relations, and of its functions that run with their owner's rights.
fn owners(db: &mut Client) -> Vec<String> {
    column_of(
        db,
        "WITH members AS (
             SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'vetassist'
             WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e')
         SELECT DISTINCT pg_get_userbyid(relowner)::text FROM members JOIN pg_class ON classid = 'pg_class'::regclass AND objid = oid
         UNION
         SELECT pg_get_userbyid(proowner)::text FROM members JOIN pg_proc ON classid = 'pg_proc'::regclass AND objid = oid WHERE prosecdef
         UNION
         SELECT pg_get_userbyid(relowner)::text FROM members JOIN pg_index ON objid = indrelid JOIN pg_class ON oid = indexrelid",
    )
}

/// Returns the owners of the functions that run with the caller's rights.
fn owners_of_the_rest(db: &mut Client) -> Vec<String> {
    column_of(
        db,
        "SELECT DISTINCT pg_get_userbyid(proowner)::text FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'vetassist'
         JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
         WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND NOT prosecdef",
    )
}

/// Asserts that every object has the right owner, and that calls work.
fn assert_owned(victim: &mut Victim) {
    assert_eq!(owners(&mut victim.db), [OWNER]);
    assert_eq!(owners_of_the_rest(&mut victim.db), ["postgres"]);
    let role = "SELECT concat(rolsuper, rolinherit IS NULL, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls, rolconfig,
                       (SELECT count(*) FROM pg_auth_members WHERE pg_roles.oid IN (roleid, member)))
                FROM pg_roles WHERE rolname = 'vetassist_owner'";
    assert_eq!(victim.column(role), ["fffffff0"]);
    assert_eq!(
        victim.count("SELECT count(*) FROM pg_namespace WHERE has_schema_privilege('vetassist_owner', oid, 'CREATE') AND nspname !~ '^pg_(temp|toast)'"),
        0
    );
    assert_eq!(
        victim.column("SELECT object || problem FROM vetassist_check_schema()"),
        Vec::<String>::new()
    );
    victim.grant_tiers();
    let sign_in = "SELECT vetassist_login('ICN' || random(), 'access', now() + '1 h', 'jti' || random(), now() + '1 h', refresh_token => 'refresh', ip => '203.0.113.7',
                   device_info => '{\"ip\": \"203.0.113.7\"}')";
    victim.must("app", sign_in);
    victim.must("admin", "CALL vetassist_rotate_tokens()");
    victim.must("admin", "CALL vetassist_upgrade_ip_hashes()");
    victim.must(
        "admin",
        "SELECT vetassist_purge_audit('2 years'), vetassist_purge_sessions('1 day')",
    );
    // Foreign keys are checked with the owner's rights.
    victim.must("postgres", "INSERT INTO vetassist_sessions (user_id, jwt_id, expires_at) SELECT id, 'by hand' || random(), now() FROM vetassist_users LIMIT 1");
}

#[test]
fn a_fresh_installation_belongs_to_vetassist_owner() {
    let mut victim = Victim::installed(&[]);
    assert_owned(&mut victim);
    // A second database of the server shares the role.
    victim.empty();
    victim.db.batch_execute("CREATE EXTENSION vetassist").unwrap();
    assert_owned(&mut victim);
    // So does a database whose schema is closed to other roles.
    victim.empty();
    victim
        .db
        .batch_execute("REVOKE ALL ON SCHEMA public FROM PUBLIC; CREATE EXTENSION vetassist")
        .unwrap();
    assert_eq!(owners(&mut victim.db), [OWNER]);
    assert_owned(&mut victim);
}

#[test]
#[ignore = "takes seconds"]
fn an_updated_installation_belongs_to_vetassist_owner() {
    for version in ["0.1.0", "0.2.0"] {
        let mut victim = Victim::start(&[]);
        victim
            .db
            .batch_execute(&format!("CREATE EXTENSION vetassist VERSION '{version}'"))
            .unwrap();
        victim.db.batch_execute("SELECT vetassist_login('ICN', 'access', now() + '1 h', 'jti', now() + '1 h', ip => '203.0.113.7')").unwrap();
        victim.db.batch_execute("ALTER EXTENSION vetassist UPDATE").unwrap();
        assert_owned(&mut victim);
    }
}

#[test]
#[ignore = "takes seconds"]
fn adopted_tables_belong_to_vetassist_owner() {
    let plain = plain_sql();
    let mut victim = Victim::start(&[]);
    // The installing superuser made the tables first, and then the role that the setting names.
    victim.db.batch_execute(&format!("{plain}; CREATE EXTENSION vetassist")).unwrap();
    assert_owned(&mut victim);
    victim.empty();
    victim.must("postgres", "GRANT CREATE ON SCHEMA public TO backend");
    victim.must("backend", &plain);
    let refused = victim.db.batch_execute("CREATE EXTENSION vetassist").unwrap_err();
    assert_eq!(Refused::of(&refused).state, "55000");
    victim
        .db
        .batch_execute(
            "LOAD 'vetassist'; SET vetassist.adopt_from = 'backend'; CREATE EXTENSION vetassist",
        )
        .unwrap();
    assert_owned(&mut victim);
    // The backend's statements work, and it owns nothing.
    victim.must("backend", "INSERT INTO vetassist_users (va_icn) VALUES ('new'); INSERT INTO vetassist_auth_audit (event_type) VALUES ('x'); DELETE FROM vetassist_users WHERE va_icn = 'new'");
    for statement in [
        "DELETE FROM vetassist_auth_audit",
        "UPDATE vetassist_auth_audit SET event_type = 'y'",
        "TRUNCATE vetassist_users CASCADE",
        "ALTER TABLE vetassist_users ADD COLUMN x int",
        "ALTER TABLE vetassist_users DISABLE TRIGGER ALL",
        "CREATE TRIGGER t BEFORE INSERT ON vetassist_users EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "DROP TABLE vetassist_keyed_ip_hashes",
        "INSERT INTO vetassist_keyed_ip_hashes VALUES ('x')",
        "ALTER TABLE vetassist_users OWNER TO backend",
        "SET ROLE vetassist_owner",
        "SELECT setval('vetassist_auth_audit_id_seq', 1)",
    ] {
        assert_eq!(victim.run("backend", statement).expect_err(statement).state, "42501", "{statement}");
    }
    // PostgreSQL only warns about a grant without grant option.
    victim.must("backend", "GRANT SELECT ON vetassist_users TO reporting");
    assert_eq!(victim.run("reporting", "SELECT FROM vetassist_users").unwrap_err().state, "42501");
}

#[test]
fn an_existing_role_vetassist_owner_with_rights_is_not_used() {
    let mut victim = Victim::start(&[]);
    victim.db.batch_execute("CREATE ROLE group_; CREATE ROLE member_").unwrap();
    for (makes, unmakes) in [
        ("CREATE ROLE vetassist_owner LOGIN", ""),
        ("CREATE ROLE vetassist_owner SUPERUSER", ""),
        ("CREATE ROLE vetassist_owner CREATEDB", ""),
        ("CREATE ROLE vetassist_owner CREATEROLE", ""),
        ("CREATE ROLE vetassist_owner REPLICATION", ""),
        ("CREATE ROLE vetassist_owner BYPASSRLS", ""),
        ("CREATE ROLE vetassist_owner ROLE member_", ""),
        ("CREATE ROLE vetassist_owner ADMIN member_", ""),
        ("CREATE ROLE vetassist_owner ROLE mallory", ""),
        ("CREATE ROLE vetassist_owner IN ROLE group_", ""),
        ("CREATE ROLE vetassist_owner IN ROLE pg_read_server_files", ""),
        ("CREATE ROLE vetassist_owner; ALTER ROLE vetassist_owner SET search_path = public", ""),
        ("CREATE ROLE vetassist_owner; ALTER ROLE vetassist_owner IN DATABASE victim SET role = mallory", ""),
        ("CREATE ROLE vetassist_owner; ALTER ROLE vetassist_owner IN DATABASE postgres SET search_path = public", ""),
    ] {
        victim.db.batch_execute(makes).unwrap();
        let error = victim.db.batch_execute("CREATE EXTENSION vetassist").expect_err(makes);
        let Refused { text, .. } = Refused::of(&error);
        assert!(text.contains("vetassist_owner") && text.contains(" / "), "{makes}: {text}");
        victim.db.batch_execute(&format!("DROP ROLE vetassist_owner; {unmakes}")).unwrap();
    }
    // An update is refused as well.
    victim
        .db
        .batch_execute(
            "CREATE EXTENSION vetassist VERSION '0.2.0'; CREATE ROLE vetassist_owner LOGIN",
        )
        .unwrap();
    victim.db.batch_execute("ALTER EXTENSION vetassist UPDATE").unwrap_err();
    assert_eq!(
        victim.column("SELECT extversion FROM pg_extension WHERE extname = 'vetassist'"),
        ["0.2.0"]
    );
    // A role without rights is used.
    victim.db.batch_execute("DROP ROLE vetassist_owner; CREATE ROLE vetassist_owner; ALTER EXTENSION vetassist UPDATE").unwrap();
    assert_owned(&mut victim);
}

#[test]
fn no_role_can_take_over_objects_of_vetassist_owner() {
    let mut victim = Victim::installed(&[]);
    victim.db.batch_execute("INSERT INTO vetassist_users (va_icn) VALUES ('ICN')").unwrap();
    for attack in [
        "SET ROLE vetassist_owner",
        "SET SESSION AUTHORIZATION vetassist_owner",
        "GRANT vetassist_owner TO mallory",
        "REASSIGN OWNED BY vetassist_owner TO mallory",
        "DROP OWNED BY vetassist_owner CASCADE",
        "DROP ROLE vetassist_owner",
        "ALTER ROLE vetassist_owner LOGIN",
        "ALTER ROLE vetassist_owner RENAME TO mine",
        "ALTER ROLE vetassist_owner SET search_path = public",
        "ALTER TABLE vetassist_users OWNER TO mallory",
        "ALTER FUNCTION vetassist_erase_user(uuid) OWNER TO mallory",
        "ALTER FUNCTION vetassist_erase_user(uuid) SET search_path = public",
        "CREATE OR REPLACE FUNCTION vetassist_erase_user(user_id uuid) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
        "ALTER DEFAULT PRIVILEGES FOR ROLE vetassist_owner GRANT ALL ON TABLES TO mallory",
    ] {
        assert!(victim.run(MALLORY, attack).is_err(), "{attack}");
    }
    // A superuser's mistakes are refused as well.
    for slip in [
        "DROP OWNED BY vetassist_owner",
        "DROP OWNED BY vetassist_owner CASCADE",
        "DROP ROLE vetassist_owner",
    ] {
        assert!(victim.run("postgres", slip).is_err(), "{slip}");
        assert_eq!(victim.count("SELECT count(*) FROM vetassist_users"), 1);
    }
    assert_eq!(victim.column("SELECT object FROM vetassist_check_schema()"), Vec::<String>::new());
}

#[test]
fn the_check_shows_objects_of_other_owners() {
    let mut victim = Victim::installed(&[]);
    for change in [
        "REASSIGN OWNED BY vetassist_owner TO mallory",
        "ALTER TABLE vetassist_users OWNER TO mallory",
        "ALTER TABLE vetassist_keyed_ip_hashes OWNER TO postgres",
        "ALTER FUNCTION vetassist_log_event(text, uuid, jsonb, inet) OWNER TO mallory",
        "ALTER FUNCTION vetassist_log_event(text, uuid, jsonb, inet) OWNER TO postgres",
        "GRANT vetassist_owner TO mallory",
        "GRANT pg_read_server_files TO vetassist_owner",
        "ALTER ROLE vetassist_owner SUPERUSER",
        "ALTER ROLE vetassist_owner LOGIN",
        "ALTER ROLE vetassist_owner SET search_path = public",
    ] {
        let mut transaction = victim.db.transaction().unwrap();
        if transaction.batch_execute(change).is_err() {
            // A refused change need not be shown.
            continue;
        }
        let mut seen = 0;
        for check in [
            "SELECT count(*) FROM vetassist_check_schema()",
            "SELECT count(*) FROM vetassist_check() WHERE message ~ 'owner'",
        ] {
            if seen == 0 {
                seen = transaction.query_one(check, &[]).unwrap().get::<_, i64>(0);
            }
        }
        assert!(seen > 0, "{change}");
    }
}

#[test]
fn a_dump_restores_the_owner_and_every_row() {
    let mut server = vetassist_server_tests::KeyedServer::filled(&[]);
    let before = vetassist_server_tests::contents::rows(&mut server.db);
    server.db.batch_execute("REVOKE ALL ON SCHEMA public FROM PUBLIC").unwrap();
    let mut restored = server.dump_and_restore();
    assert_eq!(vetassist_server_tests::contents::rows(&mut restored), before);
    assert_eq!(owners(&mut restored), [OWNER]);
}
