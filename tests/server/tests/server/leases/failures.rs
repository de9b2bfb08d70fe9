//! Tests refreshes that fail: back-off, and the state `reconnect`.

use vetassist_server_tests::column_of;

use super::{claim, fail, finish, server_with, sign_in, state_of, use_token};

#[test]
fn a_failure_backs_off_and_a_final_failure_needs_a_new_sign_in() {
    let mut server = server_with(&[("due", -20)]);
    let mut app = server.connect_as("app");
    let mut expected = 5.0_f64;
    for attempt in 1..=12 {
        let lease = claim(&mut app, 1).remove(0).1;
        let (state, seconds) = fail(&mut app, &lease, "server_error", false);
        let seconds = seconds.unwrap();
        assert_eq!(state.as_deref(), Some("wait"));
        assert!((expected * 0.79..expected * 1.21).contains(&seconds), "{attempt}: {seconds}");
        // A second call changes nothing.
        assert_eq!(fail(&mut app, &lease, "server_error", true).0.as_deref(), Some("wait"));
        assert_eq!(claim(&mut app, 10), []);
        let row = use_token(&mut app, "due");
        assert_eq!(state_of(&row), "wait");
        assert!(row.get::<_, Option<&str>>(4).is_some());
        let status = app
            .query_one("SELECT state, attempts, last_error, has_refresh_token FROM vetassist_token_status(vetassist_find_user('due'))", &[])
            .unwrap();
        assert_eq!(status.get::<_, &str>(0), "wait");
        assert_eq!(status.get::<_, i32>(1), attempt);
        assert_eq!(status.get::<_, &str>(2), "server_error");
        assert!(status.get::<_, bool>(3));
        server.db.batch_execute("UPDATE vetassist_refresh_states SET retry_at = now()").unwrap();
        expected = (expected * 2.0).min(900.0);
    }
    let lease = claim(&mut app, 1).remove(0).1;
    assert_eq!(fail(&mut app, &lease, "invalid_grant", true), (Some("reconnect".into()), None));
    assert_eq!(state_of(&use_token(&mut app, "due")), "reconnect");
    assert_eq!(claim(&mut app, 10), []);
    assert!(column_of(&mut app, "SELECT user_id::text FROM vetassist_tokens_expiring()").is_empty());
    sign_in(&mut server.db, "due", 20);
    assert_eq!(
        column_of(&mut server.db, "SELECT user_id::text FROM vetassist_refresh_states"),
        [""; 0]
    );
    assert_eq!(state_of(&use_token(&mut app, "due")), "refresh");
}

#[test]
fn new_tokens_delete_the_stored_failure_of_the_earlier_ones() {
    let mut server = server_with(&[("due", -20)]);
    let mut app = server.connect_as("app");
    for new_tokens in [
        "SELECT vetassist_login('due', 'a', now() - interval '1 s', gen_random_uuid()::text, now() + '1 h', 'r')",
        "SELECT vetassist_login_sealed(u, 'due', vetassist_encrypt_token('a', u), now() - interval '1 s', gen_random_uuid()::text,
                                       now() + '1 h', vetassist_encrypt_token('r', u)) FROM vetassist_find_user('due') AS u",
        "SELECT vetassist_store_tokens(vetassist_find_user('due'), 'a', now() - interval '1 s', 'r')",
    ] {
        let lease = claim(&mut app, 1).remove(0).1;
        fail(&mut app, &lease, "invalid_grant", true);
        server.db.batch_execute(new_tokens).unwrap();
        assert_eq!(column_of(&mut server.db, "SELECT user_id::text FROM vetassist_refresh_states"), [""; 0], "{new_tokens}");
    }
}

#[test]
fn an_error_that_is_not_a_short_code_is_stored_as_other() {
    let server = server_with(&[("due", -20)]);
    let mut app = server.connect_as("app");
    let long = "x".repeat(65);
    let lease = claim(&mut app, 1).remove(0).1;
    for (error, kept) in [
        ("temporarily_unavailable", "temporarily_unavailable"),
        (&long, "other"),
        ("a\u{e9}", "other"),
        ("a\nb", "other"),
        ("", "other"),
    ] {
        let mut transaction = app.transaction().unwrap();
        transaction
            .execute("SELECT vetassist_fail_refresh($1::text::uuid, $2)", &[&lease, &error])
            .unwrap();
        let row = transaction
            .query_one(
                "SELECT last_error FROM vetassist_token_status(vetassist_find_user('due'))",
                &[],
            )
            .unwrap();
        assert_eq!(row.get::<_, &str>(0), kept);
        transaction.rollback().unwrap();
    }
}

/// The dead tokens are the oldest, so they come first in every order.
#[test]
fn dead_tokens_do_not_delay_the_others() {
    let mut server = server_with(&[]);
    server
        .db
        .batch_execute(
            "SELECT count(*) FROM generate_series(1, 100) AS i,
                LATERAL vetassist_login('dead' || i, 'a', now() - '1 day'::interval, 'd' || i, now() + '1 h', 'dead') AS l;
             SELECT count(*) FROM generate_series(1, 300) AS i,
                LATERAL vetassist_login('live' || i, 'a', now() - interval '1 s'::interval, 'l' || i, now() + '1 h', 'live') AS l;
             -- No key opens these.
             UPDATE vetassist_va_tokens SET refresh_token_encrypted = set_byte(refresh_token_encrypted, 20, (get_byte(refresh_token_encrypted, 20) + 1) % 256)
             WHERE user_id IN (SELECT id FROM vetassist_users WHERE va_icn LIKE 'dead_')",
        )
        .unwrap();
    let mut app = server.connect_as("app");
    let (mut renewed, mut failed) = (0, 0);
    for _ in 0..60 {
        for (token, lease) in claim(&mut app, 10) {
            if token == "dead" {
                fail(&mut app, &lease, "invalid_grant", true);
                failed += 1;
            } else {
                assert_eq!(finish(&mut app, &lease, "new"), "stored");
                renewed += 1;
            }
        }
    }
    assert_eq!((renewed, failed), (300, 91));
    let unopened = "SELECT count(*)::text FROM vetassist_refresh_states WHERE last_error = 'unopenable' AND retry_at IS NOT NULL";
    assert_eq!(column_of(&mut server.db, unopened), ["9"]);
}
