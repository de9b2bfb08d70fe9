//! Every way in which live tables can differ from the description is named: by the extension, and by the
//! core without it.

use vetassist_core::schema::Guards;
use vetassist_server_tests::{database, differences};

/// A change, and what is then wrong with which object.
type Drift = (&'static str, &'static [(&'static str, &'static str)]);

const TABLES: &[Drift] = &[
    (
        "SELECT vetassist_detach(); DROP TABLE vetassist_auth_audit",
        &[("vetassist_auth_audit", "missing")],
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
    (
        "ALTER TABLE vetassist_users ENABLE ROW LEVEL SECURITY",
        &[("vetassist_users", "row security")],
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
    // Two of one type change places, by their names.
    ("ALTER TABLE vetassist_users RENAME first_name TO t; ALTER TABLE vetassist_users RENAME last_name TO first_name;
      ALTER TABLE vetassist_users RENAME t TO last_name", &[
        ("vetassist_users.first_name", "position"),
        ("vetassist_users.last_name", "position"),
    ]),
    // One goes to the end; those after it are not blamed for that alone.
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
    ("ALTER SEQUENCE vetassist_auth_audit_id_seq AS int", &[("vetassist_auth_audit_id_seq", "type")]),
    ("ALTER SEQUENCE vetassist_auth_audit_id_seq INCREMENT 2", &[("vetassist_auth_audit_id_seq", "increment")]),
    ("ALTER SEQUENCE vetassist_auth_audit_id_seq CYCLE", &[("vetassist_auth_audit_id_seq", "cycle")]),
    ("ALTER TABLE vetassist_auth_audit ALTER id DROP DEFAULT", &[("vetassist_auth_audit.id", "default")]),
    ("DROP TRIGGER vetassist_auth_audit_append_only ON vetassist_auth_audit", &[
        ("vetassist_auth_audit trigger vetassist_auth_audit_append_only", "missing"),
    ]),
    ("ALTER TABLE vetassist_auth_audit DISABLE TRIGGER USER", &[
        ("vetassist_auth_audit trigger vetassist_auth_audit_append_only", "enabled"),
    ]),
    ("CREATE OR REPLACE TRIGGER vetassist_auth_audit_append_only BEFORE DELETE ON vetassist_auth_audit EXECUTE FUNCTION vetassist_audit_guard()", &[
        ("vetassist_auth_audit trigger vetassist_auth_audit_append_only", "fires"),
    ]),
    ("CREATE TRIGGER t BEFORE UPDATE ON vetassist_users FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()", &[
        ("vetassist_users trigger t", "extra"),
    ]),
];

fn each_is_named(drifts: &[Drift]) {
    for (change, expected) in drifts {
        let mut db = database();
        assert_eq!(differences(&mut db, "public", Guards::Required), []);
        db.batch_execute(change).unwrap();
        let found = differences(&mut db, "public", Guards::Required);
        let named: Vec<_> = found.iter().map(|d| (d.object.as_str(), d.problem.as_str())).collect();
        assert_eq!(named, *expected, "{change}");
        // The extension says the same, in the same order.
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
    }
}

#[test]
fn drift_of_tables_is_named() {
    each_is_named(TABLES);
}

#[test]
fn drift_of_columns_is_named() {
    each_is_named(COLUMNS);
}

#[test]
fn drift_of_keys_is_named() {
    each_is_named(KEYS);
}

#[test]
fn drift_of_indexes_is_named() {
    each_is_named(INDEXES);
}

#[test]
fn drift_of_the_sequence_and_the_guard_is_named() {
    each_is_named(SEQUENCE_AND_GUARD);
}

#[test]
fn tables_of_another_schema_are_said_to_be_there() {
    let mut db = database();
    db.batch_execute("CREATE SCHEMA empty").unwrap();
    let found = differences(&mut db, "empty", Guards::Required);
    let named: Vec<_> =
        found.iter().map(|d| (d.object.as_str(), d.problem.as_str(), d.found.as_deref())).collect();
    let there = Some("in schema public");
    assert_eq!(
        named,
        [
            ("vetassist_users", "missing", there),
            ("vetassist_va_tokens", "missing", there),
            ("vetassist_sessions", "missing", there),
            ("vetassist_auth_audit", "missing", there),
        ]
    );
}
