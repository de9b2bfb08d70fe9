//! Tests each endpoint of a service, and of its administration, as a role with a tier and without any right to a table. Each
//! change writes its event in its own transaction.

use postgres::Client;
use vetassist_server_tests::{column_of, KeyedServer};

const USER: &str = "vetassist_find_user('ICN')";

/// Calls a statement in a transaction that is rolled back, and then in one that is committed. Asserts that the first leaves no
/// event, and that the second writes exactly these, in its own transaction.
fn assert_writes(db: &mut Client, caller: &mut Client, statement: &str, events: &[&str]) {
    let written = "SELECT event_type FROM vetassist_auth_audit WHERE id > $1 ORDER BY id";
    let last = "SELECT coalesce(max(id), 0) FROM vetassist_auth_audit";
    let before: i64 = db.query_one(last, &[]).unwrap().get(0);
    caller.batch_execute(&format!("BEGIN; {statement}; ROLLBACK")).expect(statement);
    assert!(db.query(written, &[&before]).unwrap().is_empty(), "{statement} after a rollback");
    caller.batch_execute(&format!("BEGIN; {statement}")).expect(statement);
    let id = "SELECT coalesce(pg_current_xact_id_if_assigned()::xid::text, '')";
    let transaction = column_of(caller, id).remove(0);
    caller.batch_execute("COMMIT").expect(statement);
    let found: Vec<String> =
        db.query(written, &[&before]).unwrap().iter().map(|row| row.get(0)).collect();
    assert_eq!(found, events, "{statement}");
    let others = format!("SELECT count(*) FROM vetassist_auth_audit WHERE id > {before} AND xmin::text <> '{transaction}'");
    let others: i64 = db.query_one(&others, &[]).unwrap().get(0);
    assert_eq!(others, 0, "{statement} wrote an event in another transaction");
}

/// Takes a lease and returns it, after its commit.
fn lease(app: &mut Client) -> String {
    let claim = "SELECT lease_id::text FROM vetassist_claim_refreshes('1 day')";
    column_of(app, claim).remove(0)
}

#[test]
fn each_endpoint_works_through_its_tier_alone() {
    let mut server = KeyedServer::start_with_tiers(&["app", "admin"]);
    let (mut app, mut admin) = (server.connect_as("app"), server.connect_as("admin"));
    let sign_in = |jti: &str| {
        format!("SELECT vetassist_login('ICN', 'a', now() + '1 h', '{jti}', now() + '8 h', 'r', email => 'a@example.com', ip => '203.0.113.7')")
    };
    let finish = |lease: &str| {
        format!("SELECT vetassist_finish_refresh('{lease}', 'b', now() + '1 h', 'r2')")
    };

    let db = &mut server.db;
    assert_writes(db, &mut app, &sign_in("one"), &["login"]);
    assert_writes(db, &mut app, &sign_in("two"), &["login"]);
    // "me", and the list of sessions.
    let me = format!("SELECT email FROM vetassist_session('one') AS s, vetassist_user(s.user_id) AS u WHERE vetassist_session_active('one') AND s.user_id = {USER}");
    assert_eq!(column_of(&mut app, &me), ["a@example.com"]);
    let sessions =
        format!("SELECT jwt_id || is_active FROM vetassist_list_sessions({USER}) ORDER BY 1");
    for caller in [&mut app, &mut admin] {
        // The administration gets the user's id from its list of users.
        let list = sessions
            .replace(USER, &format!("'{}'", column_of(db, &format!("SELECT {USER}::text"))[0]));
        assert_eq!(column_of(caller, &list), ["onetrue", "twotrue"]);
    }
    assert_writes(db, &mut app, &me, &[]);
    let change = format!("SELECT vetassist_update_user({USER}, first_name => 'Tamara')");
    assert_writes(db, &mut app, &change, &["user_updated"]);
    assert_writes(
        db,
        &mut app,
        "SELECT vetassist_put_user('ICN', last_name => 'X')",
        &["user_updated"],
    );
    assert_writes(db, &mut app, "SELECT vetassist_put_user('other')", &["user_updated"]);
    let another = format!("SELECT vetassist_new_session({USER}, 'three', now() + '8 h')");
    assert_writes(db, &mut app, &another, &["session_created"]);
    // Signing out, and signing out everywhere.
    let sign_out = format!("SELECT vetassist_revoke_session('one', {USER})");
    assert_writes(db, &mut app, &sign_out, &["session_revoked"]);
    let by_id =
        "SELECT vetassist_revoke_session_by_id(session_id, user_id) FROM vetassist_session('two')";
    assert_writes(db, &mut app, by_id, &["session_revoked"]);
    assert_writes(db, &mut app, &sign_in("four"), &["login"]);
    let everywhere = format!("SELECT vetassist_revoke_all_sessions({USER}, 'four')");
    assert_writes(db, &mut app, &everywhere, &["sessions_revoked"]);
    assert_eq!(column_of(&mut app, &sessions), ["fourtrue", "onefalse", "threefalse", "twofalse"]);
    // A refresh that fails, one that succeeds, and tokens that are stored without one.
    let fail = format!("SELECT vetassist_fail_refresh('{}', 'server_error')", lease(&mut app));
    assert_writes(db, &mut app, &fail, &["token_refresh_failed"]);
    let store = format!("SELECT vetassist_store_tokens({USER}, 'c', now() + '1 h', 'r3')");
    assert_writes(db, &mut app, &store, &["tokens_stored"]);
    let finish = finish(&lease(&mut app));
    assert_writes(db, &mut app, &finish, &["token_refreshed"]);
    assert_writes(db, &mut app, &finish, &[]);
    let token = format!("SELECT access_token FROM vetassist_use_token({USER})");
    assert_eq!(column_of(&mut app, &token), ["b"]);
    let disconnect = format!("SELECT vetassist_disconnect({USER})");
    assert_writes(db, &mut app, &disconnect, &["tokens_disconnected"]);
    let key = "SELECT vetassist_note_key(k) FROM vetassist_known_keys() AS k";
    assert_writes(db, &mut app, key, &[]);

    // The administration: deactivate, activate, end sessions.
    let id = column_of(&mut app, &format!("SELECT {USER}::text")).remove(0);
    let set = |to: &str| format!("SELECT vetassist_set_active('{id}', {to}, 'because')");
    assert_writes(db, &mut admin, &set("false"), &["user_deactivated"]);
    assert_writes(db, &mut admin, &set("false"), &[]);
    assert_writes(db, &mut admin, &set("true"), &["user_activated"]);
    assert_writes(db, &mut app, &sign_in("five"), &["login"]);
    let end = format!("SELECT vetassist_revoke_session('five', '{id}')");
    assert_writes(db, &mut admin, &end, &["session_revoked"]);
    assert_writes(db, &mut app, &sign_in("six"), &["login"]);
    let end_all = format!("SELECT vetassist_revoke_all_sessions('{id}')");
    assert_writes(db, &mut admin, &end_all, &["sessions_revoked"]);

    let erase = format!("SELECT vetassist_erase_user('{id}')");
    assert_writes(db, &mut app, &erase, &["user_erased"]);
    assert_writes(db, &mut app, &erase, &[]);

    let rights = "SELECT r.rolname || c.relname FROM pg_roles AS r, pg_class AS c
         WHERE r.rolname IN ('app', 'admin') AND c.relname LIKE 'vetassist%' AND c.relkind IN ('r', 'S')
           AND (c.relkind = 'r' AND has_table_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
                OR c.relkind = 'r' AND has_any_column_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, REFERENCES')
                OR c.relkind = 'S' AND has_sequence_privilege(r.oid, c.oid, 'USAGE, SELECT, UPDATE'))";
    assert_eq!(column_of(&mut server.db, rights), [""; 0]);
}
