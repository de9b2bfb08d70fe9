//! Tests the plain file in databases of managed PostgreSQL, where the administrator is no superuser.

use postgres::Client;
use vetassist_server_tests::{
    audit_log::{assert_intact, connection, seal},
    column_of, empty_database, plain_sql, sqlstate,
};

/// Statements with which a provider creates its administrator, `host_admin`, and the default privileges of its databases.
const HOSTS: [(&str, &str); 5] = [
    ("RDS", "CREATE ROLE rds_superuser; GRANT pg_monitor, pg_signal_backend TO rds_superuser WITH ADMIN OPTION;
             CREATE ROLE host_admin LOGIN CREATEDB CREATEROLE; GRANT rds_superuser TO host_admin"),
    ("Cloud SQL", "CREATE ROLE cloudsqlsuperuser CREATEDB CREATEROLE; GRANT pg_monitor TO cloudsqlsuperuser;
                   CREATE ROLE host_admin LOGIN CREATEDB CREATEROLE; GRANT cloudsqlsuperuser TO host_admin"),
    ("Azure", "CREATE ROLE azure_pg_admin; GRANT pg_monitor TO azure_pg_admin WITH ADMIN OPTION;
               CREATE ROLE host_admin LOGIN CREATEDB CREATEROLE BYPASSRLS; GRANT azure_pg_admin TO host_admin WITH ADMIN OPTION"),
    ("Neon", "CREATE ROLE neon_superuser CREATEDB CREATEROLE BYPASSRLS; GRANT pg_read_all_data, pg_write_all_data TO neon_superuser;
              CREATE ROLE host_admin LOGIN CREATEDB CREATEROLE BYPASSRLS; GRANT neon_superuser TO host_admin"),
    ("Supabase", "CREATE ROLE host_admin LOGIN CREATEDB CREATEROLE; GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role;
                  ALTER DEFAULT PRIVILEGES FOR ROLE host_admin IN SCHEMA public GRANT ALL ON TABLES TO anon, authenticated, service_role;
                  ALTER DEFAULT PRIVILEGES FOR ROLE host_admin IN SCHEMA public GRANT ALL ON FUNCTIONS TO anon, authenticated, service_role;
                  ALTER DEFAULT PRIVILEGES FOR ROLE host_admin IN SCHEMA public GRANT ALL ON SEQUENCES TO anon, authenticated, service_role"),
];

/// Selects privileges of roles other than the owner on the objects of vetassist.
const GRANTED: &str = "
    SELECT format('%s %s', o.object, a.grantee::regrole)
    FROM (SELECT oid::regclass::text, relacl, relowner FROM pg_class WHERE relname LIKE 'vetassist%'
          UNION ALL SELECT oid::regprocedure::text, coalesce(proacl, acldefault('f', proowner)), proowner FROM pg_proc
          WHERE proname LIKE 'vetassist%') AS o (object, acl, owner), aclexplode(o.acl) AS a
    WHERE a.grantee <> o.owner";

/// Selects functions that use the caller's search_path.
const BARE: &str = "
    SELECT proname::text FROM pg_proc WHERE proname LIKE 'vetassist%'
    AND NOT EXISTS (SELECT FROM unnest(proconfig) AS c WHERE c LIKE 'search_path=%') ORDER BY 1";

/// The calls of a sign-in, its use and an erasure, by a role with the tier `app`.
const LIFE: &str = "
    SELECT vetassist_login_sealed('00000000-0000-0000-0000-000000000001', 'ICN', decode(repeat('01ff', 30), 'hex'), now(), 'jti', now() + '1 h',
                                  decode(repeat('02ff', 30), 'hex'), ip_hash => repeat('ab', 32));
    SELECT vetassist_session_active('jti'), vetassist_use_token_sealed('00000000-0000-0000-0000-000000000001');
    SELECT vetassist_erase_user('00000000-0000-0000-0000-000000000001')";

#[test]
#[ignore = "takes seconds"]
fn an_administrator_who_is_no_superuser_installs_grants_and_seals() {
    for (host, made) in HOSTS {
        // Supabase exposes the schema public. It is tested there, and in a schema that is not exposed.
        let schemas = if host == "Supabase" { &["public", "vetassist"][..] } else { &["public"] };
        for schema in schemas.iter().copied() {
            let mut superuser = empty_database();
            let name = column_of(&mut superuser, "SELECT current_database()::text").remove(0);
            superuser.batch_execute(&format!("CREATE ROLE anon; CREATE ROLE authenticated; CREATE ROLE service_role; {made}; ALTER DATABASE {name} OWNER TO host_admin; GRANT CREATE ON SCHEMA public TO host_admin")).unwrap();
            let address = connection(&mut superuser);
            let connect = |role: &str| {
                let mut db = Client::connect(
                    &address.replace("user=postgres", &format!("user={role}")),
                    postgres::NoTls,
                )
                .unwrap();
                db.batch_execute(&format!("SET search_path = {schema}")).unwrap();
                db
            };
            let mut admin = connect("host_admin");
            admin
                .batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS {schema}; {}", plain_sql()))
                .unwrap();
            assert_eq!(column_of(&mut superuser, GRANTED), [""; 0], "{host}");
            assert_eq!(
                column_of(&mut superuser, BARE),
                ["vetassist_seal_audit", "vetassist_sign_everybody_out"],
                "{host}"
            );
            admin
                .batch_execute(
                    "CREATE ROLE host_app LOGIN; SELECT vetassist_grant('host_app', 'app')",
                )
                .unwrap();
            connect("host_app").batch_execute(LIFE).unwrap();
            for role in ["anon", "authenticated", "service_role"] {
                superuser.batch_execute(&format!("SET ROLE {role}")).unwrap();
                let error = superuser
                    .batch_execute(&format!("SELECT * FROM {schema}.vetassist_users"))
                    .unwrap_err();
                assert_eq!(sqlstate(&error), "42501", "{host}: {role}");
                superuser.batch_execute("RESET ROLE").unwrap();
            }
            seal(&mut admin);
            admin.batch_execute(&plain_sql()).unwrap();
            assert_eq!(column_of(&mut superuser, BARE).len(), 2);
            let checks = "SELECT concat_ws(' ', severity, subject, message) FROM vetassist_check() WHERE subject NOT LIKE 'schema %' ORDER BY 1";
            assert_eq!(column_of(&mut admin, checks), [""; 0], "{host}");
            admin.batch_execute("GRANT SELECT ON vetassist_users TO anon; ALTER TABLE vetassist_auth_audit DISABLE TRIGGER vetassist_auth_audit_append_only").unwrap();
            if schema != "public" {
                admin.batch_execute("GRANT CREATE ON SCHEMA vetassist TO anon").unwrap();
            }
            let found = column_of(&mut admin, &checks.replace("schema %", "schema public"));
            let object = format!("{schema}.vetassist_users");
            assert_eq!(found, [
                "error vetassist_auth_audit lacks its trigger vetassist_auth_audit_append_only, or it does not always fire".to_owned(),
                format!("warning role anon has SELECT on TABLE {object}, which none of its tiers grants"),
            ].into_iter().chain((schema != "public").then(|| "warning schema vetassist role anon may create objects in it".into())).collect::<Vec<_>>(), "{host}");
            admin.batch_execute("REVOKE SELECT ON vetassist_users FROM anon; ALTER TABLE vetassist_auth_audit ENABLE ALWAYS TRIGGER vetassist_auth_audit_append_only").unwrap();
            if schema == "public" {
                assert_intact(&mut superuser, None);
            }
            drop(admin);
            superuser.batch_execute(&format!("ALTER DATABASE {name} OWNER TO postgres")).unwrap();
            for role in column_of(&mut superuser, "SELECT rolname::text FROM pg_roles WHERE rolname ~ '^(host_|rds_|cloudsql|azure_|neon_|anon|authenticated|service_role)'") {
                superuser.batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).unwrap();
            }
        }
    }
}
