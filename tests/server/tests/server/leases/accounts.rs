//! Tests events of refreshes, and accounts whose tokens are not returned.

use vetassist_server_tests::column_of;

use super::{claim, error_of, fail, finish, server_with, stored};

#[test]
fn each_outcome_writes_an_event_unless_it_is_rolled_back() {
    let mut server = server_with(&[("a", 20), ("b", 20)]);
    let mut app = server.connect_as("app");
    for (token, lease) in claim(&mut app, 10) {
        let mut transaction = app.transaction().unwrap();
        transaction
            .execute("SELECT vetassist_fail_refresh($1::text::uuid, 'x')", &[&lease])
            .unwrap();
        transaction.rollback().unwrap();
        if token == "a refresh" {
            finish(&mut app, &lease, "new");
        } else {
            fail(&mut app, &lease, "invalid_grant", true);
        }
    }
    app.batch_execute(
        "SELECT vetassist_store_tokens(vetassist_find_user('b'), 'x', now() + '1 h');
         SELECT vetassist_disconnect(vetassist_find_user('a'));
         SELECT vetassist_disconnect(vetassist_find_user('a'))",
    )
    .unwrap();
    let events = column_of(
        &mut server.db,
        "SELECT event_type || ' ' || (event_data - 'session_id')::text FROM vetassist_auth_audit WHERE event_type <> 'login' ORDER BY id",
    );
    assert_eq!(
        events,
        [
            r#"tier_granted {"by": "postgres", "role": "app", "tier": "app"}"#,
            r#"token_refreshed {"by": "app"}"#,
            r#"token_refresh_failed {"by": "app", "error": "invalid_grant", "final": true, "attempts": 1}"#,
            r#"tokens_stored {"by": "app"}"#,
            r#"tokens_disconnected {"by": "app"}"#,
        ]
    );
}

#[test]
fn disconnecting_deletes_and_returns_both_tokens() {
    let mut server = server_with(&[("a", 20), ("broken", 20)]);
    server
        .db
        .batch_execute("UPDATE vetassist_va_tokens SET access_token_encrypted = decode(repeat('ab', 40), 'hex') WHERE user_id = vetassist_find_user('broken')")
        .unwrap();
    let mut app = server.connect_as("app");
    let mut disconnect = |icn: &str| {
        app.query(
            "SELECT access_token, refresh_token FROM vetassist_disconnect(vetassist_find_user($1))",
            &[&icn],
        )
        .unwrap()
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect::<Vec<(Option<String>, Option<String>)>>()
    };
    assert_eq!(disconnect("a"), [(Some("a access".into()), Some("a refresh".into()))]);
    assert_eq!(disconnect("a"), []);
    assert_eq!(disconnect("broken"), [(None, Some("broken refresh".into()))]);
    assert_eq!(error_of(app.query("SELECT vetassist_disconnect(NULL)", &[])), "22004");
    let status = app
        .query_one(
            "SELECT state, attempts FROM vetassist_token_status(vetassist_find_user('a'))",
            &[],
        )
        .unwrap();
    assert_eq!((status.get::<_, &str>(0), status.get::<_, i32>(1)), ("none", 0));
}

#[test]
fn an_inactive_account_gets_no_token() {
    let mut server = server_with(&[("due", 20)]);
    let mut app = server.connect_as("app");
    let lease = claim(&mut app, 1).remove(0).1;
    server
        .db
        .batch_execute(
            "SELECT vetassist_set_active(vetassist_find_user('due'), false, 'asked for')",
        )
        .unwrap();
    assert_eq!(
        error_of(app.query("SELECT vetassist_use_token(vetassist_find_user('due'))", &[])),
        "VA001"
    );
    assert_eq!(claim(&mut app, 10), []);
    // VA.gov has revoked the old token, so the new one is stored in case the account becomes active again.
    assert_eq!(finish(&mut app, &lease, "new"), "stored");
    // An erasure deletes the tokens, the lease and the state.
    server.db.batch_execute("SELECT vetassist_erase_user(id) FROM vetassist_users").unwrap();
    assert_eq!(finish(&mut app, &lease, "new"), "superseded");
    let left = "SELECT count(*)::text FROM (SELECT lease_id::text FROM vetassist_refresh_leases UNION ALL SELECT user_id::text FROM vetassist_refresh_states) AS l";
    assert_eq!(column_of(&mut server.db, left), ["0"]);
}

#[test]
fn audit_openings_writes_an_event_for_each_opened_token() {
    let mut server = server_with(&[("due", 20)]);
    server.db.batch_execute("ALTER DATABASE postgres SET vetassist.audit_openings = on").unwrap();
    let mut app = server.connect_as("app");
    stored(&mut app, "due");
    claim(&mut app, 1);
    let opened = "SELECT event_data ->> 'token' FROM vetassist_auth_audit WHERE event_type = 'token_opened' ORDER BY id";
    assert_eq!(column_of(&mut server.db, opened), ["access", "refresh", "refresh"]);
    app.batch_execute("BEGIN READ ONLY").unwrap();
    assert_eq!(
        error_of(app.query("SELECT vetassist_access_token(vetassist_find_user('due'))", &[])),
        "25006"
    );
    app.batch_execute("ROLLBACK; BEGIN").unwrap();
    stored(&mut app, "due");
    app.batch_execute("ROLLBACK").unwrap();
    let log = server.log();
    assert_eq!(log.matches("the access token of user").count(), 2, "{log}");
    assert!(!log.contains("due access"));
}
