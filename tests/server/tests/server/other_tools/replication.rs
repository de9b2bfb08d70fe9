//! Tests logical decoding with wal2json, and replication with pglogical.

use postgres::Client;
use vetassist_server_tests::{column_of, install_debian_extension, sqlstate, wait, KeyedServer};

/// Allows an output plugin, where PostgreSQL has the setting.
fn allow(db: &mut Client, plugin: &str) {
    let setting = "SELECT name FROM pg_settings WHERE name = 'output_plugin_libraries'";
    if !column_of(db, setting).is_empty() {
        db.batch_execute(&format!("ALTER SYSTEM SET output_plugin_libraries = {plugin}")).unwrap();
        db.batch_execute("SELECT pg_reload_conf(), pg_sleep(1)").unwrap();
    }
}

#[test]
#[ignore = "takes seconds"]
fn wal2json_shows_sealed_tokens_and_hashed_addresses() {
    if !install_debian_extension("postgresql-15-wal2json") {
        return;
    }
    let mut server = KeyedServer::start_with(&[("wal_level", "logical")]);
    let db = &mut server.db;
    allow(db, "wal2json");
    db.batch_execute("SELECT pg_create_logical_replication_slot('changes', 'wal2json')").unwrap();
    db.batch_execute("SELECT vetassist_login('ICN', 'the token', now() + interval '1 h', 'jti', now() + interval '1 h', 'the refresh token', ip => '203.0.113.7')").unwrap();
    let changes =
        column_of(db, "SELECT data FROM pg_logical_slot_get_changes('changes', NULL, NULL)")
            .concat();
    for table in ["vetassist_users", "vetassist_va_tokens", "vetassist_auth_audit"] {
        assert!(changes.contains(table), "{table}: {changes}");
    }
    for secret in ["the token", "the refresh token", "203.0.113.7"] {
        assert!(!changes.contains(secret), "{secret}: {changes}");
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert!(!changes.contains(&hex), "{secret}: {changes}");
    }
    db.batch_execute("SELECT pg_drop_replication_slot('changes')").unwrap();
}

#[test]
#[ignore = "takes seconds"]
fn pglogical_copies_the_tables_to_a_subscriber() {
    if !install_debian_extension("postgresql-15-pglogical") {
        return;
    }
    let settings = [
        ("wal_level", "logical"),
        ("shared_preload_libraries", "vetassist,pglogical"),
        ("max_worker_processes", "20"),
    ];
    // The second server has the same ring. Its database has another oid, because the tests' servers are copies of one.
    let (mut publisher, mut server) =
        (KeyedServer::start_with(&settings), KeyedServer::start_with(&settings));
    server.db.batch_execute("CREATE DATABASE copy").unwrap();
    let mut subscriber = server.connect_to("copy");
    let node = |server: &KeyedServer, database: &str| {
        format!("host={} dbname={database} user=postgres", server.socket_dir().display())
    };
    allow(&mut publisher.db, "pglogical_output");
    let (from, to) = (node(&publisher, "postgres"), node(&server, "copy"));
    let sign_in = |name: &str| {
        format!("SELECT vetassist_login('{name}', '{name}', now() + interval '1 h', '{name}', now() + interval '1 h', 'r')")
    };
    publisher
        .db
        .batch_execute(&format!(
            "CREATE EXTENSION pglogical; SELECT pglogical.create_node('publisher', '{from}');
             SELECT pglogical.replication_set_add_all_tables('default', '{{public}}');
             {}",
            sign_in("before")
        ))
        .unwrap();
    publisher.db.batch_execute("CALL vetassist_seal_audit()").unwrap();
    subscriber
        .batch_execute(&format!(
            "CREATE EXTENSION vetassist; CREATE EXTENSION pglogical; SELECT pglogical.create_node('subscriber', '{to}');
             SELECT pglogical.create_subscription('all', '{from}', synchronize_structure := false, synchronize_data := true)"
        ))
        .unwrap();
    publisher.db.batch_execute(&sign_in("after")).unwrap();
    let opened = "SELECT va_icn::text FROM vetassist_users WHERE vetassist_access_token(id) = va_icn ORDER BY 1";
    wait(|| column_of(&mut subscriber, opened) == ["after", "before"]);
    let shown = "SELECT message FROM vetassist_check() WHERE subject = 'audit log'";
    wait(|| column_of(&mut subscriber, shown) == ["was sealed in another database before"]);

    // pglogical's event trigger runs with the rights of the role that drops a table.
    publisher
        .db
        .batch_execute("CREATE ROLE owner LOGIN; CREATE SCHEMA own AUTHORIZATION owner")
        .unwrap();
    let mut owner = publisher.connect_as("owner");
    owner.batch_execute("CREATE TABLE own.notes (id int)").unwrap();
    let error = owner.batch_execute("DROP TABLE own.notes").unwrap_err();
    assert_eq!(sqlstate(&error), "42501");
    publisher.db.batch_execute("GRANT USAGE ON SCHEMA pglogical TO owner").unwrap();
    owner.batch_execute("DROP TABLE own.notes").unwrap();
    subscriber.batch_execute("SELECT pglogical.drop_subscription('all')").unwrap();
}
