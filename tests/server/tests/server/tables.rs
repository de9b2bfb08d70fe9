//! The four tables, as the contract has them, and what a dump keeps of them.

use vetassist_server_tests::{database, KeyedServer};

#[test]
fn a_fresh_installation_matches() {
    let mut db = database();
    assert!(db.query("SELECT * FROM vetassist_check_schema()", &[]).unwrap().is_empty());
    assert_eq!(
        db.query_one("SELECT vetassist_version()", &[]).unwrap().get::<_, &str>(0),
        env!("CARGO_PKG_VERSION")
    );
}

/// Columns as `information_schema` shows them: a second pair of eyes on what the core describes.
#[test]
fn the_columns_are_the_contracts() {
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
fn the_extension_goes_where_it_is_told() {
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
fn each_drift_is_named() {
    let drifts = [
        ("ALTER TABLE vetassist_users ADD nickname text", "vetassist_users.nickname", "extra"),
        ("ALTER TABLE vetassist_sessions DROP device_info", "vetassist_sessions.device_info", "missing"),
        ("ALTER TABLE vetassist_users ALTER email TYPE varchar(254)", "vetassist_users.email", "type"),
        ("ALTER TABLE vetassist_users ALTER email TYPE text", "vetassist_users.email", "type"),
        ("ALTER TABLE vetassist_users ALTER is_active SET DEFAULT false", "vetassist_users.is_active", "default"),
        ("ALTER TABLE vetassist_users ALTER is_active DROP DEFAULT", "vetassist_users.is_active", "default"),
        ("ALTER TABLE vetassist_users ALTER email SET NOT NULL", "vetassist_users.email", "not null"),
        ("ALTER TABLE vetassist_va_tokens ALTER expires_at DROP NOT NULL", "vetassist_va_tokens.expires_at", "not null"),
        ("DROP INDEX idx_vetassist_sessions_user", "idx_vetassist_sessions_user", "missing"),
        ("CREATE INDEX more ON vetassist_users (email)", "more", "extra"),
        ("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'idx_vetassist_audit_type'::regclass", "idx_vetassist_audit_type", "valid"),
        ("COMMENT ON TABLE vetassist_users IS NULL", "vetassist_users", "comment"),
        ("COMMENT ON COLUMN vetassist_sessions.jwt_id IS 'jti'", "vetassist_sessions.jwt_id", "comment"),
        ("ALTER TABLE vetassist_sessions DROP CONSTRAINT vetassist_sessions_user_id_fkey", "vetassist_sessions FOREIGN KEY (user_id)", "missing"),
        ("ALTER TABLE vetassist_sessions DROP CONSTRAINT vetassist_sessions_user_id_fkey, ADD FOREIGN KEY (user_id) REFERENCES vetassist_users (id)", "vetassist_sessions FOREIGN KEY (user_id)", "on delete"),
        ("ALTER TABLE vetassist_sessions DROP CONSTRAINT vetassist_sessions_jwt_id_key", "vetassist_sessions UNIQUE (jwt_id)", "missing"),
        ("ALTER TABLE vetassist_users ADD CHECK (email <> '')", "vetassist_users CHECK (((email)::text <> ''::text))", "extra"),
        ("ALTER TABLE vetassist_users ENABLE ROW LEVEL SECURITY", "vetassist_users", "row security"),
        ("CREATE POLICY p ON vetassist_users USING (true)", "vetassist_users policy p", "extra"),
        ("CREATE RULE r AS ON DELETE TO vetassist_users DO INSTEAD NOTHING", "vetassist_users rule r", "extra"),
        ("CREATE TRIGGER t BEFORE UPDATE ON vetassist_users FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()", "vetassist_users trigger t", "extra"),
        ("ALTER TABLE vetassist_sessions SET UNLOGGED", "vetassist_sessions", "persistence"),
        ("CREATE TABLE child () INHERITS (vetassist_sessions)", "vetassist_sessions", "inherited by"),
        ("ALTER SEQUENCE vetassist_auth_audit_id_seq AS int", "vetassist_auth_audit_id_seq", "type"),
        ("ALTER TABLE vetassist_auth_audit ALTER id DROP DEFAULT", "vetassist_auth_audit.id", "default"),
    ];
    for (drift, object, problem) in drifts {
        let mut db = database();
        db.batch_execute(drift).unwrap();
        let found: Vec<(String, String)> = db
            .query("SELECT object, problem FROM vetassist_check_schema()", &[])
            .unwrap()
            .iter()
            .map(|row| (row.get(0), row.get(1)))
            .collect();
        assert_eq!(found, [(object.to_owned(), problem.to_owned())], "{drift}");
    }
}

#[test]
fn a_renamed_column_is_one_missing_and_one_extra() {
    let mut db = database();
    db.batch_execute("ALTER TABLE vetassist_users RENAME email TO mail").unwrap();
    let found: Vec<String> = db
        .query("SELECT object || ' ' || problem FROM vetassist_check_schema() ORDER BY 1", &[])
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(found, ["vetassist_users.email missing", "vetassist_users.mail extra"]);
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
