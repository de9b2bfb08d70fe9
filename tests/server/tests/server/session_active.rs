//! Tests `vetassist_session_active()`. It reads tables and indexes directly, so it must handle every change of them.

use postgres::Client;
use vetassist_server_tests::{database, sqlstate, KeyedServer};

/// Creates a database with sessions of every kind.
fn with_sessions() -> Client {
    let mut db = database();
    db.batch_execute(
        "INSERT INTO vetassist_users (id, va_icn, is_active) VALUES
             ('00000000-0000-4000-8000-000000000001', 'active', true),
             ('00000000-0000-4000-8000-000000000002', 'inactive', false),
             ('00000000-0000-4000-8000-000000000003', 'unknown', NULL);
         INSERT INTO vetassist_sessions (user_id, jwt_id, expires_at, revoked_at) VALUES
             ('00000000-0000-4000-8000-000000000001', 'active', now() + interval '1 hour', NULL),
             ('00000000-0000-4000-8000-000000000001', 'forever', 'infinity', NULL),
             ('00000000-0000-4000-8000-000000000001', 'expired', now() - interval '1 second', NULL),
             ('00000000-0000-4000-8000-000000000001', 'long ago', '-infinity', NULL),
             ('00000000-0000-4000-8000-000000000001', 'revoked', now() + interval '1 hour', now()),
             ('00000000-0000-4000-8000-000000000001', 'to be revoked', now() + interval '1 hour', 'infinity'),
             ('00000000-0000-4000-8000-000000000002', 'of an inactive user', now() + interval '1 hour', NULL),
             ('00000000-0000-4000-8000-000000000003', 'of an unknown state', now() + interval '1 hour', NULL);
         INSERT INTO vetassist_sessions (user_id, jwt_id, expires_at)
         SELECT '00000000-0000-4000-8000-000000000001', 'n' || i, now() + interval '1 hour' FROM generate_series(1, 2000) AS i",
    )
    .unwrap();
    db
}

/// Runs each statement alone, because some of them cannot run in a transaction.
fn one_by_one(db: &mut Client, statements: &str) {
    for statement in statements.split("; ") {
        db.batch_execute(statement).unwrap();
    }
}

fn active(db: &mut Client, jwt_id: &str) -> bool {
    db.query_one("SELECT vetassist_session_active($1)", &[&jwt_id]).unwrap().get(0)
}

/// Compares the function with the SQL that it replaces, for every session and for ids that do not exist.
fn assert_agrees(db: &mut Client, when: &str) {
    let wrong: i64 = db
        .query_one(
            "SELECT count(*) FROM (
                 SELECT jwt_id FROM vetassist_sessions
                 UNION ALL SELECT unnest(ARRAY['', ' ', 'ACTIVE', 'activ', 'active ', 'n', 'n20000', repeat('x', 100000), NULL])
             ) AS j WHERE vetassist_session_active(j.jwt_id) IS DISTINCT FROM EXISTS (
                 SELECT FROM vetassist_sessions s JOIN vetassist_users u ON u.id = s.user_id
                 WHERE s.jwt_id = j.jwt_id AND s.revoked_at IS NULL AND s.expires_at > statement_timestamp() AND u.is_active)",
            &[],
        )
        .unwrap()
        .get(0);
    assert_eq!(wrong, 0, "{when}");
    for (jwt_id, expected) in [
        ("active", true),
        ("forever", true),
        ("n2000", true),
        ("expired", false),
        ("long ago", false),
        ("revoked", false),
        ("to be revoked", false),
        ("of an inactive user", false),
        ("of an unknown state", false),
        ("nobody's", false),
    ] {
        assert_eq!(active(db, jwt_id), expected, "{when}: {jwt_id}");
    }
}

#[test]
fn the_result_is_right_after_any_change_of_the_indexes() {
    let mut db = with_sessions();
    assert_agrees(&mut db, "at first");
    for change in [
        "REINDEX TABLE vetassist_sessions",
        "VACUUM FULL vetassist_sessions",
        "UPDATE vetassist_sessions SET device_info = '{}'; VACUUM vetassist_sessions",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'idx_vetassist_sessions_jwt'::regclass",
        "DROP INDEX idx_vetassist_sessions_jwt",
        // This index has the name, but only a few of the rows.
        "CREATE INDEX idx_vetassist_sessions_jwt ON vetassist_sessions (jwt_id) WHERE jwt_id < 'b'",
        "DROP INDEX idx_vetassist_sessions_jwt; CREATE INDEX idx_vetassist_sessions_jwt ON vetassist_sessions (jwt_id COLLATE \"C\")",
        "DROP INDEX idx_vetassist_sessions_jwt; CREATE INDEX idx_vetassist_sessions_jwt ON vetassist_sessions (lower(jwt_id))",
        "DROP INDEX idx_vetassist_sessions_jwt; CREATE INDEX idx_vetassist_sessions_jwt ON vetassist_sessions (user_id)",
        "DROP INDEX idx_vetassist_sessions_jwt; CREATE INDEX idx_vetassist_sessions_jwt ON vetassist_sessions USING hash (jwt_id)",
        "DROP INDEX idx_vetassist_sessions_jwt; CREATE INDEX idx_vetassist_sessions_jwt ON vetassist_users (va_icn)",
        "DROP INDEX idx_vetassist_sessions_jwt; CREATE VIEW idx_vetassist_sessions_jwt AS SELECT 1",
        "DROP VIEW idx_vetassist_sessions_jwt; CREATE INDEX idx_vetassist_sessions_jwt ON vetassist_sessions (jwt_id DESC)",
        "ALTER TABLE vetassist_users DROP CONSTRAINT vetassist_users_pkey CASCADE",
    ] {
        one_by_one(&mut db, change);
        assert_agrees(&mut db, change);
    }
    // A dropped column changes nothing.
    db.batch_execute("ALTER TABLE vetassist_sessions ADD more text; ALTER TABLE vetassist_sessions DROP device_info").unwrap();
    assert!(active(&mut db, "active") && !active(&mut db, "expired"));
}

#[test]
fn the_function_uses_the_snapshot_of_its_statement() {
    let mut db = with_sessions();
    let mut transaction = db.transaction().unwrap();
    let asks = "SELECT vetassist_session_active('active'), vetassist_session_active('new')";
    let answer = |transaction: &mut postgres::Transaction<'_>| -> (bool, bool) {
        let row = transaction.query_one(asks, &[]).unwrap();
        (row.get(0), row.get(1))
    };
    assert_eq!(answer(&mut transaction), (true, false));
    transaction
        .batch_execute(
            "INSERT INTO vetassist_sessions (user_id, jwt_id, expires_at)
             SELECT id, 'new', now() + interval '1 hour' FROM vetassist_users WHERE va_icn = 'active'",
        )
        .unwrap();
    assert_eq!(answer(&mut transaction), (true, true));
    transaction
        .batch_execute("UPDATE vetassist_sessions SET revoked_at = now() WHERE jwt_id = 'active'")
        .unwrap();
    assert_eq!(answer(&mut transaction), (false, true));
    transaction.batch_execute("UPDATE vetassist_users SET is_active = false").unwrap();
    assert_eq!(answer(&mut transaction), (false, false));
    transaction.rollback().unwrap();
    assert!(active(&mut db, "active"));

    // The function does not see changes of its own statement.
    let row = db
        .query_one(
            "WITH ended AS (UPDATE vetassist_sessions SET revoked_at = now() WHERE jwt_id = 'active' RETURNING jwt_id)
             SELECT count(*) FILTER (WHERE vetassist_session_active(jwt_id)) FROM ended",
            &[],
        )
        .unwrap();
    assert_eq!(row.get::<_, i64>(0), 1);
    assert!(!active(&mut db, "active"));
}

#[test]
fn changed_tables_are_refused() {
    let mut db = with_sessions();
    db.batch_execute(
        "ALTER TABLE vetassist_users RENAME TO u; CREATE VIEW vetassist_users AS SELECT * FROM u",
    )
    .unwrap();
    let mut refuses = |jwt_id: &str| {
        let asks = "SELECT vetassist_session_active($1)";
        let error = db.query_one(asks, &[&jwt_id]).unwrap_err();
        assert_eq!(sqlstate(&error), "42P01");
        let said = error.as_db_error().unwrap();
        assert!(said.message().contains("is missing or was changed"), "{said:?}");
        assert!(said.hint().unwrap().contains("vetassist_check_schema"));
    };
    refuses("active");
    db.batch_execute("DROP VIEW vetassist_users; ALTER TABLE u RENAME is_active TO i; ALTER TABLE u RENAME TO vetassist_users").unwrap();
    let error = db.query_one("SELECT vetassist_session_active('active')", &[]).unwrap_err();
    assert_eq!(sqlstate(&error), "42P01");
    // A column of another type is refused.
    for (change, back) in [
        ("ALTER TABLE vetassist_users RENAME i TO is_active; ALTER TABLE vetassist_users ALTER is_active DROP DEFAULT, ALTER is_active TYPE int USING 1",
         "ALTER TABLE vetassist_users ALTER is_active TYPE boolean USING true"),
        ("ALTER TABLE vetassist_sessions ALTER expires_at TYPE text", "ALTER TABLE vetassist_sessions ALTER expires_at TYPE timestamptz USING expires_at::timestamptz"),
        ("ALTER TABLE vetassist_sessions ALTER expires_at TYPE timestamp", "ALTER TABLE vetassist_sessions ALTER expires_at TYPE timestamptz"),
        ("ALTER TABLE vetassist_sessions DROP CONSTRAINT vetassist_sessions_user_id_fkey, ALTER user_id TYPE text",
         "ALTER TABLE vetassist_sessions ALTER user_id TYPE uuid USING user_id::uuid"),
    ] {
        one_by_one(&mut db, change);
        let error = db.query_one("SELECT vetassist_session_active('active')", &[]).unwrap_err();
        assert_eq!(sqlstate(&error), "42P01", "{change}");
        db.batch_execute(back).unwrap();
        assert!(active(&mut db, "active"), "{back}");
    }
    // Text without a length is accepted.
    db.batch_execute("ALTER TABLE vetassist_sessions ALTER jwt_id TYPE text").unwrap();
    assert!(active(&mut db, "active"));
    db.batch_execute("ALTER TABLE vetassist_sessions RENAME TO s").unwrap();
    let error = db.query_one("SELECT vetassist_session_active('active')", &[]).unwrap_err();
    assert_eq!(sqlstate(&error), "42P01");
}

#[test]
fn changes_of_other_connections_are_noticed() {
    let server = KeyedServer::start();
    let (mut asking, mut changing) = (server.connect(), server.connect());
    changing
        .batch_execute(
            "INSERT INTO vetassist_users (va_icn) VALUES ('one');
             INSERT INTO vetassist_sessions (user_id, jwt_id, expires_at)
             SELECT id, 'active', now() + interval '1 hour' FROM vetassist_users",
        )
        .unwrap();
    assert!(active(&mut asking, "active"));
    for change in [
        "DROP INDEX CONCURRENTLY idx_vetassist_sessions_jwt",
        "CREATE INDEX CONCURRENTLY idx_vetassist_sessions_jwt ON vetassist_sessions (jwt_id)",
        "REINDEX TABLE CONCURRENTLY vetassist_sessions",
        "VACUUM FULL vetassist_users",
        "ALTER TABLE vetassist_users RENAME TO u; CREATE TABLE vetassist_users (LIKE u INCLUDING ALL); INSERT INTO vetassist_users SELECT * FROM u",
    ] {
        one_by_one(&mut changing, change);
        assert!(active(&mut asking, "active"), "{change}");
    }
    changing.batch_execute("UPDATE vetassist_users SET is_active = false").unwrap();
    assert!(!active(&mut asking, "active"), "the function reads the new table of that name");
}
