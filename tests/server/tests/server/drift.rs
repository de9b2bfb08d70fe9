//! Tests that the extension and the core both find every difference of live tables from their description.

use std::thread;

use postgres::Client;
use serde_json::{json, Value};
use vetassist_core::schema::{compare, own_tables, tables, CatalogRow, Guards};
use vetassist_server_tests::{
    catalog_rows, compare_with_golden_at, database, differences, repository,
};

/// A change, and the objects that then differ, each with its problem.
type Drift = (&'static str, &'static [(&'static str, &'static str)]);

const TABLES: &[Drift] = &[
    (
        "SELECT vetassist_detach(); DROP TABLE vetassist_auth_audit",
        // Detached tables belong to the role that detached them.
        &[
            ("vetassist_users", "owner"),
            ("vetassist_va_tokens", "owner"),
            ("vetassist_sessions", "owner"),
            ("vetassist_auth_audit", "missing"),
            ("vetassist_keyed_ip_hashes", "owner"),
            ("vetassist_refresh_leases", "owner"),
            ("vetassist_refresh_states", "owner"),
            ("vetassist_key_fingerprints", "owner"),
            ("vetassist_audit_leaves", "owner"),
            ("vetassist_audit_nodes", "owner"),
            ("vetassist_audit_head", "owner"),
            ("vetassist_audit_pending", "owner"),
            ("vetassist_audit_unsealable", "owner"),
        ],
    ),
    ("ALTER TABLE vetassist_sessions RENAME TO sessions", &[("vetassist_sessions", "missing")]),
    (
        "CREATE SCHEMA other; ALTER TABLE vetassist_sessions SET SCHEMA other",
        &[("vetassist_sessions", "missing")],
    ),
    (
        "CREATE SCHEMA other; ALTER TABLE vetassist_users SET SCHEMA other",
        &[
            ("vetassist_users", "missing"),
            ("vetassist_va_tokens FOREIGN KEY (user_id)", "references"),
            ("vetassist_sessions FOREIGN KEY (user_id)", "references"),
            ("vetassist_auth_audit FOREIGN KEY (user_id)", "references"),
            ("vetassist_refresh_leases FOREIGN KEY (user_id)", "references"),
            ("vetassist_refresh_states FOREIGN KEY (user_id)", "references"),
        ],
    ),
    ("COMMENT ON TABLE vetassist_users IS NULL", &[("vetassist_users", "comment")]),
    ("COMMENT ON TABLE vetassist_users IS 'users'", &[("vetassist_users", "comment")]),
    ("ALTER TABLE vetassist_sessions SET UNLOGGED", &[("vetassist_sessions", "persistence")]),
    (
        "CREATE TABLE child () INHERITS (vetassist_sessions)",
        &[("vetassist_sessions", "inherited by")],
    ),
    (
        "CREATE TABLE parent (); ALTER TABLE vetassist_sessions INHERIT parent",
        &[("vetassist_sessions", "inherits from")],
    ),
    // Row security that is only enabled is not a difference.
    ("ALTER TABLE vetassist_users ENABLE ROW LEVEL SECURITY", &[]),
    (
        "ALTER TABLE vetassist_users ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
        &[("vetassist_users", "row security")],
    ),
    ("ALTER TABLE vetassist_users SET (fillfactor = 50)", &[("vetassist_users", "options")]),
    (
        "ALTER TABLE vetassist_users REPLICA IDENTITY NOTHING",
        &[("vetassist_users", "replica identity")],
    ),
    (
        "CREATE STATISTICS s ON email, va_icn FROM vetassist_users",
        &[("vetassist_users statistics s", "extra")],
    ),
    (
        "CREATE FUNCTION f(vetassist_users) RETURNS text LANGUAGE sql AS 'SELECT NULL::text';
         CREATE CAST (vetassist_users AS text) WITH FUNCTION f(vetassist_users)",
        &[("vetassist_users cast as text", "extra")],
    ),
    (
        "CREATE TYPE t AS (id uuid); CREATE FUNCTION f(t) RETURNS uuid LANGUAGE sql AS 'SELECT ($1).id';
         CREATE CAST (t AS uuid) WITH FUNCTION f(t) AS IMPLICIT; CREATE TABLE claims (id t REFERENCES vetassist_users)",
        &[("vetassist_users", "referenced by way of a cast")],
    ),
    ("CREATE TABLE claims (id uuid REFERENCES vetassist_users)", &[]),
    // The trigger of the sessions' owner would fire when a user is deleted.
    (
        "ALTER TABLE vetassist_sessions OWNER TO pg_monitor",
        &[("vetassist_users", "referenced with an action"), ("vetassist_sessions", "owner")],
    ),
    (
        "GRANT SELECT, UPDATE (email) ON vetassist_users TO pg_monitor WITH GRANT OPTION",
        &[("vetassist_users", "rights of pg_monitor")],
    ),
    ("GRANT SELECT ON vetassist_auth_audit TO PUBLIC", &[("vetassist_auth_audit", "rights of PUBLIC")]),
    // The tier auditor gives these privileges.
    ("GRANT SELECT ON vetassist_auth_audit, vetassist_keyed_ip_hashes TO pg_monitor", &[]),
    (
        "ALTER EXTENSION vetassist DROP TABLE vetassist_keyed_ip_hashes; DROP TABLE vetassist_keyed_ip_hashes",
        &[("vetassist_keyed_ip_hashes", "missing")],
    ),
    ("ALTER TABLE vetassist_keyed_ip_hashes ADD note text", &[("vetassist_keyed_ip_hashes.note", "extra")]),
    ("COMMENT ON TABLE vetassist_keyed_ip_hashes IS NULL", &[("vetassist_keyed_ip_hashes", "comment")]),
    ("DROP INDEX vetassist_audit_leaves_of_row", &[("vetassist_audit_leaves_of_row", "missing")]),
    (
        "ALTER TABLE vetassist_audit_nodes DROP CONSTRAINT vetassist_audit_nodes_pkey, ADD PRIMARY KEY (place, level)",
        &[
            ("vetassist_audit_nodes PRIMARY KEY (level, place)", "missing"),
            ("vetassist_audit_nodes PRIMARY KEY (place, level)", "extra"),
        ],
    ),
    ("CREATE POLICY p ON vetassist_users USING (true)", &[("vetassist_users policy p", "extra")]),
    (
        "CREATE RULE r AS ON DELETE TO vetassist_users DO INSTEAD NOTHING",
        &[("vetassist_users rule r", "extra")],
    ),
];

const COLUMNS: &[Drift] = &[
    ("ALTER TABLE vetassist_sessions DROP device_info", &[("vetassist_sessions.device_info", "missing")]),
    ("ALTER TABLE vetassist_users ADD nickname text", &[("vetassist_users.nickname", "extra")]),
    ("ALTER TABLE vetassist_users RENAME email TO mail", &[
        ("vetassist_users.email", "missing"),
        ("vetassist_users.mail", "extra"),
    ]),
    ("ALTER TABLE vetassist_users ALTER email TYPE varchar(254)", &[("vetassist_users.email", "type")]),
    ("ALTER TABLE vetassist_users ALTER email TYPE varchar(256)", &[("vetassist_users.email", "type")]),
    ("ALTER TABLE vetassist_users ALTER email TYPE text", &[("vetassist_users.email", "type")]),
    ("ALTER TABLE vetassist_users ALTER created_at TYPE timestamp", &[("vetassist_users.created_at", "type")]),
    ("ALTER TABLE vetassist_sessions ALTER device_info TYPE json", &[("vetassist_sessions.device_info", "type")]),
    ("ALTER TABLE vetassist_users ALTER email TYPE varchar(255) COLLATE \"C\"", &[("vetassist_users.email", "collation")]),
    // Two columns of one type swap their names.
    ("ALTER TABLE vetassist_users RENAME first_name TO t; ALTER TABLE vetassist_users RENAME last_name TO first_name;
      ALTER TABLE vetassist_users RENAME t TO last_name", &[
        ("vetassist_users.first_name", "position"),
        ("vetassist_users.last_name", "position"),
    ]),
    // The column moves to the end, so the columns after it move forward.
    ("ALTER TABLE vetassist_sessions DROP device_info, ADD device_info jsonb", &[
        ("vetassist_sessions.device_info", "position"),
        ("vetassist_sessions.created_at", "position"),
        ("vetassist_sessions.expires_at", "position"),
        ("vetassist_sessions.revoked_at", "position"),
    ]),
    ("ALTER TABLE vetassist_users ALTER is_active SET DEFAULT false", &[("vetassist_users.is_active", "default")]),
    ("ALTER TABLE vetassist_users ALTER is_active DROP DEFAULT", &[("vetassist_users.is_active", "default")]),
    ("ALTER TABLE vetassist_users ALTER email SET DEFAULT ''", &[("vetassist_users.email", "default")]),
    ("ALTER TABLE vetassist_users ALTER created_at SET DEFAULT clock_timestamp()", &[("vetassist_users.created_at", "default")]),
    ("ALTER TABLE vetassist_users ALTER email SET NOT NULL", &[("vetassist_users.email", "not null")]),
    ("ALTER TABLE vetassist_va_tokens ALTER expires_at DROP NOT NULL", &[("vetassist_va_tokens.expires_at", "not null")]),
    ("COMMENT ON COLUMN vetassist_sessions.jwt_id IS NULL", &[("vetassist_sessions.jwt_id", "comment")]),
    ("COMMENT ON COLUMN vetassist_sessions.jwt_id IS 'jti'", &[("vetassist_sessions.jwt_id", "comment")]),
    ("COMMENT ON COLUMN vetassist_users.email IS 'private'", &[("vetassist_users.email", "comment")]),
];

const KEYS: &[Drift] = &[
    ("ALTER TABLE vetassist_va_tokens DISABLE TRIGGER ALL", &[("vetassist_va_tokens FOREIGN KEY (user_id)", "enforced")]),
    ("ALTER TABLE vetassist_sessions DROP CONSTRAINT vetassist_sessions_pkey", &[("vetassist_sessions PRIMARY KEY (id)", "missing")]),
    ("ALTER TABLE vetassist_sessions DROP CONSTRAINT vetassist_sessions_jwt_id_key", &[("vetassist_sessions UNIQUE (jwt_id)", "missing")]),
    ("ALTER TABLE vetassist_users ADD UNIQUE (email)", &[("vetassist_users UNIQUE (email)", "extra")]),
    ("ALTER TABLE vetassist_users DROP CONSTRAINT vetassist_users_va_icn_key, ADD UNIQUE NULLS NOT DISTINCT (va_icn)", &[
        ("vetassist_users UNIQUE (va_icn)", "missing"),
        ("vetassist_users UNIQUE NULLS NOT DISTINCT (va_icn)", "extra"),
    ]),
    ("ALTER TABLE vetassist_users ADD CHECK (email <> '')", &[("vetassist_users CHECK (((email)::text <> ''::text))", "extra")]),
    ("ALTER TABLE vetassist_sessions DROP CONSTRAINT vetassist_sessions_user_id_fkey", &[("vetassist_sessions FOREIGN KEY (user_id)", "missing")]),
    ("ALTER TABLE vetassist_sessions DROP CONSTRAINT vetassist_sessions_user_id_fkey, ADD FOREIGN KEY (user_id) REFERENCES vetassist_users (id)", &[
        ("vetassist_sessions FOREIGN KEY (user_id)", "on delete"),
    ]),
    ("ALTER TABLE vetassist_auth_audit DROP CONSTRAINT vetassist_auth_audit_user_id_fkey,
        ADD FOREIGN KEY (user_id) REFERENCES vetassist_users (id) ON DELETE CASCADE ON UPDATE CASCADE", &[
        ("vetassist_auth_audit FOREIGN KEY (user_id)", "on delete"),
        ("vetassist_auth_audit FOREIGN KEY (user_id)", "on update"),
    ]),
    ("ALTER TABLE vetassist_auth_audit ALTER CONSTRAINT vetassist_auth_audit_user_id_fkey DEFERRABLE", &[
        ("vetassist_auth_audit FOREIGN KEY (user_id)", "deferrable"),
    ]),
];

const INDEXES: &[Drift] = &[

    ("DROP INDEX idx_vetassist_sessions_user", &[("idx_vetassist_sessions_user", "missing")]),
    ("ALTER INDEX idx_vetassist_sessions_user RENAME TO sessions_user", &[
        ("idx_vetassist_sessions_user", "missing"),
        ("sessions_user", "extra"),
    ]),
    ("CREATE INDEX more ON vetassist_users (email)", &[("more", "extra")]),
    ("DROP INDEX idx_vetassist_sessions_expires; CREATE INDEX idx_vetassist_sessions_expires ON vetassist_sessions (expires_at)", &[
        ("idx_vetassist_sessions_expires", "definition"),
    ]),
    ("DROP INDEX idx_vetassist_audit_type; CREATE INDEX idx_vetassist_audit_type ON vetassist_auth_audit USING hash (event_type)", &[
        ("idx_vetassist_audit_type", "definition"),
    ]),
    ("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'idx_vetassist_audit_type'::regclass", &[("idx_vetassist_audit_type", "valid")]),
];

const SEQUENCE_AND_GUARD: &[Drift] = &[
    ("ALTER SEQUENCE vetassist_auth_audit_id_seq AS int", &[
        ("vetassist_auth_audit_id_seq", "type"),
        ("vetassist_auth_audit_id_seq", "maximum"),
    ]),
    ("ALTER SEQUENCE vetassist_auth_audit_id_seq INCREMENT 2", &[("vetassist_auth_audit_id_seq", "increment")]),
    ("ALTER SEQUENCE vetassist_auth_audit_id_seq CYCLE", &[("vetassist_auth_audit_id_seq", "cycle")]),
    ("ALTER SEQUENCE vetassist_auth_audit_id_seq MAXVALUE 2", &[("vetassist_auth_audit_id_seq", "maximum")]),
    ("ALTER SEQUENCE vetassist_auth_audit_id_seq MINVALUE -2", &[("vetassist_auth_audit_id_seq", "minimum")]),
    ("ALTER SEQUENCE vetassist_auth_audit_id_seq CACHE 2", &[("vetassist_auth_audit_id_seq", "cache")]),
    ("ALTER SEQUENCE vetassist_auth_audit_id_seq SET UNLOGGED", &[("vetassist_auth_audit_id_seq", "persistence")]),
    ("GRANT USAGE ON SEQUENCE vetassist_auth_audit_id_seq TO pg_monitor", &[("vetassist_auth_audit_id_seq", "rights of pg_monitor")]),
    ("ALTER EVENT TRIGGER vetassist_guard_drop DISABLE", &[("event trigger vetassist_guard_drop", "enabled")]),
    ("ALTER FUNCTION vetassist_access_token(uuid) OWNER TO pg_monitor", &[("function vetassist_access_token(uuid)", "owner")]),
    ("ALTER FUNCTION vetassist_access_token(uuid) SET search_path = public", &[("function vetassist_access_token(uuid)", "search_path")]),
    ("ALTER TABLE vetassist_auth_audit ALTER id DROP DEFAULT", &[("vetassist_auth_audit.id", "default")]),
    ("DROP TRIGGER vetassist_auth_audit_append_only ON vetassist_auth_audit", &[
        ("vetassist_auth_audit trigger vetassist_auth_audit_append_only", "missing"),
    ]),
    ("DROP TRIGGER vetassist_auth_audit_append_only_rows ON vetassist_auth_audit", &[
        ("vetassist_auth_audit trigger vetassist_auth_audit_append_only_rows", "missing"),
    ]),
    ("ALTER TABLE vetassist_auth_audit DISABLE TRIGGER USER", &[
        ("vetassist_auth_audit trigger vetassist_auth_audit_append_only", "enabled"),
        ("vetassist_auth_audit trigger vetassist_auth_audit_append_only_rows", "enabled"),
        ("vetassist_auth_audit trigger vetassist_auth_audit_id", "enabled"),
    ]),
    // pg_restore --disable-triggers leaves triggers like this: they do not fire if the replication role is replica.
    ("ALTER TABLE vetassist_auth_audit ENABLE TRIGGER vetassist_auth_audit_append_only_rows", &[
        ("vetassist_auth_audit trigger vetassist_auth_audit_append_only_rows", "enabled"),
    ]),
    ("ALTER TABLE vetassist_auth_audit ENABLE REPLICA TRIGGER vetassist_auth_audit_id", &[
        ("vetassist_auth_audit trigger vetassist_auth_audit_id", "enabled"),
    ]),
    ("CREATE OR REPLACE TRIGGER vetassist_auth_audit_append_only BEFORE DELETE ON vetassist_auth_audit EXECUTE FUNCTION vetassist_audit_guard()", &[
        ("vetassist_auth_audit trigger vetassist_auth_audit_append_only", "fires"),
        // The new trigger does not fire if the replication role is replica.
        ("vetassist_auth_audit trigger vetassist_auth_audit_append_only", "enabled"),
    ]),
    ("CREATE TRIGGER t BEFORE UPDATE ON vetassist_users FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()", &[
        ("vetassist_users trigger t", "extra"),
    ]),
];

/// Makes the change in a new database, and returns the rows of the catalog query afterwards.
fn drifted((change, expected): Drift) -> Vec<CatalogRow> {
    let mut db = database();
    assert_eq!(differences(&mut db, "public", Guards::Required), []);
    // This event trigger refuses changes of names.
    db.batch_execute("ALTER EVENT TRIGGER vetassist_guard_schema DISABLE").unwrap();
    db.batch_execute(change).unwrap();
    db.batch_execute("ALTER EVENT TRIGGER vetassist_guard_schema ENABLE ALWAYS").unwrap();
    let found = differences(&mut db, "public", Guards::Required);
    let named: Vec<_> = found.iter().map(|d| (d.object.as_str(), d.problem.as_str())).collect();
    assert_eq!(named, *expected, "{change}");
    // The extension reports the same, in the same order.
    let rows = db
        .query("SELECT object, problem, expected, found FROM vetassist_check_schema()", &[])
        .unwrap();
    assert_eq!(rows.len(), found.len(), "{change}");
    for (row, difference) in rows.iter().zip(&found) {
        assert_eq!(row.get::<_, &str>(0), difference.object);
        assert_eq!(row.get::<_, &str>(1), difference.problem);
        assert_eq!(row.get::<_, Option<&str>>(2), difference.expected.as_deref());
        assert_eq!(row.get::<_, Option<&str>>(3), difference.found.as_deref());
    }
    catalog(&mut db)
}

/// Returns the sorted rows of the catalog query, because the server's order varies.
fn catalog(db: &mut Client) -> Vec<CatalogRow> {
    let mut rows = catalog_rows(db, "public");
    rows.sort_by(|a, b| {
        (&a.object, &a.attribute, &a.value).cmp(&(&b.object, &b.attribute, &b.value))
    });
    rows
}

fn fields(row: &CatalogRow) -> Value {
    json!([row.object, row.attribute, row.value])
}

/// Returns the rows of `all` that `some` does not have.
fn rest(all: &[CatalogRow], some: &[CatalogRow]) -> Vec<Value> {
    all.iter().filter(|row| !some.contains(row)).map(fields).collect()
}

/// The tests in JavaScript read the vectors. The vector of a drift has only the rows that the drift changes.
#[test]
#[ignore = "takes seconds"]
fn drift_is_found_and_matches_the_vectors() {
    let agreeing = catalog(&mut database());
    let drifts: Vec<Drift> = [TABLES, COLUMNS, KEYS, INDEXES, SEQUENCE_AND_GUARD]
        .into_iter()
        .flatten()
        .copied()
        .collect();
    // Each drift needs a database, so several run at once.
    let catalogs: Vec<_> = thread::scope(|scope| {
        let halves: Vec<_> = drifts
            .chunks(drifts.len().div_ceil(3))
            .map(|part| scope.spawn(|| part.iter().copied().map(drifted).collect::<Vec<_>>()))
            .collect();
        halves.into_iter().flat_map(|half| half.join().unwrap()).collect()
    });
    let vectors: Vec<Value> = drifts
        .iter()
        .zip(&catalogs)
        .map(|((change, _), rows)| {
            let differences: Vec<_> = compare(rows, Guards::Required)
                .into_iter()
                .map(|d| json!([d.object, d.problem, d.expected, d.found]))
                .collect();
            json!({
                "change": change.split_whitespace().collect::<Vec<_>>().join(" "),
                "without": rest(&agreeing, rows),
                "with": rest(rows, &agreeing),
                "differences": differences,
            })
        })
        .collect();
    let rows: Vec<Value> = agreeing.iter().map(fields).collect();
    let lines = |values: &[Value]| -> String {
        values.iter().map(|value| format!("    {value}")).collect::<Vec<_>>().join(",\n")
    };
    let text = format!(
        "{{\n  \"agreeing\": [\n{}\n  ],\n  \"drifts\": [\n{}\n  ]\n}}\n",
        lines(&rows),
        lines(&vectors)
    );
    compare_with_golden_at(&repository().join("tests/vectors/schema.json"), &text);
}

#[test]
fn tables_of_another_schema_are_reported_there() {
    let mut db = database();
    db.batch_execute("CREATE SCHEMA empty").unwrap();
    let found = differences(&mut db, "empty", Guards::Required);
    let named: Vec<_> =
        found.iter().map(|d| (d.object.as_str(), d.problem.as_str(), d.found.as_deref())).collect();
    let there = Some("in schema public");
    let expected: Vec<_> =
        tables().iter().chain(own_tables()).map(|table| (table.name, "missing", there)).collect();
    assert_eq!(named, expected);
}
