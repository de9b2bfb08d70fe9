//! Tests the sources of the key ring, the errors of each, and when the ring is read again.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use postgres::Client;
use serde_json::Value;
use vetassist_server_tests::{hex_key, sqlstate, vectors_of, wait, KeyedServer, Server};

const SEAL: &str = "SELECT vetassist_encrypt_token('a token', gen_random_uuid())";

fn assert_refused(db: &mut Client, message: &str) {
    let error = db.simple_query(SEAL).unwrap_err();
    assert_eq!(sqlstate(&error), "F0000");
    let error = error.as_db_error().unwrap();
    assert_eq!(error.message(), message);
    assert!(error.hint().is_some());
}

fn set_file(db: &mut Client, path: &str) {
    db.batch_execute(&format!("SET vetassist.master_key_file = '{path}'")).unwrap();
}

fn fingerprints(db: &mut Client) -> Vec<String> {
    db.query("SELECT fingerprint FROM vetassist_keys() ORDER BY position", &[])
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect()
}

fn source(db: &mut Client) -> String {
    db.query_one("SELECT DISTINCT source FROM vetassist_keys()", &[]).unwrap().get(0)
}

#[test]
fn each_vector_of_a_key_file_is_read_or_refused_as_stated() {
    let mut server = KeyedServer::start();
    let text = |case: &Value, field: &str| case[field].as_str().unwrap().to_owned();
    for case in vectors_of("key-files.json", "refused") {
        server.write_key_file(&text(&case, "text"), 0o600);
        server.db.simple_query("SELECT vetassist_reload_keys()").unwrap_err();
        assert_refused(
            &mut server.db,
            &format!("the key file is malformed: {}", text(&case, "error")),
        );
    }
    server.write_key_file(&format!("{}\n{}", hex_key(1), "#".repeat(70_000)), 0o600);
    assert_refused(&mut server.db, "the key file is longer than 65536 bytes");
    for case in vectors_of("key-files.json", "read") {
        server.set_ring(&text(&case, "text"));
        assert_eq!(fingerprints(&mut server.db).len() as u64, case["keys"].as_u64().unwrap());
    }
}

#[test]
fn a_key_file_that_others_can_access_is_refused() {
    let mut server = KeyedServer::start();
    let path = server.key_file().to_owned();
    let server_user = server.server_user_ids();
    for mode in [0o644, 0o640, 0o620, 0o610, 0o604, 0o602, 0o601, 0o666] {
        server.set_mode(&path, mode);
        server.db.simple_query("SELECT vetassist_reload_keys()").unwrap_err();
        assert_refused(&mut server.db, "the key file is open to group or others");
    }
    for mode in [0o600, 0o400, 0o700] {
        server.set_mode(&path, mode);
        server.db.simple_query("SELECT vetassist_reload_keys()").unwrap();
    }
    // A file of root that the server's group can read is accepted, as PostgreSQL accepts a TLS key.
    server.set_owner(&path, (0, server_user.1));
    server.set_mode(&path, 0o640);
    server.db.simple_query("SELECT vetassist_reload_keys()").unwrap();
    for mode in [0o660, 0o650, 0o644] {
        server.set_mode(&path, mode);
        server.db.simple_query("SELECT vetassist_reload_keys()").unwrap_err();
        assert_refused(&mut server.db, "the key file is open to group or others");
    }
    // A file of another user is refused.
    server.set_owner(&path, (12345, server_user.1));
    server.set_mode(&path, 0o640);
    server.db.simple_query("SELECT vetassist_reload_keys()").unwrap_err();
    assert_refused(
        &mut server.db,
        "the key file must belong to the user that runs the server or to root",
    );
}

#[test]
fn a_key_file_that_is_missing_or_not_regular_is_refused() {
    // The server starts without the file, even with the library preloaded.
    let server = Server::start(
        &[
            ("shared_preload_libraries", "vetassist"),
            ("vetassist.master_key_file", "/nonexistent/vetassist.keys"),
        ],
        &[],
    );
    let mut db = server.database();
    assert_refused(&mut db, "the key file cannot be opened: No such file or directory");
    let log = server.log();
    assert!(log.contains("/nonexistent/vetassist.keys"), "the log names the path");

    set_file(&mut db, "/tmp");
    assert_refused(&mut db, "the key file is not a regular file");
    set_file(&mut db, "/dev/null");
    assert_refused(&mut db, "the key file is not a regular file");
    let fifo = server.key_dir().join("fifo");
    server.run_as_server_user(&format!("mkfifo -m 600 {}", fifo.display()));
    db.batch_execute(&format!("SET vetassist.master_key_file = '{}'", fifo.display())).unwrap();
    assert_refused(&mut db, "the key file is not a regular file");
    // The error does not hold the path.
    let error = db.simple_query(SEAL).unwrap_err();
    assert!(!format!("{error:?}").contains("fifo"));
}

#[test]
fn a_key_file_inside_the_data_directory_causes_a_warning() {
    let mut server = KeyedServer::start();
    assert_eq!(server.warnings_of(SEAL), [""; 0]);
    let inside = server.data_dir().join("vetassist.keys");
    server.run_as_server_user(&format!(
        "cp -p {} {}",
        server.key_file().display(),
        inside.display()
    ));
    // A relative path and a link to the file cause the warning as well.
    let link = server.key_dir().join("link");
    server.run_as_server_user(&format!("ln -s {} {}", inside.display(), link.display()));
    for path in [inside.as_path(), Path::new("vetassist.keys"), link.as_path()] {
        server
            .db
            .batch_execute(&format!("SET vetassist.master_key_file = '{}'", path.display()))
            .unwrap();
        let warnings = server.warnings_of(SEAL);
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains("inside the data directory"));
    }
}

#[test]
fn the_file_precedes_the_command_and_the_command_the_environment() {
    let server = Server::start(&[], &[("VETASSIST_MASTER_KEY", &hex_key(3))]);
    let file = server.write_key_file("ring", &hex_key(1), 0o600);
    let mut db = server.database();
    assert_eq!(source(&mut db), "environment");
    let environment = fingerprints(&mut db);
    db.batch_execute(&format!("SET vetassist.master_key_command = 'echo {}'", hex_key(2))).unwrap();
    assert_eq!(source(&mut db), "command");
    let command = fingerprints(&mut db);
    db.batch_execute(&format!("SET vetassist.master_key_file = '{}'", file.display())).unwrap();
    assert_eq!(source(&mut db), "file");
    let from_file = fingerprints(&mut db);
    assert!(environment != command && command != from_file && from_file != environment);
    // A source that is set but broken is an error. The next source is not tried.
    db.batch_execute("SET vetassist.master_key_file = '/nonexistent'").unwrap();
    assert_refused(&mut db, "the key file cannot be opened: No such file or directory");
    db.batch_execute("RESET vetassist.master_key_file; SET vetassist.master_key_command = 'false'")
        .unwrap();
    assert_refused(&mut db, "the key command failed with exit status 1");
    db.batch_execute("RESET ALL").unwrap();
    assert_eq!(fingerprints(&mut db), environment);
    // A rollback restores the setting.
    db.batch_execute("BEGIN; SET vetassist.master_key_file = '/nonexistent'; ROLLBACK").unwrap();
    assert_eq!(fingerprints(&mut db), environment);
}

#[test]
#[ignore = "takes seconds"]
fn a_ring_in_the_environment_is_read_and_a_malformed_one_refused() {
    let ring = format!("{}\n{}", hex_key(1), hex_key(2));
    let server = Server::start(&[], &[("VETASSIST_MASTER_KEY", &ring)]);
    assert_eq!(fingerprints(&mut server.database()).len(), 2);
    let server = Server::start(&[], &[("VETASSIST_MASTER_KEY", "abc")]);
    assert_refused(
        &mut server.database(),
        "the environment variable VETASSIST_MASTER_KEY is malformed: line 1 has 3 characters where a key has 64 hexadecimal digits",
    );
    let server = Server::start(&[], &[("VETASSIST_MASTER_KEY", "")]);
    assert_refused(&mut server.database(), "no key ring is configured");
}

#[test]
fn errors_of_the_key_command_are_reported() {
    let server = Server::start(&[], &[]);
    let mut db = server.database();
    let key = hex_key(0x5e);
    let cases = [
        ("exit 3", "the key command failed with exit status 3"),
        ("kill -TERM $$", "the key command was killed by signal 15"),
        ("true", "the output of the key command is malformed: it holds no key"),
        ("echo hello", "the output of the key command is malformed: line 1 has something else than a hexadecimal digit in column 1"),
        ("yes", "the key command printed more than 65536 bytes"),
        ("/nonexistent/program", "the key command failed with exit status 127"),
    ];
    for (command, message) in cases {
        db.execute("SELECT set_config('vetassist.master_key_command', $1, false)", &[&command])
            .unwrap();
        assert_refused(&mut db, message);
    }
    // A key that was printed before the command failed is not used.
    let failing = format!("echo {key}; echo complaint >&2; exit 1");
    db.execute("SELECT set_config('vetassist.master_key_command', $1, false)", &[&failing])
        .unwrap();
    assert_refused(&mut db, "the key command failed with exit status 1");
    let log = server.log();
    assert!(log.contains("complaint"), "standard error is in the log");
    assert!(log.contains("vetassist.master_key_command failed with exit status 1"));

    let working = format!("printf '# from a vault\\n%s\\n' {key}; echo noise >&2");
    db.execute("SELECT set_config('vetassist.master_key_command', $1, false)", &[&working])
        .unwrap();
    db.simple_query(SEAL).unwrap();
    assert!(server.log().contains("noise"));
}

#[test]
fn the_output_of_the_key_command_is_never_logged() {
    let key = hex_key(0x5e);
    let server = Server::start(&[("log_min_messages", "debug5"), ("log_statement", "all")], &[]);
    // The key is in a file, or the statement log would hold it as part of the setting.
    let file = server.write_key_file("printed", &key, 0o600);
    let mut db = server.database();
    db.batch_execute(&format!("SET vetassist.master_key_command = 'cat {}'", file.display()))
        .unwrap();
    db.simple_query(SEAL).unwrap();
    db.batch_execute(&format!(
        "SET vetassist.master_key_command = 'cat {}; exit 1'",
        file.display()
    ))
    .unwrap();
    assert_refused(&mut db, "the key command failed with exit status 1");
    let printed = server.write_key_file("malformed", &format!("{key}{key}"), 0o600);
    db.batch_execute(&format!("SET vetassist.master_key_command = 'cat {}'", printed.display()))
        .unwrap();
    db.simple_query(SEAL).unwrap_err();
    let log = server.log().to_lowercase();
    assert!(log.contains("malformed: line 1 has 128 characters"));
    assert!(!log.contains(&key) && !log.contains("5e5e5e"), "the log holds the output");
}

#[test]
fn a_key_command_that_hangs_can_be_cancelled() {
    let server = Server::start(&[("vetassist.master_key_command", "sleep 600")], &[]);
    let mut db = server.database();
    db.batch_execute("SET statement_timeout = '300ms'").unwrap();
    let started = std::time::Instant::now();
    let error = db.simple_query(SEAL).unwrap_err();
    assert_eq!(sqlstate(&error), "57014");
    assert!(started.elapsed() < Duration::from_secs(20));
    db.batch_execute("SELECT vetassist_version()").unwrap();
}

#[test]
fn sighup_reads_the_ring_again() {
    let mut server = KeyedServer::start();
    let mut other = server.connect();
    server.write_key_file(&hex_key(1), 0o600);
    server.reload();
    wait(|| fingerprints(&mut server.db).len() == 1);
    let old = fingerprints(&mut server.db);
    assert_eq!(fingerprints(&mut other), old);
    let sealed: Vec<u8> = other
        .query_one(
            "SELECT vetassist_encrypt_token('a token', '00000000-0000-0000-0000-000000000001')",
            &[],
        )
        .unwrap()
        .get(0);

    // Nothing changes until the signal.
    server.write_key_file(&format!("{}\n{}\n", hex_key(2), hex_key(1)), 0o600);
    assert_eq!(fingerprints(&mut other), old);
    server.reload();
    wait(|| fingerprints(&mut server.db).len() == 2);
    wait(|| fingerprints(&mut other).len() == 2);
    assert_eq!(fingerprints(&mut other)[1], old[0]);
    let open = "SELECT vetassist_decrypt_token($1, '00000000-0000-0000-0000-000000000001')";
    assert_eq!(other.query_one(open, &[&sealed]).unwrap().get::<_, &str>(0), "a token");

    // A key that was removed opens nothing.
    server.write_key_file(&hex_key(2), 0o600);
    server.reload();
    wait(|| fingerprints(&mut other).len() == 1);
    assert_eq!(sqlstate(&other.query_one(open, &[&sealed]).unwrap_err()), "39000");

    // Calls fail in old and new backends while the file is broken, and work again without a restart.
    server.write_key_file("broken", 0o600);
    server.reload();
    wait(|| other.simple_query(SEAL).is_err());
    let mut fresh = server.connect();
    fresh.simple_query(SEAL).unwrap_err();
    server.write_key_file(&hex_key(2), 0o600);
    other.simple_query(SEAL).unwrap();
    fresh.simple_query(SEAL).unwrap();
}

#[test]
fn vetassist_reload_keys_reads_the_ring_and_returns_its_count() {
    let mut server = KeyedServer::start();
    server.write_key_file(&format!("{}\n{}\n{}", hex_key(1), hex_key(2), hex_key(3)), 0o600);
    let count: i32 = server.db.query_one("SELECT vetassist_reload_keys()", &[]).unwrap().get(0);
    assert_eq!(count, 3);
    let rows = server.db.query("SELECT * FROM vetassist_keys()", &[]).unwrap();
    for (index, row) in rows.iter().enumerate() {
        assert_eq!(row.get::<_, i32>("position"), i32::try_from(index).unwrap() + 1);
        assert_eq!(row.get::<_, bool>("is_current"), index == 0);
        assert_eq!(row.get::<_, &str>("source"), "file");
        assert_eq!(row.get::<_, &str>("fingerprint").len(), 16);
    }
    assert_eq!(rows.len(), 3);
}

#[test]
#[ignore = "takes seconds"]
fn a_preloaded_library_reads_the_ring() {
    for preload in ["shared_preload_libraries", "session_preload_libraries"] {
        let server = Server::start(&[(preload, "vetassist")], &[]);
        let mut db = server.database();
        assert_refused(&mut db, "no key ring is configured");
        let file = server.write_key_file("ring", &hex_key(1), 0o600);
        db.batch_execute(&format!(
            "ALTER SYSTEM SET vetassist.master_key_file = '{}'",
            file.display()
        ))
        .unwrap();
        server.reload();
        wait(|| db.simple_query(SEAL).is_ok());
        // The setting is hidden from the start.
        db.batch_execute("CREATE ROLE nobody LOGIN").unwrap();
        let mut nobody = server.connect_as("nobody");
        let error = nobody.simple_query("SHOW vetassist.master_key_file").unwrap_err();
        assert_eq!(sqlstate(&error), "42501");
    }
}

#[test]
fn parallel_workers_read_the_ring() {
    let mut server = KeyedServer::start();
    server
        .db
        .batch_execute(
            "CREATE TABLE t AS SELECT u, vetassist_encrypt_token('token ' || n, u) AS s
                 FROM (SELECT n, gen_random_uuid() AS u FROM generate_series(1, 20000) AS n) AS x;
             ALTER TABLE t SET (parallel_workers = 2);
             ANALYZE t;
             SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
             SET min_parallel_table_scan_size = 0;",
        )
        .unwrap();
    let query = "SELECT count(*) FROM t WHERE vetassist_decrypt_token(s, u) LIKE 'token %'";
    let plan = server.db.query(&format!("EXPLAIN {query}"), &[]).unwrap();
    let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    assert!(plan.iter().any(|line| line.contains("Parallel Seq Scan")), "{plan:?}");
    assert_eq!(server.db.query_one(query, &[]).unwrap().get::<_, i64>(0), 20000);
}

#[test]
fn the_key_file_of_the_tests_has_mode_600() {
    let server = KeyedServer::start();
    let mode = fs::metadata(server.key_file()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
