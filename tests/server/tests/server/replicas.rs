//! Tests that a standby serves reads, that a promoted standby serves every call, and that a subscriber has the same rows.

use vetassist_server_tests::{
    contents::{assert_use_continues, opened_tokens, rights_and_triggers, rows, TABLES},
    sqlstate, KeyedServer,
};

#[test]
#[ignore = "takes seconds"]
fn a_standby_serves_reads_and_every_call_when_promoted() {
    let mut server = KeyedServer::filled(&[]);
    server
        .db
        .batch_execute("CREATE ROLE monitor LOGIN; SELECT vetassist_grant('monitor', 'monitor')")
        .unwrap();
    let mut standby = server.standby();
    // This row comes after the base backup.
    server
        .db
        .batch_execute("SELECT vetassist_login('ICN later', 'access later', now() + '1 h', 'jti later', now() + '1 h', refresh_token => 'later')")
        .unwrap();
    standby.wait_for(&mut server.db);
    let mut replica = standby.connect_as("postgres");
    assert_eq!(opened_tokens(&mut replica), 39);
    assert_eq!(rows(&mut replica), rows(&mut server.db));
    assert_eq!(rights_and_triggers(&mut replica), rights_and_triggers(&mut server.db));
    let mut app = standby.connect_as("app");
    let row = app
        .query_one(
            "SELECT vetassist_session_active('jti 1'), vetassist_session_active('jti 7'), vetassist_session_active('jti later'),
                    vetassist_session_active('nobody'), vetassist_hash_ip('203.0.113.7')",
            &[],
        )
        .unwrap();
    assert_eq!([0, 1, 2, 3].map(|column| row.get::<_, bool>(column)), [true, false, true, false]);
    assert_eq!(row.get::<_, &str>(4).len(), 64);
    let row = replica
        .query_one(
            "SELECT vetassist_access_token(id), vetassist_refresh_token(id), vetassist_hash_ip_keyed('203.0.113.7'), count(s.*)
             FROM vetassist_users, vetassist_list_sessions(id) AS s WHERE va_icn = 'ICN later' GROUP BY id",
            &[],
        )
        .unwrap();
    assert_eq!((row.get(0), row.get(1)), ("access later", "later"));
    assert_eq!(row.get::<_, i64>(3), 1);
    let row = replica
        .query_one(
            "SELECT t.state, t.access_token, s.user_id = u.id, p.va_icn
             FROM vetassist_find_user('ICN later') AS u (id), vetassist_use_token(u.id) AS t,
                  vetassist_session('jti later') AS s, vetassist_user(u.id) AS p",
            &[],
        )
        .unwrap();
    assert_eq!((row.get(0), row.get(1)), ("ready", "access later"));
    assert_eq!((row.get(2), row.get(3)), (true, "ICN later"));
    // A standby gives no lease. The state of a due token is `wait`, with the old access token until it expires.
    let due = "SELECT state, access_token, lease_id::text FROM vetassist_use_token(vetassist_find_user('ICN later'), min_lifetime => '2 h')";
    let row = replica.query_one(due, &[]).unwrap();
    assert_eq!((row.get(0), row.get(1)), ("wait", "access later"));
    assert_eq!(row.get::<_, Option<String>>(2), None);
    // Checks and metrics need no write, in the tier `monitor`.
    let mut monitor = standby.connect_as("monitor");
    monitor.batch_execute("SET default_transaction_read_only = on").unwrap();
    let found = monitor.query("SELECT subject FROM vetassist_check()", &[]).unwrap();
    let found: Vec<&str> = found.iter().map(|row| row.get(0)).collect();
    assert_eq!(found, ["shared_preload_libraries"]);
    assert!(monitor.query("SELECT * FROM vetassist_metrics()", &[]).unwrap().len() > 5);
    assert_eq!(monitor.query("SELECT * FROM vetassist_keys()", &[]).unwrap().len(), 1);
    // PostgreSQL itself refuses calls that write.
    for writes in [
        "SELECT vetassist_login('ICN1', 'a', now(), 'j', now())",
        "SELECT vetassist_store_tokens(id, 'a', now()) FROM vetassist_users WHERE va_icn = 'ICN1'",
        "SELECT vetassist_revoke_session('jti 1', id) FROM vetassist_users WHERE va_icn = 'ICN1'",
        "SELECT vetassist_log_event('an event')",
        "SELECT vetassist_erase_user(id) FROM vetassist_users WHERE va_icn = 'ICN1'",
        "CALL vetassist_rotate_tokens()",
    ] {
        let error = replica.batch_execute(writes).unwrap_err();
        assert_eq!(sqlstate(&error), "25006", "{writes}: {error:?}");
    }
    standby.promote();
    let mut promoted = standby.connect_as("postgres");
    assert_eq!(rows(&mut promoted), rows(&mut server.db));
    // PostgreSQL writes 32 values of a sequence ahead into the WAL.
    assert_use_continues(&mut promoted, 32);
    promoted.batch_execute("CALL vetassist_rotate_tokens()").unwrap();
    promoted
        .batch_execute("SELECT vetassist_erase_user(id) FROM vetassist_users WHERE va_icn = 'ICN1'")
        .unwrap();
    assert!(promoted.query("SELECT * FROM vetassist_check_schema()", &[]).unwrap().is_empty());
}

#[test]
#[ignore = "takes seconds"]
fn a_subscriber_has_the_same_rows() {
    let mut publisher = KeyedServer::filled(&[("wal_level", "logical")]);
    let mut subscriber = KeyedServer::start();
    publisher
        .db
        .batch_execute(&format!("CREATE PUBLICATION veterans FOR TABLE {}", TABLES.join(", ")))
        .unwrap();
    subscriber
        .db
        .batch_execute(&format!(
            "CREATE SUBSCRIPTION veterans CONNECTION 'host={} port=5432 user=postgres dbname=postgres' PUBLICATION veterans",
            publisher.socket_dir().display()
        ))
        .unwrap();
    subscriber.wait_for_subscription(&mut publisher.db);
    assert_eq!(rows(&mut subscriber.db), rows(&mut publisher.db));
    // The calls make every kind of change, a purge of the append-only trail included.
    publisher.db.batch_execute("CALL vetassist_seal_audit()").unwrap();
    publisher
        .db
        .batch_execute(
            "SELECT vetassist_login('ICN later', 'access later', now() + '1 h', 'jti later', now() + '1 h', ip => '2001:db8::7');
             SELECT vetassist_store_tokens(id, 'newer still', now() + '1 h') FROM vetassist_users WHERE va_icn = 'ICN later';
             SELECT vetassist_revoke_all_sessions(id) FROM vetassist_users WHERE va_icn = 'ICN2';
             SELECT vetassist_erase_user(id) FROM vetassist_users WHERE va_icn = 'ICN4';
             SET vetassist.audit_min_retention = '0';
             SELECT vetassist_purge_sessions('0 s'), vetassist_purge_audit('1 us', 5);
             UPDATE vetassist_users SET email = 'other@example.com' WHERE va_icn = 'ICN5';",
        )
        .unwrap();
    subscriber.wait_for_subscription(&mut publisher.db);
    assert_eq!(rows(&mut subscriber.db), rows(&mut publisher.db));
    assert_eq!(opened_tokens(&mut subscriber.db), 38);
    subscriber.db.batch_execute("DROP SUBSCRIPTION veterans").unwrap();
    // Sequences are not replicated. docs/operations.md says how to set the next id.
    subscriber
        .db
        .batch_execute(
            "SELECT setval('vetassist_auth_audit_id_seq', (SELECT max(id) FROM vetassist_auth_audit))",
        )
        .unwrap();
    assert_use_continues(&mut subscriber.db, 0);
}
