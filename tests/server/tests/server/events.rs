//! Tests the reserved events: only vetassist's own functions write them, and no other role can prevent that.

use std::io::Write;

use postgres::Client;
use vetassist_server_tests::{column_of, sqlstate, KeyedServer};

/// The names of the reserved events, which `vetassist_log_event` refuses.
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
fn vetassist_log_event_refuses_the_reserved_events() {
    let mut server = KeyedServer::start_with_tiers(&["app"]);
    let mut app = server.connect_as("app");
    for name in RESERVED {
        // A reader of the trail would take each of these spellings for the reserved name.
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
    // Names that contain a reserved name pass, and so does a nested member `by`.
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
fn reserved_events_name_the_session_user() {
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
    // The session user is the same whatever role the session acts as.
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
            // The data of the erased user's event is cleared.
            "login".to_owned(),
            format!("user_erased {{{by}}}"),
            format!("keys_rotated {{{by}, \"held\": 0, \"count\": 0, \"unopened\": 0}}"),
            format!("ip_hashes_upgraded {{{by}, \"count\": 1}}"),
            format!("audit_purged {{{by}, \"count\": 1}}"),
        ]
    );
}

#[test]
fn events_name_the_session_user_in_every_encoding() {
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

/// Starts a server with a role that may insert into the trail, like a backend from before the extension.
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

/// Calls every function that writes an event, and asserts that the trail has the events.
fn assert_every_call_writes_its_event(db: &mut Client) {
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
fn a_role_with_insert_cannot_take_ids_in_advance() {
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
    // The rows have ids of the sequence, not the chosen ones.
    let ids = "SELECT id::text FROM vetassist_auth_audit ORDER BY id";
    let taken = column_of(&mut server.db, ids);
    let next: i64 =
        server.db.query_one("SELECT nextval('vetassist_auth_audit_id_seq')", &[]).unwrap().get(0);
    assert!(taken.iter().all(|id| id.parse::<i64>().unwrap() < next), "{next}: {taken:?}");
    assert_every_call_writes_its_event(&mut server.db);
}

/// An uncommitted row with a chosen id would block the insertion of a row with the same id.
#[test]
#[ignore = "takes seconds"]
fn an_open_transaction_with_chosen_ids_delays_no_sign_in() {
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
    assert_every_call_writes_its_event(&mut server.db);
    backend.batch_execute("ROLLBACK").unwrap();
}

/// The backend uses the column's default, with INSERT and with COPY.
#[test]
fn a_role_with_insert_writes_rows_with_default_ids() {
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

/// Takes ids before the trigger exists that prevents it.
const TAKEN: &str = "INSERT INTO vetassist_auth_audit (id, event_type, created_at)
        SELECT n, 'taken', '2001-01-01' FROM generate_series(1, 2000) AS n;
     INSERT INTO vetassist_auth_audit (id, event_type, created_at)
        SELECT n * 2, 'taken', '2001-01-01' FROM generate_series(1001, 1020) AS n;
     INSERT INTO vetassist_auth_audit (id, event_type, created_at) VALUES (9223372036854775807, 'taken', '2001-01-01')";

#[test]
#[ignore = "takes seconds"]
fn ids_taken_before_the_installation_are_skipped() {
    let mut server = KeyedServer::start();
    server.db.batch_execute("CREATE DATABASE adopted").unwrap();
    let mut db = server.connect_to("adopted");
    db.batch_execute(&vetassist_server_tests::plain_sql()).unwrap();
    db.batch_execute(TAKEN).unwrap();
    db.batch_execute("CREATE EXTENSION vetassist").unwrap();
    assert_every_call_writes_its_event(&mut db);
    let first = "SELECT min(id)::text FROM vetassist_auth_audit WHERE event_type = 'login'";
    assert_eq!(column_of(&mut db, first), ["2042"]);
}

#[test]
#[ignore = "takes seconds"]
fn ids_taken_before_the_update_are_skipped() {
    let mut server = KeyedServer::start();
    for (number, version) in ["0.1.0", "0.2.0"].iter().enumerate() {
        server.db.batch_execute(&format!("CREATE DATABASE older_{number}")).unwrap();
        let mut db = server.connect_to(&format!("older_{number}"));
        db.batch_execute(&format!("CREATE EXTENSION vetassist VERSION '{version}'")).unwrap();
        db.batch_execute(TAKEN).unwrap();
        db.batch_execute("ALTER EXTENSION vetassist UPDATE").unwrap();
        assert_every_call_writes_its_event(&mut db);
    }
}

/// The sequence may be ahead of the rows; no id is used twice.
#[test]
fn an_installation_does_not_move_the_sequence_back() {
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
