//! Tests privileges after an installation, an update, an adoption, a grant and a revocation.

use postgres::Client;
use vetassist_server_tests::{column_of, empty_database, sqlstate, KeyedServer};

/// Returns all privileges of roles other than the owners on objects of the extension and their columns.
fn rights(db: &mut Client) -> Vec<String> {
    column_of(
        db,
        "SELECT format('%s: %s %s%s', pg_describe_object(d.classid, d.objid, o.number),
                       CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee) END, a.privilege_type,
                       CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' END)
         FROM pg_depend d
         JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'vetassist'
         CROSS JOIN LATERAL (
             SELECT 0, proacl, proowner FROM pg_proc WHERE oid = d.objid AND d.classid = 'pg_proc'::regclass
             UNION ALL
             SELECT 0, relacl, relowner FROM pg_class WHERE oid = d.objid AND d.classid = 'pg_class'::regclass
             UNION ALL
             SELECT attnum, attacl, 0 FROM pg_attribute WHERE attrelid = d.objid AND d.classid = 'pg_class'::regclass
             UNION ALL
             SELECT 0, typacl, typowner FROM pg_type WHERE typrelid = d.objid AND d.classid = 'pg_class'::regclass
         ) AS o (number, acl, owner)
         CROSS JOIN LATERAL aclexplode(o.acl) AS a
         WHERE d.deptype = 'e' AND a.grantee NOT IN (o.owner, 'vetassist_owner'::regrole) ORDER BY 1",
    )
}

const OPEN: [&str; 8] = [
    "function vetassist_decrypt(bytea,bytea,bytea): PUBLIC EXECUTE",
    "function vetassist_decrypt_text(bytea,bytea,bytea): PUBLIC EXECUTE",
    "function vetassist_derive_user_key(bytea,uuid): PUBLIC EXECUTE",
    "function vetassist_encrypt(bytea,bytea,bytea): PUBLIC EXECUTE",
    "function vetassist_encrypt(text,bytea,bytea): PUBLIC EXECUTE",
    "function vetassist_generate_key(): PUBLIC EXECUTE",
    "function vetassist_hash_ip(inet): PUBLIC EXECUTE",
    "function vetassist_version(): PUBLIC EXECUTE",
];

/// Grants all default privileges to a role and to PUBLIC.
fn give_by_default(db: &mut Client, role: &str) {
    for of in ["", "IN SCHEMA public"] {
        for kind in ["TABLES", "SEQUENCES", "ROUTINES", "TYPES"] {
            for (to, option) in [(role, " WITH GRANT OPTION"), ("PUBLIC", "")] {
                db.batch_execute(&format!(
                    "ALTER DEFAULT PRIVILEGES {of} GRANT ALL ON {kind} TO {to}{option}"
                ))
                .unwrap();
            }
        }
    }
}

/// Creates a database with a role that has all default privileges.
fn database_with_default_privileges() -> (Client, String) {
    let mut db = empty_database();
    let role: String =
        db.query_one("SELECT 'reporting_' || current_database()", &[]).unwrap().get(0);
    db.batch_execute(&format!("CREATE ROLE {role}")).unwrap();
    give_by_default(&mut db, &role);
    (db, role)
}

#[test]
fn default_privileges_grant_nothing() {
    let (mut db, _) = database_with_default_privileges();
    db.batch_execute("CREATE EXTENSION vetassist").unwrap();
    assert_eq!(rights(&mut db), OPEN);
    // They grant nothing on the plain tables, and adoption revokes other privileges.
    let (mut db, role) = database_with_default_privileges();
    db.batch_execute(&vetassist_server_tests::plain_sql()).unwrap();
    db.batch_execute(&format!("GRANT SELECT, TRIGGER ON vetassist_users TO {role} WITH GRANT OPTION; GRANT UPDATE (email) ON vetassist_users TO {role}"))
        .unwrap();
    db.batch_execute("CREATE EXTENSION vetassist").unwrap();
    assert_eq!(rights(&mut db), OPEN);
}

#[test]
fn an_update_revokes_default_privileges_and_keeps_tiers() {
    let mut server = KeyedServer::start();
    server.db.batch_execute("DROP EXTENSION vetassist").unwrap();
    server
        .db
        .batch_execute(
            "CREATE ROLE reporting; CREATE ROLE app LOGIN; CREATE ROLE operator; CREATE ROLE auditor; CREATE ROLE curious",
        )
        .unwrap();
    for old in ["0.1.0", "0.2.0"] {
        let db = &mut server.db;
        give_by_default(db, "reporting");
        db.batch_execute(&format!("CREATE EXTENSION vetassist VERSION '{old}'")).unwrap();
        assert!(rights(db).iter().any(|line| line.contains("vetassist_users: reporting SELECT")));
        db.batch_execute(
            "SELECT vetassist_grant('app', 'app'), vetassist_grant('operator', 'admin'), vetassist_grant('auditor', 'auditor');
             GRANT EXECUTE ON FUNCTION vetassist_decrypt_token TO app, curious; GRANT SELECT (email) ON vetassist_users TO curious;
             GRANT EXECUTE ON FUNCTION vetassist_login TO curious; GRANT SELECT ON vetassist_auth_audit TO operator;",
        )
        .unwrap();
        db.batch_execute("ALTER EXTENSION vetassist UPDATE").unwrap();
        let updated = rights(db);
        // The privileges are exactly those of a fresh installation.
        db.batch_execute("DROP EXTENSION vetassist; CREATE EXTENSION vetassist").unwrap();
        db.batch_execute("SELECT vetassist_grant('app', 'app'), vetassist_grant('operator', 'admin'), vetassist_grant('auditor', 'auditor')").unwrap();
        assert_eq!(updated, rights(db), "{old}");
        assert!(updated.contains(&"function vetassist_check(): operator EXECUTE".to_owned()));
        db.batch_execute("SET vetassist.drop_with_data = on; DROP EXTENSION vetassist").unwrap();
    }
}

#[test]
fn an_update_reports_the_privileges_that_it_revokes() {
    let mut server = KeyedServer::start();
    server.db.batch_execute("DROP EXTENSION vetassist; CREATE EXTENSION vetassist VERSION '0.2.0'; CREATE ROLE curious").unwrap();
    server.db.batch_execute("GRANT EXECUTE ON FUNCTION vetassist_login TO curious").unwrap();
    let said = server.psql("BEGIN; ALTER EXTENSION vetassist UPDATE; ROLLBACK");
    assert!(
        said.contains("WARNING:  role curious loses rights that none of its tiers grants"),
        "{said}"
    );
    assert!(said.contains("EXECUTE on vetassist_login"), "{said}");
}

/// Tiers that were granted before an update are kept as well.
#[test]
#[ignore = "takes seconds"]
fn a_restored_dump_keeps_the_tiers() {
    for old in [None, Some("0.1.0"), Some("0.2.0")] {
        let mut server = KeyedServer::start();
        let db = &mut server.db;
        if let Some(old) = old {
            db.batch_execute(&format!(
                "DROP EXTENSION vetassist; CREATE EXTENSION vetassist VERSION '{old}'"
            ))
            .unwrap();
        }
        db.batch_execute("CREATE ROLE app; CREATE ROLE other; GRANT USAGE ON SCHEMA public TO other; SELECT vetassist_grant('app', 'app')")
            .unwrap();
        if old.is_some() {
            db.batch_execute("ALTER EXTENSION vetassist UPDATE").unwrap();
        }
        let schema = "SELECT a::text FROM pg_namespace, unnest(nspacl) AS a WHERE nspname = 'public' ORDER BY 1";
        let (before, on_schema) = (rights(db), column_of(db, schema));
        assert!(before.len() > OPEN.len());
        let mut restored = server.dump_and_restore();
        assert_eq!(rights(&mut restored), before, "{old:?}");
        assert_eq!(column_of(&mut restored, schema), on_schema, "{old:?}");
        assert_eq!(
            column_of(&mut restored, "SELECT object FROM vetassist_check_schema()"),
            [""; 0]
        );
        restored
            .batch_execute("SELECT vetassist_login('ICN', 'access', now(), 'jti', now())")
            .unwrap();
    }
}

#[test]
fn a_tier_grants_exactly_its_listed_privileges() {
    let mut server = KeyedServer::start();
    let db = &mut server.db;
    for tier in ["app", "auditor", "admin", "monitor"] {
        db.batch_execute(&format!(
            "CREATE ROLE {tier}; SELECT vetassist_grant('{tier}', '{tier}')"
        ))
        .unwrap();
        let granted: Vec<_> = rights(db)
            .into_iter()
            .filter_map(|line| {
                Some(
                    line.split_once(&format!(": {tier} "))?
                        .0
                        .split('(')
                        .next()?
                        .rsplit(' ')
                        .next()?
                        .to_owned(),
                )
            })
            .collect();
        // Each name that the function lists has an object.
        let listed = "SELECT prosrc FROM pg_proc WHERE proname = 'vetassist_tier_privileges'";
        let source = column_of(db, listed).remove(0);
        let part = source
            .split(&format!("'{tier}', unnest(ARRAY["))
            .nth(1)
            .unwrap()
            .split(']')
            .next()
            .unwrap();
        let mut names: Vec<_> =
            part.split('\'').filter(|word| word.starts_with("vetassist_")).collect();
        names.sort_unstable();
        let mut granted: Vec<_> = granted.iter().map(String::as_str).collect();
        granted.sort_unstable();
        assert_eq!(granted, names, "{tier}");
        let usage = format!("SELECT has_schema_privilege('{tier}', 'public', 'USAGE')::text");
        assert_eq!(column_of(db, &usage), ["true"]);
    }
    // Only an auditor has privileges on tables, and these are SELECT.
    let tables: Vec<_> = rights(db).into_iter().filter(|line| line.starts_with("table")).collect();
    assert_eq!(
        tables,
        [
            "table vetassist_auth_audit: auditor SELECT",
            "table vetassist_keyed_ip_hashes: auditor SELECT"
        ]
    );
    assert_eq!(
        sqlstate(&db.batch_execute("SELECT vetassist_grant('app', 'root')").unwrap_err()),
        "22023"
    );
    assert_eq!(
        sqlstate(&db.batch_execute("SELECT vetassist_grant(0, 'app')").unwrap_err()),
        "42704"
    );
}

/// Returns the privileges that a role holds directly, anywhere in this database.
fn held(db: &mut Client, role: &str) -> Vec<String> {
    let mut held = rights(db);
    held.retain(|line| line.contains(&format!(": {role} ")));
    held.extend(column_of(
        db,
        &format!("SELECT 'schema ' || nspname FROM pg_namespace, aclexplode(nspacl) a WHERE a.grantee = '{role}'::regrole"),
    ));
    held
}

#[test]
fn revoking_takes_every_granted_privilege() {
    let mut server = KeyedServer::start();
    let db = &mut server.db;
    db.batch_execute(
        "CREATE ROLE reader; CREATE ROLE middle; CREATE ROLE last; CREATE ROLE \"Odd Role\"",
    )
    .unwrap();
    for tier in ["app", "auditor", "admin", "monitor"] {
        db.batch_execute(&format!(
            "SELECT vetassist_grant('reader', '{tier}'), vetassist_grant('\"Odd Role\"', '{tier}')"
        ))
        .unwrap();
    }
    db.batch_execute(
        "GRANT ALL ON vetassist_users TO reader WITH GRANT OPTION; GRANT SELECT (email), UPDATE (email) ON vetassist_users TO reader;
         GRANT USAGE ON SEQUENCE vetassist_auth_audit_id_seq TO reader; GRANT EXECUTE ON FUNCTION vetassist_decrypt_token TO reader WITH GRANT OPTION;
         GRANT EXECUTE ON FUNCTION vetassist_audit_guard() TO reader; GRANT EXECUTE ON FUNCTION vetassist_generate_key() TO reader;
         GRANT ALL ON vetassist_sessions TO middle WITH GRANT OPTION;
         SET ROLE reader; GRANT SELECT ON vetassist_users TO middle, last; GRANT EXECUTE ON FUNCTION vetassist_decrypt_token TO middle;
         SET ROLE middle; GRANT SELECT, UPDATE (jwt_id) ON vetassist_sessions TO reader, last; RESET ROLE",
    )
    .unwrap();
    assert!(held(db, "reader").len() > 30, "{:?}", held(db, "reader"));
    db.batch_execute("SELECT vetassist_revoke('reader'), vetassist_revoke('\"Odd Role\"')")
        .unwrap();
    for role in ["reader", "Odd Role"] {
        let left: Vec<_> =
            rights(db).into_iter().filter(|line| line.contains(&format!(": {role} "))).collect();
        assert_eq!(left, [""; 0]);
    }
    assert_eq!(held(db, "reader"), [""; 0]);
    // The privileges that the role granted to others are gone. Those that other roles granted stay.
    assert!(
        held(db, "last").iter().all(|line| line.contains("vetassist_sessions")),
        "{:?}",
        held(db, "last")
    );
    assert!(!held(db, "last").is_empty());
    assert!(held(db, "middle").iter().all(|line| line.contains("vetassist_sessions")));
    db.batch_execute("DROP ROLE reader; DROP ROLE \"Odd Role\"").unwrap();
    // Revoking twice, or without a grant, is no error.
    db.batch_execute("SELECT vetassist_revoke('last'), vetassist_revoke('last')").unwrap();
    assert_eq!(held(db, "last"), [""; 0]);
}

#[test]
fn revoking_keeps_usage_if_the_role_uses_other_objects_of_the_schema() {
    let mut server = KeyedServer::start();
    let db = &mut server.db;
    db.batch_execute(
        "CREATE ROLE app; CREATE ROLE owner; CREATE TABLE notes (); GRANT SELECT ON notes TO app; CREATE TABLE theirs (); ALTER TABLE theirs OWNER TO owner;
         REVOKE ALL ON SCHEMA public FROM PUBLIC; SELECT vetassist_grant('app', 'app'), vetassist_grant('owner', 'app');
         SELECT vetassist_revoke('app'), vetassist_revoke('owner')",
    )
    .unwrap();
    for role in ["app", "owner"] {
        assert_eq!(held(db, role), ["schema public"]);
    }
    db.batch_execute("REVOKE ALL ON notes FROM app; DROP TABLE theirs; SELECT vetassist_revoke('app'), vetassist_revoke('owner')").unwrap();
    assert_eq!(held(db, "app"), [""; 0]);
    db.batch_execute("DROP ROLE app; DROP ROLE owner").unwrap();
}

#[test]
fn revoking_returns_the_rights_that_the_role_still_has() {
    let mut server = KeyedServer::start();
    let db = &mut server.db;
    db.batch_execute(
        "CREATE ROLE team; CREATE ROLE middle; CREATE ROLE member; GRANT team TO middle; GRANT middle TO member;
         SELECT vetassist_grant('team', 'monitor'), vetassist_grant('member', 'monitor')",
    )
    .unwrap();
    let revoke =
        "SELECT format('%s: %s by %s', object, privilege, source) FROM vetassist_revoke('member')";
    let left = column_of(db, revoke);
    let (open, others): (Vec<_>, Vec<_>) =
        left.into_iter().partition(|line| line.ends_with(" by PUBLIC"));
    assert_eq!(open.len(), OPEN.len());
    assert_eq!(
        others,
        [
            "ROUTINE public.vetassist_check(): EXECUTE by member of team",
            "ROUTINE public.vetassist_keys(): EXECUTE by member of team",
            "ROUTINE public.vetassist_metrics(): EXECUTE by member of team",
        ]
    );
    for (given, found) in [
        ("GRANT pg_read_all_data TO member", "every table: SELECT by member of pg_read_all_data"),
        (
            "GRANT pg_write_all_data TO middle",
            "every table: INSERT, UPDATE, DELETE by member of pg_write_all_data",
        ),
        ("GRANT vetassist_owner TO middle", "everything: ALL by member of vetassist_owner"),
        (
            "GRANT SELECT (email) ON vetassist_users TO PUBLIC",
            "TABLE public.vetassist_users (email): SELECT by PUBLIC",
        ),
    ] {
        db.batch_execute(given).unwrap();
        assert!(
            column_of(db, revoke).contains(&found.to_owned()),
            "{given}: {:?}",
            column_of(db, revoke)
        );
    }
    db.batch_execute("ALTER ROLE member SUPERUSER").unwrap();
    assert_eq!(column_of(db, revoke), ["everything: ALL by superuser"]);
}

#[test]
fn only_a_superuser_can_grant_and_revoke_tiers() {
    let mut server = KeyedServer::start();
    server
        .db
        .batch_execute(
            "CREATE ROLE app LOGIN; CREATE ROLE mallory LOGIN CREATEDB; SELECT vetassist_grant('mallory', 'app'), vetassist_grant('mallory', 'admin');
             GRANT EXECUTE ON FUNCTION vetassist_grant(regrole, text), vetassist_revoke(regrole), vetassist_tier_privileges(), vetassist_granted() TO mallory",
        )
        .unwrap();
    let before = rights(&mut server.db);
    let mut mallory = server.connect_as("mallory");
    for call in [
        "vetassist_grant('app', 'app')",
        "vetassist_grant('mallory', 'auditor')",
        "vetassist_revoke('mallory')",
    ] {
        let error = mallory.simple_query(&format!("SELECT {call}"));
        // A GRANT that grants nothing is a warning, not an error.
        if let Err(error) = error {
            assert_eq!(sqlstate(&error), "42501", "{call}");
        }
        assert_eq!(rights(&mut server.db), before, "{call}");
    }
}
