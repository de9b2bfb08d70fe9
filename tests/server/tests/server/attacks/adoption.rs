//! Tests that adopted tables have no object whose code would later run with the rights of other roles.

use vetassist_server_tests::plain_sql;

use super::{trap, Refused, Victim};

/// Additions to plain tables before their adoption. `@` is a function of the attacker.
const ADDED: &[&str] = &[
    // Triggers, on each table, in each state and of each kind.
    "CREATE TRIGGER t BEFORE INSERT ON vetassist_users FOR EACH ROW EXECUTE FUNCTION fires()",
    "CREATE TRIGGER t AFTER INSERT OR UPDATE OR DELETE ON vetassist_va_tokens FOR EACH STATEMENT EXECUTE FUNCTION fires()",
    "CREATE TRIGGER t AFTER INSERT ON vetassist_sessions REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION fires()",
    "CREATE CONSTRAINT TRIGGER t AFTER INSERT ON vetassist_auth_audit DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fires()",
    "CREATE TRIGGER t BEFORE INSERT ON vetassist_keyed_ip_hashes FOR EACH ROW EXECUTE FUNCTION fires()",
    "CREATE TRIGGER t BEFORE INSERT ON vetassist_keyed_ip_hashes FOR EACH ROW EXECUTE FUNCTION fires(); ALTER TABLE vetassist_keyed_ip_hashes DISABLE TRIGGER t",
    "CREATE TRIGGER t BEFORE INSERT ON vetassist_auth_audit FOR EACH ROW EXECUTE FUNCTION fires(); ALTER TABLE vetassist_auth_audit ENABLE ALWAYS TRIGGER t",
    "CREATE TRIGGER vetassist_other BEFORE INSERT ON vetassist_keyed_ip_hashes FOR EACH ROW WHEN (@(NEW.ip_hash) IS NULL) EXECUTE FUNCTION fires()",
    "DROP TRIGGER vetassist_auth_audit_append_only ON vetassist_auth_audit; CREATE TRIGGER vetassist_auth_audit_append_only BEFORE INSERT OR UPDATE OR DELETE ON vetassist_auth_audit FOR EACH ROW EXECUTE FUNCTION fires()",
    // Rules and policies.
    "CREATE RULE r AS ON INSERT TO vetassist_keyed_ip_hashes DO ALSO SELECT @(NEW.ip_hash)",
    "CREATE RULE r AS ON UPDATE TO vetassist_users DO ALSO SELECT @(NEW.email)",
    "CREATE RULE r AS ON DELETE TO vetassist_va_tokens DO INSTEAD NOTHING",
    "CREATE POLICY p ON vetassist_keyed_ip_hashes USING (@(ip_hash) IS NULL); ALTER TABLE vetassist_keyed_ip_hashes ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE vetassist_users FORCE ROW LEVEL SECURITY",
    // Expressions that are evaluated when rows are written, analysed or vacuumed.
    "CREATE STATISTICS s ON (@(email)), first_name FROM vetassist_users",
    "CREATE STATISTICS s ON (@(ip_hash)) FROM vetassist_keyed_ip_hashes",
    "CREATE STATISTICS s ON user_id, event_type FROM vetassist_auth_audit",
    "CREATE INDEX i ON vetassist_keyed_ip_hashes (@(ip_hash))",
    "CREATE INDEX i ON vetassist_sessions (jwt_id) WHERE @(jwt_id) IS NULL",
    "DROP INDEX idx_vetassist_sessions_jwt; CREATE INDEX idx_vetassist_sessions_jwt ON vetassist_sessions (@(jwt_id))",
    "DROP INDEX idx_vetassist_audit_type; CREATE INDEX idx_vetassist_audit_type ON vetassist_auth_audit (event_type) WHERE @(event_type) IS NULL",
    "ALTER TABLE vetassist_keyed_ip_hashes ADD CHECK (@(ip_hash) IS NOT NULL) NOT VALID",
    "ALTER TABLE vetassist_users ADD CHECK (@(email) IS NULL) NOT VALID",
    "ALTER TABLE vetassist_users ALTER email SET DEFAULT @('x')",
    "ALTER TABLE vetassist_keyed_ip_hashes ALTER ip_hash SET DEFAULT @('x')",
    "ALTER TABLE vetassist_keyed_ip_hashes ADD COLUMN g text GENERATED ALWAYS AS (@(ip_hash)) STORED",
    "ALTER TABLE vetassist_users ADD COLUMN x int",
    "ALTER TABLE vetassist_sessions ADD EXCLUDE USING btree ((@(jwt_id)) WITH =)",
    // Types with functions.
    "CREATE DOMAIN d AS varchar(64) CHECK (@(VALUE) IS NOT NULL); ALTER TABLE vetassist_keyed_ip_hashes ALTER ip_hash TYPE d",
    "CREATE DOMAIN d AS varchar(255) CHECK (@(VALUE) IS NOT NULL); ALTER TABLE vetassist_users ALTER email TYPE d",
    // Tables that inherit from vetassist's tables, or the reverse.
    "CREATE TABLE parent (ip_hash varchar(64)); ALTER TABLE vetassist_keyed_ip_hashes INHERIT parent",
    "CREATE TABLE child () INHERITS (vetassist_keyed_ip_hashes)",
    "CREATE TABLE child () INHERITS (vetassist_users)",
    "CREATE TABLE child () INHERITS (vetassist_auth_audit)",
    // Foreign keys of other tables, whose rows are deleted and whose triggers fire with vetassist's.
    "CREATE TABLE theirs (user_id uuid REFERENCES vetassist_users ON DELETE CASCADE)",
    "CREATE TABLE theirs (audit_id bigint REFERENCES vetassist_auth_audit ON DELETE CASCADE)",
    "CREATE TABLE theirs (jwt_id varchar(64) REFERENCES vetassist_sessions (jwt_id) ON DELETE SET NULL)",
    "CREATE TABLE theirs (h varchar(64) REFERENCES vetassist_keyed_ip_hashes)",
    "CREATE TABLE theirs (h varchar(64) PRIMARY KEY); ALTER TABLE vetassist_keyed_ip_hashes ADD FOREIGN KEY (ip_hash) REFERENCES theirs",
    "CREATE TABLE theirs (id uuid PRIMARY KEY); ALTER TABLE vetassist_users ADD FOREIGN KEY (id) REFERENCES theirs",
    // Sequences that run out or repeat, and other sequences.
    "ALTER SEQUENCE vetassist_auth_audit_id_seq MAXVALUE 2",
    "ALTER SEQUENCE vetassist_auth_audit_id_seq MAXVALUE 3 CYCLE",
    "ALTER SEQUENCE vetassist_auth_audit_id_seq INCREMENT -1 MINVALUE -9 START 1",
    "ALTER SEQUENCE vetassist_auth_audit_id_seq INCREMENT 1000000000000000",
    "ALTER SEQUENCE vetassist_auth_audit_id_seq AS integer",
    "ALTER SEQUENCE vetassist_auth_audit_id_seq CYCLE",
    "ALTER SEQUENCE vetassist_auth_audit_id_seq OWNED BY NONE",
    "ALTER SEQUENCE vetassist_auth_audit_id_seq CACHE 1000000",
    "CREATE SEQUENCE other; ALTER TABLE vetassist_auth_audit ALTER id SET DEFAULT nextval('other')",
    "ALTER TABLE vetassist_auth_audit ALTER id DROP DEFAULT; ALTER TABLE vetassist_auth_audit ALTER id ADD GENERATED ALWAYS AS IDENTITY",
    // Tables that are not durable, and other kinds of relations.
    "ALTER TABLE vetassist_keyed_ip_hashes SET UNLOGGED",
    "ALTER TABLE vetassist_keyed_ip_hashes DROP CONSTRAINT vetassist_keyed_ip_hashes_pkey",
    "ALTER TABLE vetassist_keyed_ip_hashes ALTER ip_hash TYPE text",
    "DROP TABLE vetassist_keyed_ip_hashes; CREATE VIEW vetassist_keyed_ip_hashes AS SELECT 'x'::varchar(64) AS ip_hash",
    "DROP TABLE vetassist_keyed_ip_hashes; CREATE TABLE vetassist_keyed_ip_hashes (ip_hash varchar(64) PRIMARY KEY) PARTITION BY LIST (ip_hash)",
];

#[test]
#[ignore = "takes seconds"]
fn nothing_unexpected_is_adopted() {
    let plain = plain_sql();
    let fires = trap("fires");
    let mut victim = Victim::start(&[]);
    let mut wrong = Vec::new();
    // The tables belong to the installing superuser, or to the role that the setting names.
    for (owner, adopts) in [
        ("postgres", "CREATE EXTENSION vetassist"),
        (
            "backend",
            "LOAD 'vetassist'; SET vetassist.adopt_from = 'backend'; CREATE EXTENSION vetassist",
        ),
    ] {
        victim.empty();
        victim.db.batch_execute("GRANT CREATE ON SCHEMA public TO backend").unwrap();
        victim.must(
            owner,
            &format!(
                "{plain};
                 CREATE FUNCTION probe(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN $1; END $$;
                 CREATE FUNCTION fires() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {fires} RETURN NEW; END $$;"
            ),
        );
        let tables = "SELECT concat_ws(' ', oid, relname, relowner, relkind, relacl, relhastriggers, relhasrules) FROM pg_class WHERE relname LIKE '%vetassist%' ORDER BY 1";
        let before = victim.column(tables);
        for added in ADDED {
            let added = added.replace('@', "public.probe");
            match victim.with_planted(owner, &added, adopts, |_| ()) {
                Some(Err(Refused { state, text }))
                    if state == "55000" && text.contains("vetassist_") => {}
                other => wrong.push(format!("{owner}: {added}: {other:?}")),
            }
        }
        assert_eq!(victim.column(tables), before);
        // Without an addition the tables are adopted.
        if let Err(error) = victim.db.batch_execute(adopts) {
            wrong.push(format!("{owner}: {:?}", Refused::of(&error)));
        }
    }
    assert_eq!(victim.trapped(), Vec::<String>::new());
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
#[ignore = "takes seconds"]
fn only_tables_of_the_named_role_are_adopted() {
    let plain = plain_sql();
    let mut victim = Victim::start(&[]);
    for (owner, adopt_from) in [
        ("mallory", ""),
        ("mallory", "backend"),
        ("mallory", "postgres"),
        ("mallory", "nobody_of_this_name"),
        ("backend", "mallory"),
    ] {
        victim.empty();
        victim.db.batch_execute("GRANT CREATE ON SCHEMA public TO backend").unwrap();
        victim.must(owner, &plain);
        let adopts = format!("LOAD 'vetassist'; SET vetassist.adopt_from = '{adopt_from}'; CREATE EXTENSION vetassist");
        let error = victim.db.batch_execute(&adopts).expect_err(&adopts);
        let Refused { state, .. } = Refused::of(&error);
        assert!(["55000", "42704", "22023", "F0000"].contains(&&*state), "{adopts}: {error:?}");
    }
    // One of the tables belongs to another role.
    for table in [
        "vetassist_users",
        "vetassist_va_tokens",
        "vetassist_sessions",
        "vetassist_auth_audit",
        "vetassist_keyed_ip_hashes",
    ] {
        victim.empty();
        victim.db.batch_execute("GRANT CREATE ON SCHEMA public TO backend").unwrap();
        victim.must("backend", &plain);
        victim.db.batch_execute(&format!("ALTER TABLE {table} OWNER TO mallory")).unwrap();
        let adopts =
            "LOAD 'vetassist'; SET vetassist.adopt_from = 'backend'; CREATE EXTENSION vetassist";
        let Refused { state, text } =
            Refused::of(&victim.db.batch_execute(adopts).expect_err(table));
        assert!(
            state == "55000" && text.contains(table) && text.contains("owner"),
            "{table}: {state} {text}"
        );
    }
    // Only a superuser can set the setting.
    assert_eq!(
        victim
            .run("mallory", "LOAD 'vetassist'; SET vetassist.adopt_from = 'mallory'")
            .unwrap_err()
            .state,
        "42501"
    );
}
