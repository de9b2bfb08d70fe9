//! Tests leases of refresh tokens: one exchange at a time, no token lost, no worker blocked.

mod accounts;
mod failures;
mod rows;

use postgres::{Client, Row};
use vetassist_server_tests::{column_of, sqlstate, KeyedServer};

/// Starts a server with the role `app`, and veterans whose tokens expire in this number of seconds.
fn server_with(icns: &[(&str, i32)]) -> KeyedServer {
    let mut server = KeyedServer::start_with_tiers(&["app"]);
    for (icn, seconds) in icns {
        sign_in(&mut server.db, icn, *seconds);
    }
    server
}

fn sign_in(db: &mut Client, icn: &str, seconds: i32) -> String {
    db.query_one(
        "SELECT user_id::text FROM vetassist_login($1, $1 || ' access', now() + $2 * interval '1 s', gen_random_uuid()::text,
                                                   now() + '8 h', $1 || ' refresh')",
        &[&icn, &f64::from(seconds)],
    )
    .unwrap()
    .get(0)
}

fn use_token(db: &mut Client, icn: &str) -> Row {
    db.query_one(
        "SELECT t.state, t.access_token, t.refresh_token, t.lease_id::text, t.retry_at::text
         FROM vetassist_use_token(vetassist_find_user($1)) AS t",
        &[&icn],
    )
    .unwrap()
}

fn state_of(row: &Row) -> String {
    row.get(0)
}

fn lease_of(row: &Row) -> String {
    row.get::<_, Option<String>>(3).expect("a lease")
}

fn claim(db: &mut Client, how_many: i32) -> Vec<(String, String)> {
    db.query(
        "SELECT refresh_token, lease_id::text FROM vetassist_claim_refreshes('5 minutes', $1) ORDER BY 1",
        &[&how_many],
    )
    .unwrap()
    .iter()
    .map(|row| (row.get(0), row.get(1)))
    .collect()
}

fn finish(db: &mut Client, lease: &str, answer: &str) -> String {
    db.query_one(
        "SELECT vetassist_finish_refresh($1::text::uuid, $2 || ' access', now() + '1 h', $2 || ' refresh')",
        &[&lease, &answer],
    )
    .unwrap()
    .get(0)
}

fn fail(
    db: &mut Client,
    lease: &str,
    error: &str,
    is_final: bool,
) -> (Option<String>, Option<f64>) {
    let row = db
        .query_one(
            "SELECT state, extract(epoch FROM retry_at - clock_timestamp())::float8
             FROM vetassist_fail_refresh($1::text::uuid, $2, $3)",
            &[&lease, &error, &is_final],
        )
        .unwrap();
    (row.get(0), row.get(1))
}

/// Returns the stored tokens of a veteran: access and refresh token.
fn stored(db: &mut Client, icn: &str) -> (String, String) {
    let row = db
        .query_one(
            "SELECT vetassist_access_token(u), vetassist_refresh_token(u) FROM vetassist_find_user($1) AS u",
            &[&icn],
        )
        .unwrap();
    (row.get(0), row.get(1))
}

fn error_of<T: std::fmt::Debug>(result: Result<T, postgres::Error>) -> String {
    sqlstate(&result.unwrap_err()).to_owned()
}

#[test]
fn a_due_token_is_leased_once_and_then_renewed() {
    let server = server_with(&[("live", 3600), ("due", 20), ("dead", -20)]);
    let mut app = server.connect_as("app");
    let live = use_token(&mut app, "live");
    assert_eq!(state_of(&live), "ready");
    assert_eq!(live.get::<_, Option<&str>>(1), Some("live access"));
    assert_eq!(
        live.get::<_, Option<&str>>(2),
        None,
        "a refresh token is returned only with a lease"
    );
    assert_eq!(live.get::<_, Option<&str>>(3), None);

    for (icn, access) in [("due", Some("due access")), ("dead", None)] {
        let first = use_token(&mut app, icn);
        assert_eq!(state_of(&first), "refresh");
        assert_eq!(
            first.get::<_, Option<&str>>(1),
            access,
            "an access token is returned until it expires"
        );
        assert_eq!(first.get::<_, Option<String>>(2), Some(format!("{icn} refresh")));
        let second = use_token(&mut app, icn);
        assert_eq!(state_of(&second), "wait");
        assert_eq!(second.get::<_, Option<&str>>(1), access);
        assert_eq!(second.get::<_, Option<&str>>(2), None);
        assert!(second.get::<_, Option<&str>>(4).is_some());

        let lease = lease_of(&first);
        assert_eq!(finish(&mut app, &lease, "new"), "stored");
        assert_eq!(stored(&mut app, icn), ("new access".into(), "new refresh".into()));
        // The worker repeats the call if its response was lost.
        assert_eq!(finish(&mut app, &lease, "new"), "stored");
        assert_eq!(finish(&mut app, &lease, "other"), "superseded");
        assert_eq!(stored(&mut app, icn).0, "new access");
        assert_eq!(state_of(&use_token(&mut app, icn)), "ready");
    }
    let none =
        app.query_one("SELECT state FROM vetassist_use_token(gen_random_uuid())", &[]).unwrap();
    assert_eq!(none.get::<_, &str>(0), "none");
    assert_eq!(error_of(app.query("SELECT * FROM vetassist_use_token(NULL)", &[])), "22004");
    for lease in ["'0 s'", "'-1 s'"] {
        let call =
            format!("SELECT * FROM vetassist_use_token(gen_random_uuid(), lease => {lease})");
        assert_eq!(error_of(app.query(&call, &[])), "22023");
    }
}

#[test]
fn finishing_in_the_transaction_of_the_lease_is_refused() {
    let server = server_with(&[("due", 20)]);
    let mut app = server.connect_as("app");
    for end in
        ["vetassist_finish_refresh(lease_id, 'a', now())", "vetassist_fail_refresh(lease_id, 'x')"]
    {
        for lease in
            ["vetassist_claim_refreshes()", "vetassist_use_token(vetassist_find_user('due'))"]
        {
            assert_eq!(error_of(app.query(&format!("SELECT {end} FROM {lease}"), &[])), "25001");
            // A savepoint between the two calls makes no difference.
            let mut transaction = app.transaction().unwrap();
            let mut savepoint = transaction.transaction().unwrap();
            let row =
                savepoint.query_one(&format!("SELECT lease_id::text FROM {lease}"), &[]).unwrap();
            let lease: String = row.get(0);
            savepoint.commit().unwrap();
            let call = end.replace("lease_id", &format!("'{lease}'"));
            assert_eq!(error_of(transaction.query(&format!("SELECT {call}"), &[])), "25001");
            transaction.rollback().unwrap();
        }
    }
    // A rollback releases the lease.
    assert_eq!(claim(&mut app, 10).len(), 1);
}

#[test]
fn workers_claim_different_tokens_without_waiting() {
    let server = server_with(&[("a", 10), ("b", 20), ("c", 30), ("later", 3600)]);
    let (mut one, mut two) = (server.connect_as("app"), server.connect_as("app"));
    one.batch_execute("BEGIN").unwrap();
    assert_eq!(claim(&mut one, 2).len(), 2, "the tokens that expire first are claimed");
    two.batch_execute("SET statement_timeout = '5s'").unwrap();
    let rest = claim(&mut two, 10);
    assert_eq!(rest.iter().map(|(token, _)| &**token).collect::<Vec<_>>(), ["c refresh"]);
    assert_eq!(state_of(&use_token(&mut two, "a")), "wait");
    one.batch_execute("ROLLBACK").unwrap();
    assert_eq!(claim(&mut two, 10).len(), 2);
    assert_eq!(claim(&mut one, 10), []);
    for (within, rows, lease, state) in [
        ("NULL", "1", "'1 s'", "22004"),
        ("'1 s'", "NULL", "'1 s'", "22004"),
        ("'1 s'", "1", "NULL", "22004"),
        ("'1 s'", "0", "'1 s'", "22023"),
        ("'1 s'", "1", "'0 s'", "22023"),
    ] {
        let call = format!("SELECT * FROM vetassist_claim_refreshes({within}, {rows}, {lease})");
        assert_eq!(error_of(one.query(&call, &[])), state, "{call}");
    }
}

#[test]
fn an_expired_lease_stores_unless_other_tokens_were_stored() {
    let server = server_with(&[("due", 20)]);
    let mut app = server.connect_as("app");
    let lease = |db: &mut Client| -> String {
        let claimed =
            "SELECT lease_id::text FROM vetassist_claim_refreshes('5 minutes', 10, '10 ms')";
        let lease = column_of(db, claimed).remove(0);
        db.batch_execute("SELECT pg_sleep(0.02)").unwrap();
        lease
    };
    let (first, second) = (lease(&mut app), lease(&mut app));
    assert_eq!(finish(&mut app, &first, "first"), "stored");
    assert_eq!(finish(&mut app, &second, "second"), "superseded");
    assert_eq!(stored(&mut app, "due").0, "first access");
    assert_eq!(
        app.query_one("SELECT vetassist_finish_refresh(gen_random_uuid(), 'a', now())", &[])
            .unwrap()
            .get::<_, &str>(0),
        "superseded"
    );
}

/// Statements that store other tokens, as other backends write them.
const OTHERS: &[&str] = &[
    "INSERT INTO vetassist_va_tokens (user_id, access_token_encrypted, refresh_token_encrypted, expires_at)
     SELECT u, vetassist_encrypt_token('theirs', u), vetassist_encrypt_token('theirs', u), now() + '10 s' FROM vetassist_find_user('due') AS u
     ON CONFLICT (user_id) DO UPDATE SET access_token_encrypted = excluded.access_token_encrypted,
         refresh_token_encrypted = excluded.refresh_token_encrypted, expires_at = excluded.expires_at",
    // This changes the access token alone, and no time.
    "UPDATE vetassist_va_tokens SET access_token_encrypted = vetassist_encrypt_token('theirs', user_id)",
    "UPDATE vetassist_va_tokens SET refresh_token_encrypted = vetassist_encrypt_token('due refresh', user_id)",
    "SELECT vetassist_store_tokens(vetassist_find_user('due'), 'theirs', now() + '10 s', 'theirs')",
    "SELECT vetassist_login('due', 'theirs', now() + '10 s', gen_random_uuid()::text, now() + '1 h', 'theirs')",
];

#[test]
#[ignore = "takes seconds"]
fn other_stored_tokens_end_a_lease_a_back_off_and_a_reconnect() {
    for other in OTHERS {
        let mut server = server_with(&[("due", 20)]);
        let mut app = server.connect_as("app");
        let lease = claim(&mut app, 1).remove(0).1;
        server.db.batch_execute(other).unwrap();
        let theirs = stored(&mut app, "due");
        assert_eq!(finish(&mut app, &lease, "late"), "superseded", "{other}");
        assert_eq!(
            fail(&mut app, &lease, "invalid_grant", true).0.as_deref(),
            Some("ready"),
            "{other}"
        );
        assert_eq!(stored(&mut app, "due"), theirs);
        for is_final in [false, true] {
            let lease = claim(&mut app, 1).remove(0).1;
            fail(&mut app, &lease, "invalid_grant", is_final);
            assert_eq!(claim(&mut app, 1), []);
            server.db.batch_execute(other).unwrap();
        }
        assert_eq!(state_of(&use_token(&mut app, "due")), "refresh", "{other}");
    }
}

#[test]
fn a_rotation_keeps_leases_back_offs_and_reconnects() {
    let mut server =
        server_with(&[("leased", 20), ("backs off", 20), ("reconnect", 20), ("finished", 20)]);
    let mut app = server.connect_as("app");
    let claimed = claim(&mut app, 10);
    let lease = |token: &str| claimed.iter().find(|(t, _)| t == token).unwrap().1.clone();
    fail(&mut app, &lease("backs off refresh"), "server_error", false);
    fail(&mut app, &lease("reconnect refresh"), "invalid_grant", true);
    assert_eq!(finish(&mut app, &lease("finished refresh"), "new"), "stored");
    let old = vetassist_server_tests::hex_key(0x42);
    let ring = std::fs::read_to_string(server.key_file()).unwrap();
    server.set_ring(&format!("{old}\n{ring}"));
    server.db.batch_execute("CALL vetassist_rotate_tokens()").unwrap();
    let sealed = column_of(
        &mut server.db,
        "SELECT sealed_values::text FROM vetassist_rotation_status() WHERE is_current",
    );
    assert_eq!(sealed, ["8"]);
    let mut app = server.connect_as("app");
    assert_eq!(state_of(&use_token(&mut app, "leased")), "wait");
    assert_eq!(state_of(&use_token(&mut app, "backs off")), "wait");
    assert_eq!(state_of(&use_token(&mut app, "reconnect")), "reconnect");
    assert_eq!(finish(&mut app, &lease("leased refresh"), "new"), "stored");
    assert_eq!(finish(&mut app, &lease("finished refresh"), "new"), "stored");
    assert_eq!(stored(&mut app, "leased").0, "new access");
}

#[test]
fn no_token_is_leased_during_a_pause() {
    let mut server = server_with(&[("due", 20), ("live", 3600)]);
    server.db.batch_execute("ALTER SYSTEM SET vetassist.refresh_paused = on").unwrap();
    server.reload();
    let mut app = server.connect_as("app");
    vetassist_server_tests::wait(|| column_of(&mut app, "SHOW vetassist.refresh_paused") == ["on"]);
    assert_eq!(claim(&mut app, 10), []);
    assert_eq!(state_of(&use_token(&mut app, "due")), "wait");
    assert_eq!(state_of(&use_token(&mut app, "live")), "ready");
    assert_eq!(error_of(app.batch_execute("SET vetassist.refresh_paused = off")), "42501");
}
