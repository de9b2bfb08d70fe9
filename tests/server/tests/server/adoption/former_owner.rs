//! Tests the adoption of tables of another role than the installing one, and the privileges that the role keeps.

use postgres::Client;
use vetassist_server_tests::{column_of, empty_database, sqlstate, KeyedServer};

use super::{snapshot, DIFFERENCES, MIGRATION};

/// Selects the privileges of a backend's role on the extension's tables, one row for each table.
const RIGHTS: &str = "
    SELECT c.relname || ': ' || string_agg(a.privilege_type || CASE WHEN a.is_grantable THEN '*' ELSE '' END, ' ' ORDER BY a.privilege_type)
    FROM pg_class c, aclexplode(c.relacl) a
    WHERE c.relname LIKE 'vetassist%' AND pg_get_userbyid(a.grantee) LIKE 'backend%' GROUP BY c.relname ORDER BY 1";

/// Creates a database whose tables belong to the role of a backend.
fn of_backend() -> (Client, String) {
    let mut db = empty_database();
    let role: String = db.query_one("SELECT 'backend_' || current_database()", &[]).unwrap().get(0);
    db.batch_execute(&format!(
        "CREATE ROLE {role}; CREATE ROLE {role}_reader; CREATE ROLE {role}_other;
         GRANT CREATE ON SCHEMA public TO {role}; SET ROLE {role}"
    ))
    .unwrap();
    db.batch_execute(MIGRATION).unwrap();
    // The former owner grants privileges to other roles.
    db.batch_execute(&format!(
        "GRANT ALL ON vetassist_users TO {role}_reader WITH GRANT OPTION; GRANT SELECT (email), UPDATE (email) ON vetassist_users TO PUBLIC;
         GRANT TRIGGER, REFERENCES ON vetassist_auth_audit TO {role}_other; GRANT UPDATE ON SEQUENCE vetassist_auth_audit_id_seq TO PUBLIC;
         REVOKE UPDATE ON vetassist_auth_audit FROM {role};
         SET ROLE {role}_reader; GRANT SELECT ON vetassist_users TO {role}_other; RESET ROLE"
    ))
    .unwrap();
    (db, role)
}

#[test]
fn tables_of_another_role_are_adopted_if_a_superuser_names_it() {
    let (mut db, role) = of_backend();
    let before = snapshot(&mut db);
    for (named, code) in
        [("", "55000"), ("nobody at all", "42704"), (&format!("{role}_other"), "55000")]
    {
        db.batch_execute(&format!("LOAD 'vetassist'; SET vetassist.adopt_from = '{named}'"))
            .unwrap();
        let error = db.batch_execute("CREATE EXTENSION vetassist").unwrap_err();
        assert_eq!(sqlstate(&error), code, "{named}: {error:?}");
    }
    db.batch_execute(&format!("SET vetassist.adopt_from = '{role}'; CREATE EXTENSION vetassist"))
        .unwrap();
    assert_eq!(snapshot(&mut db), before);
    assert_eq!(column_of(&mut db, DIFFERENCES), [""; 0]);
    let owners = "SELECT DISTINCT pg_get_userbyid(relowner)::text FROM pg_class WHERE relname LIKE '%vetassist%' AND relkind <> 't'";
    assert_eq!(column_of(&mut db, owners), ["vetassist_owner"]);

    // The role keeps exactly these privileges, and other roles none.
    assert_eq!(
        column_of(&mut db, RIGHTS),
        [
            "vetassist_audit_head: SELECT",
            "vetassist_audit_leaves: SELECT",
            "vetassist_audit_nodes: SELECT",
            "vetassist_audit_pending: SELECT",
            "vetassist_audit_unsealable: SELECT",
            "vetassist_auth_audit: INSERT SELECT",
            "vetassist_auth_audit_id_seq: SELECT USAGE",
            "vetassist_key_fingerprints: SELECT",
            "vetassist_keyed_ip_hashes: SELECT",
            "vetassist_refresh_leases: SELECT",
            "vetassist_refresh_states: SELECT",
            "vetassist_sessions: DELETE INSERT SELECT UPDATE",
            "vetassist_users: DELETE INSERT SELECT UPDATE",
            "vetassist_va_tokens: DELETE INSERT SELECT UPDATE",
        ]
    );
    let others = "SELECT a::text FROM pg_class c, unnest(relacl) a WHERE relname LIKE 'vetassist%' AND a::text !~ '^(vetassist_owner|backend_test_[0-9]+)='
                  UNION ALL SELECT attname::text FROM pg_attribute WHERE attacl IS NOT NULL AND attrelid::regclass::text LIKE 'vetassist%'";
    assert_eq!(column_of(&mut db, others), [""; 0]);

    // The backend's statements still work.
    db.batch_execute(&format!("SET ROLE {role}")).unwrap();
    db.batch_execute(
        "INSERT INTO vetassist_users (va_icn) VALUES ('ICN of later');
         INSERT INTO vetassist_auth_audit (user_id, event_type) SELECT id, 'login' FROM vetassist_users WHERE va_icn = 'ICN of later';
         UPDATE vetassist_va_tokens SET scope = 'x'; DELETE FROM vetassist_sessions;",
    )
    .unwrap();
    for statement in [
        "UPDATE vetassist_auth_audit SET event_type = 'x'",
        "TRUNCATE vetassist_users CASCADE",
        "ALTER TABLE vetassist_users ADD note text",
        "CREATE TRIGGER t BEFORE INSERT ON vetassist_users EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "SELECT vetassist_access_token(gen_random_uuid())",
    ] {
        assert_eq!(sqlstate(&db.batch_execute(statement).unwrap_err()), "42501", "{statement}");
    }
    db.batch_execute("RESET ROLE").unwrap();

    // The check shows the privileges until they are revoked.
    let shown =
        format!("SELECT message FROM vetassist_check() WHERE subject = 'role {role}' ORDER BY 1");
    assert_eq!(column_of(&mut db, &shown).len(), 14);
    db.batch_execute(&format!("SELECT vetassist_revoke('{role}')")).unwrap();
    assert_eq!(column_of(&mut db, &shown), [""; 0]);
    assert_eq!(column_of(&mut db, RIGHTS), [""; 0]);
}

#[test]
fn tables_are_not_adopted_if_row_security_would_hide_rows_from_their_owner() {
    let (mut db, role) = of_backend();
    db.batch_execute("ALTER TABLE vetassist_users ENABLE ROW LEVEL SECURITY").unwrap();
    db.batch_execute(&format!("LOAD 'vetassist'; SET vetassist.adopt_from = '{role}'")).unwrap();
    let error = db.batch_execute("CREATE EXTENSION vetassist").unwrap_err();
    let detail = error.as_db_error().unwrap().detail().unwrap();
    assert_eq!(detail, format!("vetassist_users: row security, {role} would see no rows"));
    db.batch_execute(
        "ALTER TABLE vetassist_users DISABLE ROW LEVEL SECURITY; CREATE EXTENSION vetassist",
    )
    .unwrap();
}

#[test]
fn a_restored_dump_keeps_the_privileges_of_the_former_owner() {
    let mut server = KeyedServer::start();
    server.db.batch_execute("DROP EXTENSION vetassist; CREATE ROLE backend LOGIN; GRANT CREATE ON SCHEMA public TO backend; SET ROLE backend").unwrap();
    server.db.batch_execute(MIGRATION).unwrap();
    server
        .db
        .batch_execute(
            "RESET ROLE; SET vetassist.adopt_from = 'backend'; CREATE EXTENSION vetassist",
        )
        .unwrap();
    let (rights, rows) = (column_of(&mut server.db, RIGHTS), snapshot(&mut server.db));
    assert_eq!(rights.len(), 14);
    let mut restored = server.dump_and_restore();
    assert_eq!(column_of(&mut restored, RIGHTS), rights);
    assert_eq!(snapshot(&mut restored), rows);
    // The former owner can still dump the tables.
    server.dump_as("backend");
}

#[test]
fn only_a_superuser_can_set_adopt_from() {
    let mut server = KeyedServer::start();
    server.db.batch_execute("CREATE ROLE somebody LOGIN").unwrap();
    let mut somebody = server.connect_as("somebody");
    somebody.batch_execute("SET vetassist.adopt_from = 'somebody'").unwrap();
    somebody.batch_execute("SELECT vetassist_version()").unwrap();
    let shown: String = somebody.query_one("SHOW vetassist.adopt_from", &[]).unwrap().get(0);
    assert_eq!(shown, "");
    let error = somebody.batch_execute("SET vetassist.adopt_from = 'somebody'").unwrap_err();
    assert_eq!(sqlstate(&error), "42501");
}
