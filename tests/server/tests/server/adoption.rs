//! Tests the installation in a database where a backend's own migration made the tables.

mod former_owner;
mod runbook;

use postgres::Client;
use vetassist_server_tests::{column_of, empty_database, sqlstate, KeyedServer};

/// The tables as a backend's own migration writes them, which is not how `sql/` writes them.
const MIGRATION: &str = "
    CREATE TABLE vetassist_users (
        id UUID PRIMARY KEY DEFAULT gen_random_uuid(), va_icn VARCHAR(50) UNIQUE, va_veteran_status VARCHAR(20),
        email VARCHAR(255), first_name VARCHAR(100), last_name VARCHAR(100), is_active BOOLEAN DEFAULT TRUE,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT NOW(), updated_at TIMESTAMP WITH TIME ZONE DEFAULT NOW(),
        last_login_at TIMESTAMP WITH TIME ZONE);
    CREATE TABLE vetassist_va_tokens (
        id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
        user_id UUID NOT NULL REFERENCES vetassist_users(id) ON DELETE CASCADE,
        access_token_encrypted BYTEA NOT NULL, refresh_token_encrypted BYTEA,
        token_type VARCHAR(20) DEFAULT 'Bearer', scope VARCHAR(500),
        expires_at TIMESTAMP WITH TIME ZONE NOT NULL, created_at TIMESTAMP WITH TIME ZONE DEFAULT NOW(),
        refreshed_at TIMESTAMP WITH TIME ZONE, UNIQUE(user_id));
    CREATE TABLE vetassist_sessions (
        id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
        user_id UUID NOT NULL REFERENCES vetassist_users(id) ON DELETE CASCADE,
        jwt_id VARCHAR(64) UNIQUE NOT NULL, device_info JSONB, created_at TIMESTAMP WITH TIME ZONE DEFAULT NOW(),
        expires_at TIMESTAMP WITH TIME ZONE NOT NULL, revoked_at TIMESTAMP WITH TIME ZONE);
    CREATE INDEX idx_vetassist_sessions_user ON vetassist_sessions(user_id);
    CREATE INDEX idx_vetassist_sessions_jwt ON vetassist_sessions(jwt_id);
    CREATE INDEX idx_vetassist_sessions_expires ON vetassist_sessions(expires_at) WHERE revoked_at IS NULL;
    CREATE TABLE vetassist_auth_audit (
        id BIGSERIAL PRIMARY KEY, user_id UUID REFERENCES vetassist_users(id), event_type VARCHAR(50) NOT NULL,
        event_data JSONB, ip_hash VARCHAR(64), created_at TIMESTAMP WITH TIME ZONE DEFAULT NOW());
    CREATE INDEX idx_vetassist_audit_user ON vetassist_auth_audit(user_id);
    CREATE INDEX idx_vetassist_audit_type ON vetassist_auth_audit(event_type);
    CREATE INDEX idx_vetassist_audit_created ON vetassist_auth_audit(created_at);
    COMMENT ON TABLE vetassist_users IS 'VetAssist user accounts linked to VA identity';
    COMMENT ON TABLE vetassist_va_tokens IS 'Encrypted VA OAuth tokens - access and refresh';
    COMMENT ON TABLE vetassist_sessions IS 'Active VetAssist sessions for JWT management';
    COMMENT ON TABLE vetassist_auth_audit IS 'Security audit log for authentication events';
    COMMENT ON COLUMN vetassist_va_tokens.access_token_encrypted IS 'AES-256-GCM encrypted, nonce prepended';
    COMMENT ON COLUMN vetassist_sessions.jwt_id IS 'Maps to JWT jti claim for revocation';
    INSERT INTO vetassist_users (va_icn) SELECT 'ICN' || n FROM generate_series(1, 100) AS n;
    INSERT INTO vetassist_va_tokens (user_id, access_token_encrypted, expires_at)
        SELECT id, '\\x00'::bytea || decode(repeat('00', 40), 'hex'), now() FROM vetassist_users;
    INSERT INTO vetassist_sessions (user_id, jwt_id, expires_at) SELECT id, va_icn, now() FROM vetassist_users;
    INSERT INTO vetassist_auth_audit (user_id, event_type) SELECT id, 'login' FROM vetassist_users;";

const KEYED_WITH_TRIGGER: &str = "
    CREATE TABLE vetassist_keyed_ip_hashes (ip_hash varchar(64) PRIMARY KEY);
    COMMENT ON TABLE vetassist_keyed_ip_hashes IS 'Address hashes that are keyed, of those that vetassist_auth_audit and vetassist_sessions hold';
    CREATE TRIGGER spy BEFORE INSERT ON vetassist_keyed_ip_hashes FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()";

const KEYED_WITH_COLUMN: &str = "
    CREATE TABLE vetassist_keyed_ip_hashes (ip_hash varchar(64) PRIMARY KEY, note text);
    COMMENT ON TABLE vetassist_keyed_ip_hashes IS 'Address hashes that are keyed, of those that vetassist_auth_audit and vetassist_sessions hold'";

fn snapshot(db: &mut Client) -> String {
    db.query_one(
        "SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM (
             SELECT u::text FROM vetassist_users u UNION ALL SELECT v::text FROM vetassist_va_tokens v
             UNION ALL SELECT s::text FROM vetassist_sessions s UNION ALL SELECT a::text FROM vetassist_auth_audit a
             WHERE event_type <> 'ip_hashes_upgraded') AS t",
        &[],
    )
    .unwrap()
    .get(0)
}

/// Returns the catalog's rows of every relation with vetassist in its name.
fn catalog(db: &mut Client) -> Vec<String> {
    db.query(
        "SELECT format('%s %s %s %s', c.oid, c.relname, c.relowner, c.relacl) FROM pg_class c
         WHERE c.relname LIKE '%vetassist%' ORDER BY 1",
        &[],
    )
    .unwrap()
    .iter()
    .map(|row| row.get(0))
    .collect()
}

#[test]
fn matching_tables_are_adopted_with_their_data() {
    let mut db = empty_database();
    db.batch_execute(MIGRATION).unwrap();
    let before = snapshot(&mut db);
    db.batch_execute("CREATE EXTENSION vetassist").unwrap();
    assert_eq!(snapshot(&mut db), before);
    assert!(db.query("SELECT * FROM vetassist_check_schema()", &[]).unwrap().is_empty());
    let members: Vec<String> = db
        .query(
            "SELECT c.relname::text FROM pg_depend d JOIN pg_class c ON c.oid = d.objid
             WHERE d.classid = 'pg_class'::regclass AND d.deptype = 'e'
               AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'vetassist')
               AND c.relname IN ('vetassist_users', 'vetassist_va_tokens', 'vetassist_sessions',
                                 'vetassist_auth_audit', 'vetassist_auth_audit_id_seq') ORDER BY 1",
            &[],
        )
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(members.len(), 5, "{members:?}");
    let next: i64 =
        db.query_one("SELECT nextval('vetassist_auth_audit_id_seq')", &[]).unwrap().get(0);
    assert_eq!(next, 101);
    // The extension configures the same tables for the dump, whether it adopted or created them.
    let row = db
        .query_one(
            "SELECT cardinality(extconfig) FROM pg_extension WHERE extname = 'vetassist'",
            &[],
        )
        .unwrap();
    assert!(row.get::<_, i32>(0) >= 5);
}

#[test]
fn adopted_data_survives_a_dump() {
    let mut server = KeyedServer::start();
    server.db.batch_execute("DROP EXTENSION vetassist CASCADE").unwrap();
    server.db.batch_execute(MIGRATION).unwrap();
    server.db.batch_execute("CREATE EXTENSION vetassist").unwrap();
    let before = snapshot(&mut server.db);
    let mut restored = server.dump_and_restore();
    assert_eq!(snapshot(&mut restored), before);
}

#[test]
#[ignore = "takes seconds"]
fn every_difference_is_named_and_nothing_changes() {
    let differences = [
        ("ALTER TABLE vetassist_users OWNER TO other", "vetassist_users: owner, expected postgres, found other"),
        ("ALTER TABLE vetassist_auth_audit OWNER TO other", "vetassist_auth_audit_id_seq: owner"),
        ("DROP TABLE vetassist_auth_audit", "vetassist_auth_audit: missing"),
        ("ALTER TABLE vetassist_users ADD note text", "vetassist_users.note: extra"),
        ("ALTER TABLE vetassist_users DROP email", "vetassist_users.email: missing"),
        ("ALTER TABLE vetassist_users ALTER email TYPE varchar(100)", "vetassist_users.email: type, expected character varying(255), found character varying(100)"),
        ("ALTER TABLE vetassist_users ALTER created_at TYPE timestamp", "vetassist_users.created_at: type"),
        ("ALTER TABLE vetassist_users ALTER created_at DROP DEFAULT", "vetassist_users.created_at: default"),
        ("ALTER TABLE vetassist_users ALTER va_icn SET NOT NULL", "vetassist_users.va_icn: not null"),
        ("ALTER TABLE vetassist_users DROP CONSTRAINT vetassist_users_va_icn_key", "vetassist_users UNIQUE (va_icn): missing"),
        ("DROP INDEX idx_vetassist_audit_type", "idx_vetassist_audit_type: missing"),
        ("ALTER INDEX idx_vetassist_audit_type RENAME TO audit_type", "audit_type: extra"),
        ("DROP INDEX idx_vetassist_audit_type; CREATE INDEX idx_vetassist_audit_type ON vetassist_auth_audit (event_type, id)", "idx_vetassist_audit_type: definition"),
        ("COMMENT ON COLUMN vetassist_sessions.jwt_id IS NULL", "vetassist_sessions.jwt_id: comment"),
        ("CREATE TRIGGER spy BEFORE INSERT ON vetassist_va_tokens FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()", "vetassist_va_tokens trigger spy: extra"),
        ("CREATE RULE spy AS ON INSERT TO vetassist_va_tokens DO ALSO NOTHING", "vetassist_va_tokens rule spy: extra"),
        ("CREATE POLICY spy ON vetassist_users USING (true)", "vetassist_users policy spy: extra"),
        ("ALTER TABLE vetassist_users ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY", "vetassist_users: row security, found forced"),
        ("ALTER TABLE vetassist_auth_audit DROP CONSTRAINT vetassist_auth_audit_user_id_fkey, ADD FOREIGN KEY (user_id) REFERENCES vetassist_users (id) ON DELETE SET NULL", "vetassist_auth_audit FOREIGN KEY (user_id): on delete, expected NO ACTION, found SET NULL"),
        ("ALTER TABLE vetassist_auth_audit DROP CONSTRAINT vetassist_auth_audit_user_id_fkey, ADD FOREIGN KEY (user_id) REFERENCES vetassist_users (id) NOT VALID", "vetassist_auth_audit FOREIGN KEY (user_id): valid"),
        ("ALTER TABLE vetassist_sessions SET UNLOGGED", "vetassist_sessions: persistence"),
        ("DROP TABLE vetassist_sessions; CREATE VIEW vetassist_sessions AS SELECT 1 AS id", "vetassist_sessions: kind, expected table, found view"),
        ("ALTER TABLE vetassist_auth_audit ALTER id DROP DEFAULT; DROP SEQUENCE vetassist_auth_audit_id_seq; ALTER TABLE vetassist_auth_audit ALTER id ADD GENERATED ALWAYS AS IDENTITY", "vetassist_auth_audit.id: identity"),
        // Objects that refer to a table, or run when a row is written.
        ("CREATE STATISTICS spy ON (lower(email)), va_icn FROM vetassist_users", "vetassist_users statistics spy: extra"),
        ("CREATE INDEX spy ON vetassist_users (lower(email))", "spy: extra"),
        ("ALTER TABLE vetassist_users ADD CONSTRAINT spy CHECK (length(email) > 3)", "vetassist_users CHECK ((length((email)::text) > 3)): extra"),
        ("ALTER TABLE vetassist_users ADD CONSTRAINT spy EXCLUDE (email WITH =)", "vetassist_users EXCLUDE USING btree (email WITH =): extra"),
        ("CREATE DOMAIN spy AS varchar(255) CHECK (length(value) > 3); ALTER TABLE vetassist_users ALTER email TYPE spy", "vetassist_users.email: type"),
        ("CREATE FUNCTION spy() RETURNS timestamptz LANGUAGE sql AS 'SELECT now()'; ALTER TABLE vetassist_users ALTER created_at SET DEFAULT spy()", "vetassist_users.created_at: default, expected now(), found public.spy()"),
        ("ALTER TABLE vetassist_sessions DROP device_info, ADD device_info jsonb GENERATED ALWAYS AS ('{}') STORED", "vetassist_sessions.device_info: generated"),
        ("ALTER TABLE vetassist_users ALTER email TYPE varchar(255) COLLATE \"C\"", "vetassist_users.email: collation, found C"),
        ("CREATE TABLE spy (); ALTER TABLE vetassist_users INHERIT spy", "vetassist_users: inherits from, found spy"),
        ("CREATE TABLE spy () INHERITS (vetassist_users); CREATE TABLE spy2 () INHERITS (vetassist_users)", "vetassist_users: inherited by, found spy, spy2"),
        ("CREATE FUNCTION spy(vetassist_users) RETURNS text LANGUAGE sql AS 'SELECT NULL::text'; CREATE CAST (vetassist_users AS text) WITH FUNCTION spy(vetassist_users)", "vetassist_users cast as text: extra"),
        ("CREATE TYPE spy AS (id uuid); CREATE FUNCTION spy(spy) RETURNS uuid LANGUAGE sql AS 'SELECT ($1).id';
          CREATE CAST (spy AS uuid) WITH FUNCTION spy(spy) AS IMPLICIT; CREATE TABLE claims (user_id spy REFERENCES vetassist_users)",
         "vetassist_users: referenced by way of a cast, found claims"),
        ("CREATE TABLE claims (user_id uuid REFERENCES vetassist_users)", "vetassist_users: referenced by, found public.claims"),
        ("ALTER TABLE vetassist_sessions DISABLE TRIGGER ALL", "vetassist_sessions FOREIGN KEY (user_id): enforced, found false"),
        ("ALTER TABLE vetassist_users SET (fillfactor = 50)", "vetassist_users: options, found fillfactor=50"),
        ("ALTER TABLE vetassist_users REPLICA IDENTITY FULL", "vetassist_users: replica identity, found full"),
        ("ALTER SEQUENCE vetassist_auth_audit_id_seq MAXVALUE 200", "vetassist_auth_audit_id_seq: maximum, expected 9223372036854775807, found 200"),
        ("ALTER SEQUENCE vetassist_auth_audit_id_seq MINVALUE -5", "vetassist_auth_audit_id_seq: minimum"),
        ("ALTER SEQUENCE vetassist_auth_audit_id_seq CYCLE", "vetassist_auth_audit_id_seq: cycle"),
        ("ALTER SEQUENCE vetassist_auth_audit_id_seq CACHE 9", "vetassist_auth_audit_id_seq: cache, expected 1, found 9"),
        ("ALTER SEQUENCE vetassist_auth_audit_id_seq INCREMENT 2", "vetassist_auth_audit_id_seq: increment"),
        ("ALTER SEQUENCE vetassist_auth_audit_id_seq SET UNLOGGED", "vetassist_auth_audit_id_seq: persistence"),
        ("ALTER SEQUENCE vetassist_auth_audit_id_seq OWNED BY NONE", "vetassist_auth_audit.id: default"),
        // Tables of vetassist beyond the four, left by an earlier installation.
        (KEYED_WITH_TRIGGER, "vetassist_keyed_ip_hashes trigger spy: extra"),
        (KEYED_WITH_COLUMN, "vetassist_keyed_ip_hashes.note: extra"),
        ("CREATE VIEW vetassist_keyed_ip_hashes AS SELECT ''::varchar(64) AS ip_hash", "vetassist_keyed_ip_hashes: kind, expected table, found view"),
        ("DROP TABLE vetassist_auth_audit, vetassist_sessions, vetassist_va_tokens, vetassist_users CASCADE; CREATE TABLE vetassist_users ()", "vetassist_users.id: missing"),
    ];
    for (change, named) in differences {
        let mut db = empty_database();
        db.batch_execute(MIGRATION).unwrap();
        db.batch_execute("DO $$ BEGIN CREATE ROLE other; EXCEPTION WHEN duplicate_object OR unique_violation THEN END $$")
            .unwrap();
        db.batch_execute(change).unwrap();
        let before = catalog(&mut db);
        let error = db.batch_execute("CREATE EXTENSION vetassist").unwrap_err();
        assert_eq!(sqlstate(&error), "55000", "{change}: {error:?}");
        let error = error.as_db_error().unwrap();
        let detail = error.detail().unwrap();
        assert!(detail.lines().any(|line| line.starts_with(named)), "{change}: {detail}");
        assert!(error.hint().is_some());
        assert_eq!(catalog(&mut db), before, "{change}");
        let functions: i64 = db
            .query_one("SELECT count(*) FROM pg_proc WHERE proname LIKE 'vetassist%'", &[])
            .unwrap()
            .get(0);
        assert_eq!(functions, 0, "{change}");
    }
}

#[test]
fn detached_tables_keep_their_data_and_are_adopted_again() {
    let mut db = empty_database();
    db.batch_execute("CREATE EXTENSION vetassist; SET vetassist.ip_hash = keyed").unwrap();
    db.batch_execute(
        "SELECT vetassist_login('ICN1', 'access', now(), 'jti', now(), ip => '203.0.113.7');
         SELECT vetassist_log_event('x', NULL, NULL, '203.0.113.7');",
    )
    .unwrap();
    let before = snapshot(&mut db);
    db.batch_execute("SELECT vetassist_detach(); DROP EXTENSION vetassist").unwrap();
    assert_eq!(snapshot(&mut db), before);
    db.batch_execute("CREATE EXTENSION vetassist").unwrap();
    assert_eq!(snapshot(&mut db), before);
    assert!(db.query("SELECT * FROM vetassist_check_schema()", &[]).unwrap().is_empty());
    assert!(db.batch_execute("DELETE FROM vetassist_auth_audit").is_err());
    // Keyed hashes are still recorded as keyed.
    db.batch_execute("CALL vetassist_upgrade_ip_hashes()").unwrap();
    assert_eq!(snapshot(&mut db), before);
    let token: String =
        db.query_one("SELECT vetassist_access_token(id) FROM vetassist_users", &[]).unwrap().get(0);
    assert_eq!(token, "access");
    let found: i64 =
        db.query_one("SELECT count(*) FROM vetassist_check_dump()", &[]).unwrap().get(0);
    assert_eq!(found, 0);
}

#[test]
fn all_differences_are_named_in_one_error() {
    let mut db = empty_database();
    db.batch_execute(MIGRATION).unwrap();
    db.batch_execute(
        "ALTER TABLE vetassist_users DROP email; DROP INDEX idx_vetassist_audit_user;
         COMMENT ON TABLE vetassist_sessions IS 'x';",
    )
    .unwrap();
    let error = db.batch_execute("CREATE EXTENSION vetassist").unwrap_err();
    let detail = error.as_db_error().unwrap().detail().unwrap().to_owned();
    assert_eq!(detail.lines().count(), 3, "{detail}");
}

#[test]
fn a_table_of_another_extension_is_not_adopted() {
    let mut db = empty_database();
    db.batch_execute(MIGRATION).unwrap();
    db.batch_execute("ALTER EXTENSION plpgsql ADD TABLE vetassist_users").unwrap();
    let error = db.batch_execute("CREATE EXTENSION vetassist").unwrap_err();
    assert_eq!(sqlstate(&error), "55000");
    let detail = error.as_db_error().unwrap().detail().unwrap();
    assert_eq!(detail, "vetassist_users: belongs to extension plpgsql");
}

#[test]
fn functions_in_the_schema_do_not_replace_those_of_the_check() {
    // Any role with CREATE on the schema can create these before the installation.
    let mut db = empty_database();
    db.batch_execute(MIGRATION).unwrap();
    db.batch_execute("ALTER TABLE vetassist_users DROP email").unwrap();
    db.batch_execute(
        "CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT 'epoch'::timestamptz $$;
         CREATE FUNCTION public.string_agg(text, text) RETURNS text LANGUAGE sql AS $$ SELECT NULL::text $$;
         CREATE FUNCTION public.never(name, text) RETURNS boolean LANGUAGE sql AS $$ SELECT false $$;
         CREATE OPERATOR public.= (LEFTARG = name, RIGHTARG = text, FUNCTION = public.never);",
    )
    .unwrap();
    let error = db.batch_execute("CREATE EXTENSION vetassist").unwrap_err();
    assert_eq!(sqlstate(&error), "55000", "{error:?}");
}

#[test]
fn harmless_differences_do_not_prevent_adoption() {
    let mut db = empty_database();
    db.batch_execute(MIGRATION).unwrap();
    db.batch_execute(
        "ALTER TABLE vetassist_users ENABLE ROW LEVEL SECURITY;
         CREATE VIEW active AS SELECT * FROM vetassist_users WHERE is_active;
         CREATE PUBLICATION changes FOR TABLE vetassist_users;
         ALTER TABLE vetassist_users ALTER va_icn SET STATISTICS 500;
         ALTER TABLE vetassist_users RENAME CONSTRAINT vetassist_users_va_icn_key TO one_icn;",
    )
    .unwrap();
    let before = snapshot(&mut db);
    db.batch_execute("CREATE EXTENSION vetassist").unwrap();
    assert_eq!(snapshot(&mut db), before);
    assert_eq!(column_of(&mut db, DIFFERENCES), [""; 0]);
    // Row security without policies hides no row from the extension.
    db.batch_execute("SELECT vetassist_login('ICN1', 'access', now(), 'jti', now())").unwrap();
    assert_eq!(column_of(&mut db, "SELECT count(*)::text FROM active"), ["100"]);
}

const DIFFERENCES: &str = "SELECT object || ': ' || problem FROM vetassist_check_schema()";
