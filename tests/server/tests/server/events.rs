//! The library's own events: nobody else logs them, and nobody keeps the library from it.

use std::io::Write;

use postgres::Client;
use vetassist_server_tests::{column_of, sqlstate, KeyedServer};

/// The names of the library's events, which nobody else may log.
pub(crate) const RESERVED: [&str; 21] = [
    "login",
    "session_created",
    "session_revoked",
    "sessions_revoked",
    "tokens_stored",
    "token_refreshed",
    "token_refresh_failed",
    "token_opened",
    "tokens_disconnected",
    "user_updated",
    "user_deactivated",
    "user_activated",
    "user_erased",
    "audit_watched",
    "everybody_signed_out",
    "keys_rotated",
    "ip_hashes_upgraded",
    "audit_purged",
    "tier_granted",
    "tier_revoked",
    "ring_accepted",
];

const LOGIN: &str = "SELECT vetassist_login('ICN' || gen_random_uuid(), 'access', now() + '1 h', gen_random_uuid()::text, now() + '1 h', ip => '203.0.113.7')";

fn events(db: &mut Client) -> Vec<String> {
    column_of(
        db,
        "SELECT event_type || ' ' || coalesce(event_data::text, 'nothing') FROM vetassist_auth_audit WHERE event_type NOT LIKE 'tier%' ORDER BY id",
    )
}

#[test]
fn nobody_logs_what_the_library_logs() {
    let mut server = KeyedServer::start();
    server.db.batch_execute("CREATE ROLE app LOGIN; SELECT vetassist_grant('app', 'app')").unwrap();
    let mut app = server.connect_as("app");
    for name in RESERVED {
        // As whoever reads the trail would take it for the same.
        let spaced = name.replace('_', " ");
        for spelt in [
            name.to_owned(),
            name.to_uppercase(),
            format!(" {name}\t"),
            name.replace('_', "-"),
            format!("{}\u{200b}{}", &name[..3], &name[3..]),
            spaced,
        ] {
            let error = app.query("SELECT vetassist_log_event($1)", &[&spelt]).expect_err(&spelt);
            assert_eq!(sqlstate(&error), "42501", "{spelt:?}: {error:?}");
            let error = error.as_db_error().unwrap();
            assert!(error.message().contains("event_type") && error.hint().is_some(), "{error:?}");
        }
    }
    for data in [r#"{"by": "postgres"}"#, r#"{"a": 1, "BY": "postgres"}"#, r#"{"by": null}"#] {
        let error = app
            .batch_execute(&format!("SELECT vetassist_log_event('login_failed', NULL, '{data}')"))
            .unwrap_err();
        assert_eq!(sqlstate(&error), "42501", "{data}: {error:?}");
    }
    assert_eq!(events(&mut server.db), [""; 0]);
    // What only looks alike, and what is below the first level.
    app.batch_execute(
        r#"SELECT vetassist_log_event('login_failed', NULL, '{"nested": {"by": "x"}, "bytes": 1}');
           SELECT vetassist_log_event('second_login'), vetassist_log_event('login_refused'), vetassist_log_event('x', NULL, '["by"]')"#,
    )
    .unwrap();
    assert_eq!(
        events(&mut server.db),
        [
            r#"login_failed {"bytes": 1, "nested": {"by": "x"}}"#,
            "second_login nothing",
            "login_refused nothing",
            r#"x ["by"]"#,
        ]
    );
}

#[test]
fn the_librarys_events_say_who() {
    let mut server = KeyedServer::start();
    server
        .db
        .batch_execute(
            r#"CREATE ROLE "a ""'\ pp" LOGIN; SELECT vetassist_grant('"a ""''\ pp"', 'app'), vetassist_grant('"a ""''\ pp"', 'admin');
               CREATE ROLE other; GRANT other TO "a ""'\ pp""#,
        )
        .unwrap();
    let mut app = server.connect_as("a \"'\\ pp");
    app.batch_execute(LOGIN).unwrap();
    app.batch_execute(
        "SELECT vetassist_erase_user((vetassist_login('ICN1', 'access', now() + '1 h', 'jti', now() + '1 h')).user_id)",
    )
    .unwrap();
    app.batch_execute("CALL vetassist_rotate_tokens()").unwrap();
    app.batch_execute("CALL vetassist_upgrade_ip_hashes()").unwrap();
    server
        .db
        .batch_execute("INSERT INTO vetassist_auth_audit (event_type, created_at) VALUES ('old', now() - interval '3 years')")
        .unwrap();
    app.batch_execute("CALL vetassist_seal_audit()").unwrap();
    // Whoever it acts as, it is the same session.
    app.batch_execute("SELECT vetassist_purge_audit('2 years')").unwrap();
    let said = column_of(
        &mut server.db,
        r#"SELECT concat_ws(' ', event_type, event_data - 'session_id' - 'cutoff') FROM vetassist_auth_audit WHERE event_type NOT LIKE 'tier%' ORDER BY id"#,
    );
    let by = r#""by": "a \"'\\ pp""#;
    assert_eq!(
        said,
        [
            format!("login {{{by}, \"new_user\": true}}"),
            // Of who was erased.
            "login".to_owned(),
            format!("user_erased {{{by}}}"),
            format!("keys_rotated {{{by}, \"held\": 0, \"count\": 0, \"unopened\": 0}}"),
            format!("ip_hashes_upgraded {{{by}, \"count\": 1}}"),
            format!("audit_purged {{{by}, \"count\": 1}}"),
        ]
    );
}

/// The names in a database whose encoding is another.
#[test]
fn who_it_was_is_said_in_every_encoding() {
    let mut server = KeyedServer::start();
    server
        .db
        .batch_execute("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
        .unwrap();
    let mut db = server.connect_to("latin");
    db.batch_execute("CREATE EXTENSION vetassist; CREATE ROLE \"j\u{f6}rg\"; SET SESSION AUTHORIZATION \"j\u{f6}rg\"; RESET SESSION AUTHORIZATION").unwrap();
    db.batch_execute("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO \"j\u{f6}rg\"; SET SESSION AUTHORIZATION \"j\u{f6}rg\"").unwrap();
    db.batch_execute(LOGIN).unwrap();
    db.batch_execute("RESET SESSION AUTHORIZATION").unwrap();
    let by = "SELECT event_data ->> 'by' FROM vetassist_auth_audit";
    assert_eq!(column_of(&mut db, by), ["j\u{f6}rg"]);
}

/// A role that may insert, as a backend that was there before the extension.
fn with_inserter() -> KeyedServer {
    let mut server = KeyedServer::start();
    server
        .db
        .batch_execute(
            "CREATE ROLE backend LOGIN; GRANT SELECT, INSERT ON vetassist_auth_audit TO backend;
             GRANT USAGE, SELECT ON SEQUENCE vetassist_auth_audit_id_seq TO backend",
        )
        .unwrap();
    server
}

/// All that the library logs goes on, and what it says is in the trail.
fn goes_on(db: &mut Client) {
    db.batch_execute("SET statement_timeout = '10 s'").unwrap();
    db.batch_execute("INSERT INTO vetassist_auth_audit (event_type, created_at) VALUES ('old', now() - interval '3 years')").unwrap();
    db.batch_execute(LOGIN).unwrap();
    db.batch_execute("CALL vetassist_seal_audit()").unwrap();
    db.batch_execute(
        "SELECT vetassist_log_event('seen');
         SELECT vetassist_erase_user((vetassist_login('ICN1', 'access', now() + '1 h', 'jti', now() + '1 h')).user_id);
         SELECT vetassist_purge_audit('2 years')",
    )
    .unwrap();
    db.batch_execute("CALL vetassist_rotate_tokens()").unwrap();
    db.batch_execute("CALL vetassist_upgrade_ip_hashes()").unwrap();
    let said = column_of(
        db,
        "SELECT event_type FROM vetassist_auth_audit WHERE event_type NOT IN ('taken', 'forged') ORDER BY id",
    );
    let all = [
        "login",
        "seen",
        "login",
        "user_erased",
        "audit_purged",
        "keys_rotated",
        "ip_hashes_upgraded",
    ];
    for event in all {
        assert!(said.iter().any(|said| said == event), "{event}: {said:?}");
    }
}

#[test]
fn who_may_insert_takes_no_id_in_advance() {
    let mut server = with_inserter();
    let mut backend = server.connect_as("backend");
    backend
        .batch_execute(
            "INSERT INTO vetassist_auth_audit (id, event_type, created_at)
             SELECT n, 'forged', '2001-01-01' FROM generate_series(2, 100) AS n",
        )
        .unwrap();
    let mut sink =
        backend.copy_in("COPY vetassist_auth_audit (id, event_type) FROM STDIN").unwrap();
    sink.write_all(b"500\tforged\n501\tforged\n").unwrap();
    sink.finish().unwrap();
    // Those of the sequence, in its order.
    let ids = "SELECT id::text FROM vetassist_auth_audit ORDER BY id";
    let taken = column_of(&mut server.db, ids);
    let next: i64 =
        server.db.query_one("SELECT nextval('vetassist_auth_audit_id_seq')", &[]).unwrap().get(0);
    assert!(taken.iter().all(|id| id.parse::<i64>().unwrap() < next), "{next}: {taken:?}");
    goes_on(&mut server.db);
}

/// A row that is not committed holds up whoever wants its id.
#[test]
fn an_open_transaction_holds_no_sign_in_up() {
    let mut server = with_inserter();
    let mut backend = server.connect_as("backend");
    backend.batch_execute("BEGIN").unwrap();
    for id in 1..=50_i64 {
        backend
            .execute(
                "INSERT INTO vetassist_auth_audit (id, event_type, created_at) VALUES ($1, 'forged', '2001-01-01')",
                &[&id],
            )
            .unwrap();
    }
    goes_on(&mut server.db);
    backend.batch_execute("ROLLBACK").unwrap();
}

/// Rows of a backend that lets the column's default give the id, with whatever statement, as before.
#[test]
fn who_may_insert_writes_as_before() {
    let mut server = with_inserter();
    let mut backend = server.connect_as("backend");
    let row = backend
        .query_one(
            "INSERT INTO vetassist_auth_audit (event_type, event_data, ip_hash) VALUES ('own', '{\"a\": 1}', 'x') RETURNING id, event_data::text, created_at = now()",
            &[],
        )
        .unwrap();
    let id: i64 = row.get(0);
    assert_eq!((row.get(1), row.get(2)), ("{\"a\": 1}", true));
    let stored = format!("SELECT event_type FROM vetassist_auth_audit WHERE id = {id}");
    assert_eq!(column_of(&mut server.db, &stored), ["own"]);
    backend
        .batch_execute("INSERT INTO vetassist_auth_audit VALUES (DEFAULT, NULL, 'own', NULL, NULL, '2001-01-01'), (DEFAULT, NULL, 'own', NULL, NULL, NULL)")
        .unwrap();
    let mut sink = backend.copy_in("COPY vetassist_auth_audit (event_type) FROM STDIN").unwrap();
    sink.write_all(b"own\nown\n").unwrap();
    sink.finish().unwrap();
    let count = "SELECT count(*)::text FROM vetassist_auth_audit WHERE event_type = 'own'";
    assert_eq!(column_of(&mut server.db, count), ["5"]);
}

/// Ids that a role took before there was anything to keep it from that.
const TAKEN: &str = "INSERT INTO vetassist_auth_audit (id, event_type, created_at)
        SELECT n, 'taken', '2001-01-01' FROM generate_series(1, 2000) AS n;
     INSERT INTO vetassist_auth_audit (id, event_type, created_at)
        SELECT n * 2, 'taken', '2001-01-01' FROM generate_series(1001, 1020) AS n;
     INSERT INTO vetassist_auth_audit (id, event_type, created_at) VALUES (9223372036854775807, 'taken', '2001-01-01')";

#[test]
fn ids_that_were_taken_before_the_installation_are_passed_over() {
    let mut server = KeyedServer::start();
    server.db.batch_execute("CREATE DATABASE adopted").unwrap();
    let mut db = server.connect_to("adopted");
    db.batch_execute(&vetassist_server_tests::plain_sql()).unwrap();
    db.batch_execute(TAKEN).unwrap();
    db.batch_execute("CREATE EXTENSION vetassist").unwrap();
    goes_on(&mut db);
    let first = "SELECT min(id)::text FROM vetassist_auth_audit WHERE event_type = 'login'";
    assert_eq!(column_of(&mut db, first), ["2042"]);
}

#[test]
fn ids_that_were_taken_before_the_update_are_passed_over() {
    let mut server = KeyedServer::start();
    for (number, version) in ["0.1.0", "0.2.0"].iter().enumerate() {
        server.db.batch_execute(&format!("CREATE DATABASE older_{number}")).unwrap();
        let mut db = server.connect_to(&format!("older_{number}"));
        db.batch_execute(&format!("CREATE EXTENSION vetassist VERSION '{version}'")).unwrap();
        db.batch_execute(TAKEN).unwrap();
        db.batch_execute("ALTER EXTENSION vetassist UPDATE").unwrap();
        goes_on(&mut db);
    }
}

/// An id is never given back: the sequence goes on where it is ahead of the rows.
#[test]
fn the_next_id_stays_where_it_is() {
    let mut server = KeyedServer::start();
    server.db.batch_execute("CREATE DATABASE ahead").unwrap();
    let mut db = server.connect_to("ahead");
    db.batch_execute(&vetassist_server_tests::plain_sql()).unwrap();
    db.batch_execute(
        "INSERT INTO vetassist_auth_audit (event_type) VALUES ('x'); SELECT setval('vetassist_auth_audit_id_seq', 77)",
    )
    .unwrap();
    db.batch_execute(&vetassist_server_tests::plain_sql()).unwrap();
    db.batch_execute("CREATE EXTENSION vetassist").unwrap();
    let next = "SELECT vetassist_log_event('x')::text";
    assert_eq!(column_of(&mut db, next), ["78"]);
}
