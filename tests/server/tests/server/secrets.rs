//! No error, log line or statistics row carries a key of the ring.

use vetassist_server_tests::{hex_key, Server};

#[test]
fn keys_of_the_ring_appear_nowhere() {
    let (current, old) = (hex_key(0xd7), hex_key(0xe9));
    let server = Server::start(
        &[
            ("shared_preload_libraries", "pg_stat_statements,auto_explain"),
            ("log_statement", "all"),
            ("log_min_duration_statement", "0"),
            ("log_min_messages", "debug5"),
            ("log_min_error_statement", "debug5"),
            ("log_error_verbosity", "verbose"),
            ("debug_print_plan", "on"),
            ("debug_print_parse", "on"),
            ("auto_explain.log_min_duration", "0"),
            ("auto_explain.log_analyze", "on"),
            ("auto_explain.log_verbose", "on"),
            ("auto_explain.log_nested_statements", "on"),
            ("pg_stat_statements.track", "all"),
        ],
        &[],
    );
    let file = server.write_key_file("ring", &format!("{current}\n{old}\n"), 0o600);
    let mut db = server.database();
    db.batch_execute("CREATE EXTENSION pg_stat_statements").unwrap();
    db.batch_execute(&format!("SET vetassist.master_key_file = '{}'", file.display())).unwrap();
    let mut said = String::new();
    for statement in [
        "SELECT vetassist_encrypt_token('a token', gen_random_uuid())",
        "SELECT vetassist_decrypt_token(vetassist_encrypt_token('a token', u), u) FROM gen_random_uuid() AS u",
        "SELECT vetassist_decrypt_token(vetassist_encrypt_token('a token', gen_random_uuid()), gen_random_uuid())",
        "SELECT vetassist_decrypt_token('', gen_random_uuid())",
        "SELECT vetassist_hash_ip_keyed('203.0.113.7')",
        "SELECT vetassist_hash_ip_keyed('203.0.113.0/24')",
        "SELECT * FROM vetassist_keys()",
        "SELECT vetassist_reload_keys()",
        "EXPLAIN (ANALYZE, VERBOSE) SELECT vetassist_encrypt_token('a token', gen_random_uuid())",
        "SELECT * FROM pg_settings WHERE name LIKE 'vetassist%'",
        "SELECT * FROM pg_stat_activity",
        "SELECT * FROM vetassist_check_schema()",
    ] {
        said += &format!("{:?}", db.simple_query(statement));
    }
    // A file that is broken right beside a key.
    let _ = server.write_key_file("ring", &format!("{current}\n{old}{old}\n"), 0o600);
    said += &format!("{:?}", db.simple_query("SELECT vetassist_reload_keys()"));
    let _ = server.write_key_file("ring", &format!("{current}\nx{}\n", &old[1..]), 0o600);
    said += &format!("{:?}", db.simple_query("SELECT vetassist_reload_keys()"));
    said += &format!("{:?}", db.simple_query("SELECT * FROM pg_stat_statements"));
    assert!(said.contains("pg_stat_statements") && said.contains("vetassist_reload_keys"));

    let log = server.log();
    assert!(
        log.contains("vetassist_encrypt_token") && log.contains("Query Text"),
        "the log was on"
    );
    for (what, text) in [("a client", said), ("the log", log)] {
        let text = text.to_lowercase();
        for key in [&current, &old] {
            // Any eight bytes in a row would be too many.
            assert!(!text.contains(&key[..16]), "{what} was told of a key");
        }
        // As PostgreSQL prints bytea in plans and Rust prints arrays.
        for bytes in [
            "215, 215, 215",
            "233, 233, 233",
            "215 215 215",
            "-41 -41 -41",
            "233 233 233",
            "-23 -23 -23",
        ] {
            assert!(!text.contains(bytes), "{what} was told of a key");
        }
    }
}
