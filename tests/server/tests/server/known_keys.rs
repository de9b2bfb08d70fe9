//! Tests that a ring that a database does not know seals nothing.

use vetassist_server_tests::{column_of, hex_key, sqlstate, KeyedServer};

const SIGN_IN: &str = "SELECT vetassist_login('ICN', 'a', now() + '1 h', gen_random_uuid()::text, now() + '8 h', 'r')";

fn known(server: &mut KeyedServer) -> Vec<String> {
    column_of(&mut server.db, "SELECT * FROM vetassist_known_keys()")
}

#[test]
fn an_unknown_ring_seals_nothing_until_it_is_accepted() {
    let mut server = KeyedServer::start();
    server.db.batch_execute("BEGIN").unwrap();
    server.db.batch_execute(SIGN_IN).unwrap();
    server.db.batch_execute("ROLLBACK").unwrap();
    assert_eq!(known(&mut server), [""; 0], "a sign-in that was rolled back recorded its key");
    server.db.batch_execute(SIGN_IN).unwrap();
    let old =
        column_of(&mut server.db, "SELECT fingerprint FROM vetassist_keys() WHERE is_current");
    assert_eq!(known(&mut server), old);
    server.db.batch_execute("CREATE ROLE app LOGIN; SELECT vetassist_grant('app', 'app'); GRANT EXECUTE ON FUNCTION vetassist_encrypt_token TO app").unwrap();

    let ring = std::fs::read_to_string(server.key_file()).unwrap();
    server.set_ring(&hex_key(0x77));
    let mut app = server.connect_as("app");
    for call in [
        SIGN_IN,
        "SELECT vetassist_store_tokens(vetassist_find_user('ICN'), 'a', now())",
        "SELECT vetassist_encrypt_token('a', gen_random_uuid())",
    ] {
        let error = app.batch_execute(call).unwrap_err();
        assert_eq!(sqlstate(&error), "F0000", "{call}: {error:?}");
        assert!(error.as_db_error().unwrap().detail().unwrap().contains(&old[0]), "{error:?}");
    }
    // A ring that contains the old key is known.
    server.set_ring(&format!("{}\n{ring}", hex_key(0x77)));
    server.connect_as("app").batch_execute(SIGN_IN).unwrap();
    assert_eq!(known(&mut server).len(), 2);
    server.set_ring(&hex_key(0x66));
    assert_eq!(sqlstate(&server.connect_as("app").batch_execute(SIGN_IN).unwrap_err()), "F0000");
    assert_eq!(
        sqlstate(&app.batch_execute("SELECT vetassist_accept_ring()").unwrap_err()),
        "42501"
    );
    let mut superuser = server.connect();
    superuser.batch_execute("SELECT vetassist_accept_ring()").unwrap();
    server.connect_as("app").batch_execute(SIGN_IN).unwrap();
    let accepted = "SELECT event_data ->> 'fingerprint' FROM vetassist_auth_audit WHERE event_type = 'ring_accepted'";
    assert_eq!(
        column_of(&mut superuser, accepted),
        column_of(&mut superuser, "SELECT fingerprint FROM vetassist_keys() WHERE is_current")
    );
}

/// The key must be recorded once a transaction that sealed under it is committed, no matter what was rolled back before.
#[test]
fn a_key_that_was_rolled_back_is_recorded_by_the_next_sign_in() {
    let mut server = KeyedServer::start_with(&[("max_prepared_transactions", "5")]);
    let caught = format!("DO $$BEGIN PERFORM FROM ({SIGN_IN}) AS s; RAISE 'x'; EXCEPTION WHEN raise_exception THEN END$$");
    for rolled_back in [
        format!("BEGIN; SAVEPOINT s; {SIGN_IN}; ROLLBACK TO s; COMMIT"),
        format!("BEGIN; SAVEPOINT s; SAVEPOINT t; {SIGN_IN}; RELEASE t; ROLLBACK TO s; COMMIT"),
        caught,
        format!("BEGIN; {SIGN_IN}; PREPARE TRANSACTION 'p'; BEGIN; SELECT 1; COMMIT; ROLLBACK PREPARED 'p'"),
    ] {
        let mut db = server.connect();
        for statement in rolled_back.split_inclusive("; ").filter(|_| !rolled_back.starts_with("DO")) {
            db.batch_execute(statement).unwrap();
        }
        if rolled_back.starts_with("DO") {
            db.batch_execute(&rolled_back).unwrap();
        }
        assert_eq!(known(&mut server), [""; 0], "{rolled_back}");
        db.batch_execute(SIGN_IN).unwrap();
        assert_eq!(known(&mut server).len(), 1, "{rolled_back}");
        server.db.batch_execute("DELETE FROM vetassist_key_fingerprints").unwrap();
    }
    // A sign-in in a savepoint that is kept is recorded too.
    let kept = format!("BEGIN; SAVEPOINT s; {SIGN_IN}; RELEASE s; COMMIT");
    server.connect().batch_execute(&kept).unwrap();
    assert_eq!(known(&mut server).len(), 1);
}

/// A backend judges a ring by rows that its own transaction may roll back.
#[test]
fn a_ring_that_was_accepted_in_a_rolled_back_transaction_seals_nothing() {
    let mut server = KeyedServer::start_with(&[("max_prepared_transactions", "5")]);
    server.db.batch_execute(SIGN_IN).unwrap();
    server.set_ring(&hex_key(0x77));
    for accepted in ["SELECT vetassist_accept_ring()", "DELETE FROM vetassist_va_tokens"] {
        for (begin, end) in [
            ("BEGIN", "ROLLBACK"),
            ("BEGIN; SAVEPOINT s", "ROLLBACK TO s"),
            ("BEGIN", "PREPARE TRANSACTION 'p'"),
        ] {
            let mut db = server.connect();
            let sign_in = SIGN_IN.replace("'ICN'", "gen_random_uuid()::text");
            for statement in [begin, accepted, &sign_in, end] {
                db.batch_execute(statement).unwrap();
            }
            let error = db.batch_execute(&sign_in).unwrap_err();
            assert_eq!(sqlstate(&error), "F0000", "{accepted} {begin} {end}: {error:?}");
            let _ = server.db.batch_execute("ROLLBACK PREPARED 'p'");
        }
    }
}

/// No fingerprint is recorded after an update or an adoption, or if a client wrote the tokens.
#[test]
fn a_ring_that_opens_the_stored_tokens_is_accepted_by_itself() {
    let mut server = KeyedServer::start();
    server.db.batch_execute(SIGN_IN).unwrap();
    server.db.batch_execute("DELETE FROM vetassist_key_fingerprints").unwrap();
    server.connect().batch_execute(SIGN_IN).unwrap();
    assert_eq!(known(&mut server).len(), 1);
}

#[test]
#[ignore = "takes seconds"]
fn a_missing_key_that_still_seals_tokens_causes_a_warning() {
    let mut server = KeyedServer::start();
    server.db.batch_execute(SIGN_IN).unwrap();
    let ring = std::fs::read_to_string(server.key_file()).unwrap();
    server.set_ring(&format!("{}\n{ring}", hex_key(0x77)));
    server.connect().batch_execute(&SIGN_IN.replace("ICN", "other")).unwrap();
    server.set_ring(&hex_key(0x77));
    server.reconnect();
    // A backend warns once.
    let twice = [
        &SIGN_IN.replace("ICN", "third"),
        "BEGIN",
        &SIGN_IN.replace("ICN", "fourth"),
        "ROLLBACK",
        "SELECT vetassist_reload_keys()",
        &SIGN_IN.replace("ICN", "fifth"),
    ]
    .join("; ");
    let warnings = server.warnings_of(&twice);
    assert_eq!(warnings, ["the key ring lacks a key that still seals stored tokens"]);
}

#[test]
fn a_client_records_the_fingerprint_of_its_key() {
    let mut server = KeyedServer::start();
    for bad in ["'x'", "NULL", "'0123456789ABCDEF'", "'0123456789abcdef0'"] {
        let error =
            server.db.batch_execute(&format!("SELECT vetassist_note_key({bad})")).unwrap_err();
        assert_eq!(sqlstate(&error), "22023", "{bad}");
    }
    for _ in 0..2 {
        server.db.batch_execute("SELECT vetassist_note_key('0123456789abcdef')").unwrap();
    }
    assert_eq!(
        column_of(&mut server.db, "SELECT fingerprint::text FROM vetassist_key_fingerprints"),
        ["0123456789abcdef"]
    );
}
