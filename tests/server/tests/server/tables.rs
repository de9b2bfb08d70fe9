//! Tests the four tables: their columns, and their dump.

use vetassist_server_tests::{database, KeyedServer};

#[test]
fn a_fresh_installation_matches_the_description() {
    let mut db = database();
    assert!(db.query("SELECT * FROM vetassist_check_schema()", &[]).unwrap().is_empty());
    assert_eq!(
        db.query_one("SELECT vetassist_version()", &[]).unwrap().get::<_, &str>(0),
        env!("CARGO_PKG_VERSION")
    );
}

/// `information_schema` is independent of the core's description.
#[test]
fn the_columns_are_those_of_the_contract() {
    let mut db = database();
    let rows = db
        .query(
            "SELECT format('%s.%s %s%s%s%s', table_name, column_name, udt_name,
                           '(' || character_maximum_length || ')',
                           CASE is_nullable WHEN 'NO' THEN ' not null' END,
                           ' default ' || column_default)
             FROM information_schema.columns
             WHERE table_name IN ('vetassist_users', 'vetassist_va_tokens', 'vetassist_sessions', 'vetassist_auth_audit')
             ORDER BY table_name, ordinal_position",
            &[],
        )
        .unwrap();
    let found: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let expected = "\
        vetassist_auth_audit.id int8 not null default nextval('vetassist_auth_audit_id_seq'::regclass)
        vetassist_auth_audit.user_id uuid
        vetassist_auth_audit.event_type varchar(50) not null
        vetassist_auth_audit.event_data jsonb
        vetassist_auth_audit.ip_hash varchar(64)
        vetassist_auth_audit.created_at timestamptz default now()
        vetassist_sessions.id uuid not null default gen_random_uuid()
        vetassist_sessions.user_id uuid not null
        vetassist_sessions.jwt_id varchar(64) not null
        vetassist_sessions.device_info jsonb
        vetassist_sessions.created_at timestamptz default now()
        vetassist_sessions.expires_at timestamptz not null
        vetassist_sessions.revoked_at timestamptz
        vetassist_users.id uuid not null default gen_random_uuid()
        vetassist_users.va_icn varchar(50)
        vetassist_users.va_veteran_status varchar(20)
        vetassist_users.email varchar(255)
        vetassist_users.first_name varchar(100)
        vetassist_users.last_name varchar(100)
        vetassist_users.is_active bool default true
        vetassist_users.created_at timestamptz default now()
        vetassist_users.updated_at timestamptz default now()
        vetassist_users.last_login_at timestamptz
        vetassist_va_tokens.id uuid not null default gen_random_uuid()
        vetassist_va_tokens.user_id uuid not null
        vetassist_va_tokens.access_token_encrypted bytea not null
        vetassist_va_tokens.refresh_token_encrypted bytea
        vetassist_va_tokens.token_type varchar(20) default 'Bearer'::character varying
        vetassist_va_tokens.scope varchar(500)
        vetassist_va_tokens.expires_at timestamptz not null
        vetassist_va_tokens.created_at timestamptz default now()
        vetassist_va_tokens.refreshed_at timestamptz";
    assert_eq!(found, expected.lines().map(str::trim).collect::<Vec<_>>());
}

#[test]
fn the_extension_is_created_in_the_given_schema() {
    let mut db = vetassist_server_tests::empty_database();
    db.batch_execute(r#"CREATE SCHEMA "Vet Data"; CREATE EXTENSION vetassist SCHEMA "Vet Data""#)
        .unwrap();
    let row = db
        .query_one(
            "SELECT count(*) FROM pg_class
             WHERE relname LIKE 'vetassist%' AND relkind = 'r' AND relnamespace = '\"Vet Data\"'::regnamespace",
            &[],
        )
        .unwrap();
    assert!(row.get::<_, i64>(0) >= 4);
    assert!(db
        .query(r#"SELECT * FROM "Vet Data".vetassist_check_schema()"#, &[])
        .unwrap()
        .is_empty());
}

#[test]
fn a_dump_keeps_the_data_and_the_next_id() {
    let mut server = KeyedServer::start();
    server
        .db
        .batch_execute(
            "INSERT INTO vetassist_users (va_icn) VALUES ('1012667145V762142');
             INSERT INTO vetassist_va_tokens (user_id, access_token_encrypted, expires_at)
                 SELECT id, vetassist_encrypt_token('a token', id), now() FROM vetassist_users;
             INSERT INTO vetassist_sessions (user_id, jwt_id, expires_at)
                 SELECT id, 'jti', now() FROM vetassist_users;
             INSERT INTO vetassist_auth_audit (user_id, event_type)
                 SELECT id, 'login' FROM vetassist_users, generate_series(1, 41);",
        )
        .unwrap();
    let mut restored = server.dump_and_restore();
    let row = restored
        .query_one(
            "SELECT vetassist_decrypt_token(access_token_encrypted, user_id),
                    (SELECT count(*) FROM vetassist_sessions), (SELECT count(*) FROM vetassist_auth_audit),
                    nextval('vetassist_auth_audit_id_seq')
             FROM vetassist_va_tokens",
            &[],
        )
        .unwrap();
    assert_eq!(row.get::<_, &str>(0), "a token");
    assert_eq!(row.get::<_, i64>(1), 1);
    assert_eq!(row.get::<_, i64>(2), 41);
    assert_eq!(row.get::<_, i64>(3), 42);
    assert!(restored.query("SELECT * FROM vetassist_check_schema()", &[]).unwrap().is_empty());
}
