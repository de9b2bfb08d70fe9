//! Tests that a role has the privileges of its tiers: none by default, and none after they were revoked.

use postgres::Client;
use vetassist_server_tests::{column_of, plain_sql};

use super::{assert_same, Victim, MALLORY, TIERS};

/// Returns all privileges on the extension's objects except the owners': object, privilege, role and grant option.
pub(super) fn rights(db: &mut Client) -> Vec<String> {
    column_of(
        db,
        "WITH members AS (
             SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'vetassist'
             WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'),
         acls (object, owner, acl) AS (
             SELECT pg_describe_object('pg_class'::regclass, oid, 0), relowner, relacl FROM pg_class JOIN members ON classid = 'pg_class'::regclass AND objid = oid
             UNION ALL
             SELECT pg_describe_object('pg_class'::regclass, attrelid, attnum), relowner, attacl FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
                 JOIN members ON classid = 'pg_class'::regclass AND objid = c.oid
             UNION ALL
             SELECT pg_describe_object('pg_proc'::regclass, oid, 0), proowner, coalesce(proacl, acldefault('f', proowner)) FROM pg_proc
                 JOIN members ON classid = 'pg_proc'::regclass AND objid = oid
             UNION ALL
             SELECT pg_describe_object('pg_type'::regclass, oid, 0), typowner, typacl FROM pg_type JOIN members ON classid = 'pg_type'::regclass AND objid = oid)
         SELECT format('%s: %s to %s%s', object, g.privilege_type, CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE pg_get_userbyid(g.grantee) END,
                       CASE WHEN g.is_grantable THEN ' with grant option' END)
         FROM acls, aclexplode(acl) AS g WHERE g.grantee <> owner ORDER BY 1",
    )
}

/// Default privileges of a database, which the installing superuser granted.
const DEFAULTS: &[&str] = &[
    "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO reporting",
    "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO reporting WITH GRANT OPTION; ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO reporting WITH GRANT OPTION",
    "ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO reporting WITH GRANT OPTION",
    "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC; ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO PUBLIC",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO reporting, mallory; ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON FUNCTIONS TO reporting, mallory;
     ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON SEQUENCES TO reporting, mallory",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT EXECUTE ON ROUTINES TO PUBLIC",
    "ALTER DEFAULT PRIVILEGES GRANT ALL ON TYPES TO reporting",
    "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC",
];

/// Default privileges of the role that will own the extension's tables.
const OF_THE_OWNER: &str = "
    CREATE ROLE vetassist_owner;
    ALTER DEFAULT PRIVILEGES FOR ROLE vetassist_owner GRANT ALL ON TABLES TO reporting;
    ALTER DEFAULT PRIVILEGES FOR ROLE vetassist_owner GRANT ALL ON FUNCTIONS TO reporting;
    ALTER DEFAULT PRIVILEGES FOR ROLE vetassist_owner GRANT ALL ON SEQUENCES TO reporting";

#[test]
#[ignore = "takes seconds"]
fn default_privileges_grant_nothing_before_or_after_the_installation() {
    let mut victim = Victim::installed(&[]);
    let expected = rights(&mut victim.db);
    assert!(expected.len() > 20, "{expected:?}");
    let mut defaults: Vec<&str> = DEFAULTS.to_vec();
    if victim.count("SELECT count(*) FROM pg_roles WHERE rolname = 'vetassist_owner'") == 0 {
        defaults.push(OF_THE_OWNER);
    }
    for defaults in defaults {
        for version in ["", "VERSION '0.2.0'"] {
            for early in [true, false] {
                victim.empty();
                if early {
                    victim.db.batch_execute(defaults).unwrap();
                }
                victim.db.batch_execute(&format!("CREATE EXTENSION vetassist {version}")).unwrap();
                if !early {
                    victim.db.batch_execute(defaults).unwrap();
                }
                if !version.is_empty() {
                    victim.db.batch_execute("ALTER EXTENSION vetassist UPDATE").unwrap();
                } else if !early {
                    continue;
                }
                victim.grant_tiers();
                assert_same(
                    &rights(&mut victim.db),
                    &expected,
                    &format!("{version} {early}: {defaults}"),
                );
                for attack in [
                    "SELECT * FROM vetassist_users",
                    "SELECT vetassist_access_token(gen_random_uuid())",
                    "SELECT * FROM vetassist_keyed_ip_hashes",
                    "INSERT INTO vetassist_auth_audit (event_type) VALUES ('x')",
                    "SELECT nextval('vetassist_auth_audit_id_seq')",
                ] {
                    assert_eq!(
                        victim.run("reporting", attack).expect_err(attack).state,
                        "42501",
                        "{defaults}"
                    );
                }
            }
        }
        if defaults == OF_THE_OWNER {
            victim.empty();
            victim.db.batch_execute("DROP ROLE vetassist_owner").unwrap();
        }
    }
}

#[test]
fn adoption_keeps_only_the_listed_privileges_of_the_former_owner() {
    let plain = plain_sql();
    let mut victim = Victim::installed(&[]);
    let expected = rights(&mut victim.db);
    victim.empty();
    victim.db.batch_execute("GRANT CREATE ON SCHEMA public TO backend").unwrap();
    victim.must(
        "backend",
        &format!(
            "{plain};
             GRANT ALL ON vetassist_users, vetassist_va_tokens, vetassist_sessions, vetassist_auth_audit, vetassist_keyed_ip_hashes TO reporting WITH GRANT OPTION;
             GRANT ALL ON SEQUENCE vetassist_auth_audit_id_seq TO PUBLIC; GRANT SELECT (email) ON vetassist_users TO mallory"
        ),
    );
    victim.must("reporting", "GRANT SELECT ON vetassist_users TO mallory");
    victim.must(
        "postgres",
        "LOAD 'vetassist'; SET vetassist.adopt_from = 'backend'; CREATE EXTENSION vetassist",
    );
    victim.grant_tiers();
    let found: Vec<String> =
        rights(&mut victim.db).into_iter().filter(|right| !right.contains(" to backend")).collect();
    assert_same(&found, &expected, "adopted");
    let mut kept: Vec<String> =
        rights(&mut victim.db).into_iter().filter(|right| right.contains(" to backend")).collect();
    let mut wanted: Vec<String> = ["SELECT", "INSERT", "UPDATE", "DELETE"]
        .iter()
        .flat_map(|right| {
            ["vetassist_users", "vetassist_va_tokens", "vetassist_sessions"]
                .map(|table| format!("table {table}: {right} to backend"))
        })
        .collect();
    wanted.extend(
        ["SELECT", "INSERT"].map(|right| format!("table vetassist_auth_audit: {right} to backend")),
    );
    // The role also has SELECT for dumps and USAGE on the sequence. Only these tables are compared.
    kept.retain(|right| {
        right.contains("vetassist_users")
            || right.contains("vetassist_va_tokens")
            || right.contains("vetassist_sessions")
            || right.contains("table vetassist_auth_audit:")
    });
    kept.sort();
    wanted.sort();
    assert_same(&kept, &wanted, "the adopted role");
    assert_eq!(
        victim
            .run("backend", "INSERT INTO vetassist_keyed_ip_hashes VALUES ('x')")
            .unwrap_err()
            .state,
        "42501"
    );
    victim.must("backend", "SELECT * FROM vetassist_keyed_ip_hashes");
    // vetassist_revoke takes all of them.
    victim.must("postgres", "SELECT vetassist_revoke('backend')");
    assert_same(&rights(&mut victim.db), &expected, "after revoking");
}

#[test]
fn revoking_returns_rights_through_membership_and_public() {
    let mut victim = Victim::installed(&[]);
    victim.must("postgres", "SELECT * FROM vetassist_revoke('reporting')");
    let mut remaining = |before: &str, after: &str, role: &str| {
        victim.must("postgres", before);
        let rows = victim
            .db
            .query(&format!("SELECT r::text FROM vetassist_revoke('{role}') AS r"), &[])
            .unwrap();
        victim.must("postgres", after);
        rows.iter()
            .map(|row| row.get::<_, Option<String>>(0).unwrap_or_default())
            .collect::<Vec<_>>()
    };
    let nothing = remaining("", "", "reporting");
    let by_membership =
        remaining("GRANT app TO reporting", "REVOKE app FROM reporting", "reporting");
    assert!(
        by_membership.len() > nothing.len() && by_membership.iter().any(|row| row.contains("app")),
        "{by_membership:?}"
    );
    let of_a_member =
        remaining("CREATE ROLE middle ROLE reporting IN ROLE app", "DROP ROLE middle", "reporting");
    assert!(of_a_member.len() > nothing.len(), "{of_a_member:?}");
    let by_public = remaining(
        "GRANT SELECT ON vetassist_users TO PUBLIC",
        "REVOKE SELECT ON vetassist_users FROM PUBLIC",
        "reporting",
    );
    assert!(
        by_public.len() > nothing.len()
            && by_public.iter().any(|row| row.contains("vetassist_users")),
        "{by_public:?}"
    );
}

#[test]
fn roles_without_the_right_cannot_grant_or_revoke_tiers() {
    let mut victim = Victim::installed(&[]);
    let before = rights(&mut victim.db);
    for role in ["app", "auditor", "admin", "reporting", MALLORY] {
        for tier in TIERS {
            for call in [
                format!("SELECT vetassist_grant('{role}', '{tier}')"),
                format!("SELECT vetassist_grant('mallory', '{tier}')"),
                format!("SELECT vetassist_revoke('{tier}')"),
                format!("GRANT {tier} TO mallory"),
            ] {
                let refused = victim.run(role, &call).expect_err(&call);
                assert!(
                    ["42501", "0LP01"].contains(&&*refused.state),
                    "{role}: {call}: {refused:?}"
                );
            }
        }
    }
    assert_same(&rights(&mut victim.db), &before, "after the attacks");
}

#[test]
fn no_tier_can_do_more_than_its_page_says() {
    let victim = Victim::installed(&[]);
    victim.must(
        "postgres",
        "CREATE ROLE monitor LOGIN; SELECT vetassist_grant('monitor', 'monitor')",
    );
    // Each attack would open a token, read a table or make a change beyond the tier.
    for (role, attacks) in [
        (
            "app",
            &[
                "SELECT * FROM vetassist_users",
                "SELECT * FROM vetassist_auth_audit",
                "SELECT vetassist_decrypt_token('', gen_random_uuid())",
                "SELECT vetassist_encrypt_token('', gen_random_uuid())",
                "CALL vetassist_rotate_tokens()",
                "SELECT vetassist_purge_audit('2 years')",
                "SELECT * FROM vetassist_keys()",
                "SELECT * FROM vetassist_users_masked()",
                "SELECT vetassist_upgrade_ip_hash('')",
            ][..],
        ),
        (
            "auditor",
            &[
                "SELECT * FROM vetassist_users",
                "SELECT * FROM vetassist_va_tokens",
                "SELECT vetassist_access_token(gen_random_uuid())",
                "INSERT INTO vetassist_auth_audit (event_type) VALUES ('x')",
                "SELECT vetassist_log_event('x')",
                "SELECT vetassist_purge_audit('2 years')",
                "SELECT * FROM vetassist_sessions",
                "CALL vetassist_rotate_tokens()",
            ],
        ),
        (
            "admin",
            &[
                "SELECT * FROM vetassist_users",
                "SELECT * FROM vetassist_auth_audit",
                "SELECT vetassist_access_token(gen_random_uuid())",
                "SELECT vetassist_refresh_token(gen_random_uuid())",
                "SELECT vetassist_decrypt_token('', gen_random_uuid())",
                "SELECT vetassist_log_event('x')",
                "SELECT vetassist_login('x', 'x', now(), 'x', now())",
                "SELECT vetassist_store_tokens(gen_random_uuid(), 'x', now())",
                "SELECT vetassist_reseal_token('', gen_random_uuid())",
            ],
        ),
        (
            "monitor",
            &[
                "SELECT * FROM vetassist_users",
                "SELECT * FROM vetassist_auth_audit",
                "SELECT vetassist_access_token(gen_random_uuid())",
                "SELECT vetassist_log_event('x')",
                "CALL vetassist_rotate_tokens()",
                "SELECT vetassist_reload_keys()",
                "SELECT * FROM vetassist_users_masked()",
            ],
        ),
        (
            "reporting",
            &[
                "SELECT * FROM vetassist_keys()",
                "SELECT * FROM vetassist_check_schema()",
                "SELECT vetassist_session_active('x')",
                "SELECT * FROM vetassist_rotation_status()",
            ],
        ),
    ] {
        for attack in attacks {
            assert_eq!(
                victim.run(role, attack).expect_err(attack).state,
                "42501",
                "{role}: {attack}"
            );
        }
    }
}
