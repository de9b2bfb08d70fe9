//! Tests the plain file in databases with default privileges, such as Supabase's: only the owner has privileges.

use vetassist_server_tests::plain_sql;

use super::{Victim, MALLORY};

/// Default privileges of a database, and the roles that get them.
const DEFAULTS: [&str; 9] = [
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO app, auditor, admin;
     ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON FUNCTIONS TO app, auditor, admin;
     ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON SEQUENCES TO app, auditor, admin;",
    "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO reporting WITH GRANT OPTION",
    "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO reporting; ALTER DEFAULT PRIVILEGES GRANT SELECT ON SEQUENCES TO reporting",
    "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC; ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO PUBLIC",
    "ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON ROUTINES TO reporting",
    "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC; ALTER DEFAULT PRIVILEGES GRANT TRIGGER, REFERENCES ON TABLES TO reporting",
    "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO \"a 'b\"\"; DROP ROLE x\"",
    "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO public_",
    "ALTER DEFAULT PRIVILEGES GRANT ALL ON TYPES TO reporting; ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO reporting",
];

/// Selects the privileges of roles other than the owner on the objects of the plain file.
const GRANTED: &str = "
    SELECT format('%s to %s on %s', g.privilege_type, CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE pg_get_userbyid(g.grantee) END, o.name)
    FROM (SELECT relname, relowner, relacl FROM pg_class WHERE relname LIKE 'vetassist%'
          UNION ALL SELECT proname, proowner, coalesce(proacl, acldefault('f', proowner)) FROM pg_proc WHERE proname LIKE 'vetassist%'
          UNION ALL SELECT attname, relowner, attacl FROM pg_attribute JOIN pg_class ON attrelid = pg_class.oid WHERE relname LIKE 'vetassist%'
          UNION ALL SELECT typname, typowner, typacl FROM pg_type WHERE typname LIKE '%vetassist%') AS o (name, owner, acl),
         aclexplode(o.acl) AS g
    WHERE g.grantee <> o.owner ORDER BY 1";

#[test]
#[ignore = "takes seconds"]
fn only_the_owner_has_privileges_on_the_plain_objects() {
    let script = plain_sql();
    let mut victim = Victim::start(&[]);
    victim.db.batch_execute("CREATE ROLE public_; CREATE ROLE \"a 'b\"\"; DROP ROLE x\"").unwrap();
    for owner in ["postgres", MALLORY] {
        for defaults in DEFAULTS {
            victim.empty();
            victim.must(owner, defaults);
            victim.must(owner, &script);
            assert_eq!(victim.column(GRANTED), Vec::<String>::new(), "{owner}: {defaults}");
            assert!(
                victim
                    .column("SELECT relname::text FROM pg_class WHERE relname LIKE 'vetassist%'")
                    .len()
                    >= 6
            );
            // The owner can use the tables, and its grants stay after a second run.
            victim.must(
                owner,
                "INSERT INTO vetassist_users (va_icn) VALUES ('ICN1'); INSERT INTO vetassist_auth_audit (event_type) VALUES ('x');
                 GRANT SELECT, INSERT ON vetassist_auth_audit TO backend; GRANT USAGE ON SEQUENCE vetassist_auth_audit_id_seq TO backend;
                 GRANT UPDATE (email) ON vetassist_users TO backend;",
            );
            let granted = victim.column(GRANTED);
            assert_eq!(granted.len(), 4, "{granted:?}");
            victim.must(owner, &script);
            assert_eq!(victim.column(GRANTED), granted);
            let refused = victim.run("reporting", "SELECT * FROM vetassist_users").unwrap_err();
            assert_eq!(refused.state, "42501");
        }
    }
}

#[test]
fn objects_of_a_later_run_have_no_default_privileges() {
    let script = plain_sql();
    let mut victim = Victim::start(&[]);
    victim.must(MALLORY, &format!("{script}; GRANT SELECT ON vetassist_users TO backend"));
    // A later run creates a dropped table again, in a database that has default privileges by then.
    victim.must(
        MALLORY,
        &format!("ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO reporting; DROP TABLE vetassist_va_tokens; {script}"),
    );
    assert_eq!(victim.column(GRANTED), ["SELECT to backend on vetassist_users"]);
    // The same in another schema, and twice in one session.
    victim.must(
        MALLORY,
        &format!("CREATE SCHEMA \"An other\"; ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO reporting; SET search_path = \"An other\"; {script}; {script}"),
    );
    assert_eq!(victim.column(GRANTED), ["SELECT to backend on vetassist_users"]);
}
