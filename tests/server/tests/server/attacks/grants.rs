//! Tests that a role has the privileges of its tiers: none by default, and none after they were revoked.

use postgres::Client;
use vetassist_server_tests::{column_of, plain_sql};

use super::{assert_same, Victim, MALLORY, TIERS};

/// All rights on what belongs to the extension, but for the owners' own: who has what, on what, and whether he may
/// pass it on.
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

/// Default privileges of a database, granted by the superuser who installs.
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

/// The same for what the role that owns the extension's tables makes, if there is one already.
const OF_THE_OWNER: &str = "
    CREATE ROLE vetassist_owner;
    ALTER DEFAULT PRIVILEGES FOR ROLE vetassist_owner GRANT ALL ON TABLES TO reporting;
    ALTER DEFAULT PRIVILEGES FOR ROLE vetassist_owner GRANT ALL ON FUNCTIONS TO reporting;
    ALTER DEFAULT PRIVILEGES FOR ROLE vetassist_owner GRANT ALL ON SEQUENCES TO reporting";

#[test]
fn nothing_is_granted_by_default() {
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
fn adopted_tables_keep_what_the_adopted_role_had_and_no_more() {
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
    // A dump reads all of ours; an insert takes the next id.
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
    // Until it is revoked, which leaves nothing.
    victim.must("postgres", "SELECT vetassist_revoke('backend')");
    assert_same(&rights(&mut victim.db), &expected, "after revoking");
}

#[test]
fn what_is_left_by_membership_or_public_is_returned() {
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
fn nobody_grants_a_tier_who_may_not() {
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
fn each_tier_may_what_it_says_and_no_more() {
    let victim = Victim::installed(&[]);
    victim.must(
        "postgres",
        "CREATE ROLE monitor LOGIN; SELECT vetassist_grant('monitor', 'monitor')",
    );
    // Each of these would open a token, read a table or change what is not the tier's.
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
