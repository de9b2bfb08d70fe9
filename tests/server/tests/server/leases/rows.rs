//! Tests leases of rows that others wrote: the deployed backend, a prepared transaction, a sealing with another key.

use std::thread;

use vetassist_server_tests::{column_of, KeyedServer};

use super::{claim, error_of, finish, server_with, sign_in, state_of, stored, use_token};

/// An UPSERT that stores the same bytes is no new sign-in, whatever else it changes.
#[test]
fn the_same_tokens_keep_a_lease() {
    let mut server = server_with(&[("due", 20)]);
    let mut app = server.connect_as("app");
    for same in [
        "UPDATE vetassist_va_tokens SET expires_at = now() - '1 s'::interval",
        "UPDATE vetassist_va_tokens SET scope = 'openid', token_type = 'bearer', refreshed_at = now()",
        "INSERT INTO vetassist_va_tokens (user_id, access_token_encrypted, refresh_token_encrypted, expires_at)
         SELECT user_id, access_token_encrypted, refresh_token_encrypted, now() FROM vetassist_va_tokens
         ON CONFLICT (user_id) DO UPDATE SET access_token_encrypted = excluded.access_token_encrypted,
             refresh_token_encrypted = excluded.refresh_token_encrypted, expires_at = excluded.expires_at",
        "WITH gone AS (DELETE FROM vetassist_va_tokens RETURNING *)
         INSERT INTO vetassist_va_tokens SELECT gen_random_uuid(), user_id, access_token_encrypted, refresh_token_encrypted, 'Bearer', NULL, now() FROM gone",
    ] {
        let lease = claim(&mut app, 1).remove(0).1;
        server.db.batch_execute(same).unwrap();
        assert_eq!(state_of(&use_token(&mut app, "due")), "wait", "{same}");
        assert_eq!(claim(&mut app, 1), [], "{same}");
        assert_eq!(finish(&mut app, &lease, "new"), "stored", "{same}");
        assert_eq!(stored(&mut app, "due").0, "new access");
        sign_in(&mut server.db, "due", 20);
    }
    for gone in [
        "UPDATE vetassist_va_tokens SET refresh_token_encrypted = NULL",
        "DELETE FROM vetassist_va_tokens",
    ] {
        let lease = claim(&mut app, 1).remove(0).1;
        server.db.batch_execute(gone).unwrap();
        assert_eq!(finish(&mut app, &lease, "new"), "superseded", "{gone}");
        sign_in(&mut server.db, "due", 20);
    }
}

#[test]
fn tokens_that_do_not_open_hold_nobody_up() {
    let mut server = server_with(&[
        ("fine", 20),
        ("no access", 3600),
        ("no refresh", 20),
        ("neither", 3600),
        ("access alone", 3600),
        ("another's", 20),
        ("owner", 3600),
        ("short", 20),
    ]);
    server
        .db
        .batch_execute(
            "CREATE FUNCTION damaged(sealed bytea) RETURNS bytea RETURN set_byte(sealed, 20, get_byte(sealed, 20) # 1);
             CREATE FUNCTION is_of(uuid, VARIADIC text[]) RETURNS boolean RETURN (SELECT va_icn = ANY ($2) FROM vetassist_users WHERE id = $1);
             UPDATE vetassist_va_tokens SET access_token_encrypted = damaged(access_token_encrypted)
             WHERE is_of(user_id, 'no access', 'neither', 'access alone');
             UPDATE vetassist_va_tokens SET refresh_token_encrypted = damaged(refresh_token_encrypted)
             WHERE is_of(user_id, 'no refresh', 'neither');
             UPDATE vetassist_va_tokens SET refresh_token_encrypted = NULL WHERE is_of(user_id, 'access alone');
             UPDATE vetassist_va_tokens SET refresh_token_encrypted = '\\x01' WHERE is_of(user_id, 'short');
             UPDATE vetassist_va_tokens AS t
             SET access_token_encrypted = o.access_token_encrypted, refresh_token_encrypted = o.refresh_token_encrypted
             FROM vetassist_va_tokens AS o WHERE is_of(t.user_id, 'another''s') AND is_of(o.user_id, 'owner')",
        )
        .unwrap();
    let mut app = server.connect_as("app");
    let claimed: Vec<_> = claim(&mut app, 100).into_iter().map(|(token, _)| token).collect();
    assert_eq!(claimed, ["fine refresh"]);
    for (icn, state, access, refresh) in [
        ("fine", "wait", Some("fine access"), None),
        ("no access", "refresh", None, Some("no access refresh")),
        ("no refresh", "wait", Some("no refresh access"), None),
        ("neither", "wait", None, None),
        ("access alone", "reconnect", None, None),
        ("another's", "wait", None, None),
        ("owner", "ready", Some("owner access"), None),
        ("short", "wait", Some("short access"), None),
    ] {
        let row = use_token(&mut app, icn);
        let found = (state_of(&row), row.get::<_, Option<&str>>(1), row.get::<_, Option<&str>>(2));
        assert_eq!(found, (state.to_owned(), access, refresh), "{icn}");
    }
    let failed = "SELECT u.va_icn || ' ' || s.attempts || ' ' || s.last_error FROM vetassist_refresh_states AS s
         JOIN vetassist_users AS u ON u.id = s.user_id ORDER BY 1";
    assert_eq!(
        column_of(&mut server.db, failed),
        [
            "another's 1 unopenable",
            "neither 1 unopenable",
            "no refresh 1 unopenable",
            "short 1 unopenable"
        ]
    );
}

#[test]
fn many_requests_of_one_veteran_refresh_once() {
    let server = server_with(&[("due", 20)]);
    let clients: Vec<_> = (0..8).map(|_| server.connect_as("app")).collect();
    let requests = clients.into_iter().map(|mut app| {
        thread::spawn(move || {
            (0..20).map(|_| state_of(&use_token(&mut app, "due"))).collect::<Vec<_>>()
        })
    });
    let requests: Vec<_> = requests.collect();
    let states: Vec<_> = requests.into_iter().flat_map(|request| request.join().unwrap()).collect();
    assert_eq!(states.iter().filter(|state| *state == "refresh").count(), 1);
    assert_eq!(states.iter().filter(|state| *state == "wait").count(), 159);
}

#[test]
fn a_lease_of_a_prepared_transaction_holds_once_it_is_committed() {
    let mut server = KeyedServer::start_with(&[("max_prepared_transactions", "1")]);
    sign_in(&mut server.db, "due", 20);
    let mut db = server.connect();
    db.batch_execute("BEGIN").unwrap();
    let lease = claim(&mut db, 1).remove(0).1;
    let call = format!("SELECT vetassist_finish_refresh('{lease}', 'a', now())");
    assert_eq!(error_of(db.batch_execute(&call)), "25001");
    db.batch_execute("ROLLBACK; BEGIN").unwrap();
    let lease = claim(&mut db, 1).remove(0).1;
    db.batch_execute("PREPARE TRANSACTION 'p'").unwrap();
    assert_eq!(state_of(&use_token(&mut server.db, "due")), "wait");
    assert_eq!(claim(&mut server.db, 1), []);
    db.batch_execute("COMMIT PREPARED 'p'").unwrap();
    assert_eq!(state_of(&use_token(&mut server.db, "due")), "wait");
    db.batch_execute("BEGIN").unwrap();
    assert_eq!(finish(&mut db, &lease, "undone"), "stored");
    db.batch_execute("PREPARE TRANSACTION 'p'").unwrap();
    db.batch_execute("ROLLBACK PREPARED 'p'").unwrap();
    assert_eq!(finish(&mut db, &lease, "new"), "stored");
    assert_eq!(stored(&mut db, "due").0, "new access");
}

/// Adopted tables may lack the index, and somebody may drop it.
#[test]
fn a_database_without_the_index_of_due_tokens_works() {
    let mut server = server_with(&[("due", 20), ("later", 3600)]);
    server.db.batch_execute("DROP INDEX idx_vetassist_va_tokens_due").unwrap();
    let mut app = server.connect_as("app");
    assert_eq!(claim(&mut app, 10).len(), 1);
    let told = "SELECT severity || ' ' || left(message, 7) FROM vetassist_check() WHERE subject = 'idx_vetassist_va_tokens_due'";
    assert_eq!(column_of(&mut server.db, told), ["error missing"]);
}
