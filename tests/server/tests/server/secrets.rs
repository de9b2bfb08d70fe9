//! Tests that no error, log line or statistics row holds a key of the ring, or a token that was passed as a parameter,
//! unless PostgreSQL itself logs parameters.

use std::{collections::BTreeSet, fs, thread, time::Duration};

use postgres::Client;
use vetassist_server_tests::{hex_key, repository, KeyedServer, Server};

const LIBRARIES: [&str; 2] = ["pg_stat_statements", "auto_explain"];

/// All settings of `auto_explain`, set to log as much as possible.
const AUTO_EXPLAIN: [(&str, &str); 10] = [
    ("auto_explain.log_min_duration", "0"),
    ("auto_explain.log_analyze", "on"),
    ("auto_explain.log_buffers", "on"),
    ("auto_explain.log_nested_statements", "on"),
    ("auto_explain.log_settings", "on"),
    ("auto_explain.log_timing", "on"),
    ("auto_explain.log_triggers", "on"),
    ("auto_explain.log_verbose", "on"),
    ("auto_explain.log_wal", "on"),
    ("auto_explain.log_format", "json"),
];

#[test]
#[ignore = "takes seconds"]
fn keys_of_the_ring_are_in_no_error_log_or_statistics() {
    let (current, old) = (hex_key(0xd7), hex_key(0xe9));
    let libraries = Server::libraries(&LIBRARIES);
    let preloaded = libraries.join(",");
    let mut settings = vec![
        ("shared_preload_libraries", &*preloaded),
        ("log_statement", "all"),
        ("log_min_duration_statement", "0"),
        ("log_min_messages", "debug5"),
        ("log_min_error_statement", "debug5"),
        ("log_error_verbosity", "verbose"),
        ("log_parameter_max_length_on_error", "-1"),
        ("debug_print_plan", "on"),
        ("debug_print_parse", "on"),
        ("debug_print_rewritten", "on"),
    ];
    if libraries.contains(&"auto_explain") {
        settings.extend(AUTO_EXPLAIN);
    }
    if libraries.contains(&"pg_stat_statements") {
        settings.push(("pg_stat_statements.track", "all"));
    }
    let server = Server::start(&settings, &[]);
    let file = server.write_key_file("ring", &format!("{current}\n{old}\n"), 0o600);
    let mut db = server.database();
    if libraries.contains(&"pg_stat_statements") {
        db.batch_execute("CREATE EXTENSION pg_stat_statements").unwrap();
    }
    db.batch_execute(&format!("SET vetassist.master_key_file = '{}'", file.display())).unwrap();
    let mut said = String::new();
    for statement in [
        "SELECT vetassist_encrypt_token('a token', gen_random_uuid())",
        "SELECT vetassist_decrypt_token(vetassist_encrypt_token('a token', u), u) FROM gen_random_uuid() AS u",
        "SELECT vetassist_decrypt_token(vetassist_encrypt_token('a token', gen_random_uuid()), gen_random_uuid())",
        "SELECT vetassist_decrypt_token('', gen_random_uuid())",
        "SELECT vetassist_hash_ip_keyed('203.0.113.7')",
        "SELECT vetassist_hash_ip_keyed('203.0.113.0/24')",
        "SELECT vetassist_login('ICN', 'a token', now(), 'j', now(), 'another', ip => '203.0.113.7')",
        "SELECT vetassist_access_token(id), vetassist_refresh_token(id) FROM vetassist_users",
        "CALL vetassist_rotate_tokens()",
        "SELECT * FROM vetassist_rotation_status()",
        "SELECT * FROM vetassist_keys()",
        "SELECT vetassist_reload_keys()",
        "EXPLAIN (ANALYZE, VERBOSE) SELECT vetassist_encrypt_token('a token', gen_random_uuid())",
        "EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM vetassist_keys()",
        "SELECT * FROM pg_settings WHERE name LIKE 'vetassist%'",
        "SELECT * FROM pg_stat_activity",
        "SELECT * FROM pg_backend_memory_contexts",
        "SELECT * FROM vetassist_check_schema()",
    ] {
        said += &format!("{:?}", db.simple_query(statement));
    }
    // The file is malformed next to a key.
    let _ = server.write_key_file("ring", &format!("{current}\n{old}{old}\n"), 0o600);
    said += &format!("{:?}", db.simple_query("SELECT vetassist_reload_keys()"));
    let _ = server.write_key_file("ring", &format!("{current}\nx{}\n", &old[1..]), 0o600);
    said += &format!("{:?}", db.simple_query("SELECT vetassist_reload_keys()"));
    if libraries.contains(&"pg_stat_statements") {
        said += &format!("{:?}", db.simple_query("SELECT * FROM pg_stat_statements"));
        assert!(said.contains("pg_stat_statements"));
    }
    assert!(said.contains("vetassist_reload_keys"));

    let log = server.log();
    assert!(log.contains("vetassist_encrypt_token"), "the log has no statements");
    assert!(
        !libraries.contains(&"auto_explain") || log.contains("Query Text"),
        "the log has no plans"
    );
    for (what, text) in [("a client", said), ("the log", log)] {
        let text = text.to_lowercase();
        for key in [&current, &old] {
            // Not even eight bytes of a key may appear.
            assert!(!text.contains(&key[..16]), "{what} received a key");
        }
        // PostgreSQL prints bytea in plans like this, and Rust prints arrays.
        for bytes in [
            "215, 215, 215",
            "233, 233, 233",
            "215 215 215",
            "-41 -41 -41",
            "233 233 233",
            "-23 -23 -23",
        ] {
            assert!(!text.contains(bytes), "{what} received a key");
        }
    }
}

/// Settings that make PostgreSQL log more, each with whether it then logs parameters. docs/threat-model.md lists those that
/// do, by the first word of the name.
const TALKATIVE: [(&str, &str, bool); 12] = [
    ("log_statement", "SET log_statement = 'all'", true),
    (
        "log_statement without parameters",
        "SET log_statement = 'all'; SET log_parameter_max_length = 0",
        false,
    ),
    ("log_min_duration_statement", "SET log_min_duration_statement = 0", true),
    (
        "log_min_duration_statement without parameters",
        "SET log_min_duration_statement = 0; SET log_parameter_max_length = 0",
        false,
    ),
    ("log_min_error_statement", "SET log_min_error_statement = 'debug5'", false),
    ("log_parameter_max_length_on_error", "SET log_parameter_max_length_on_error = -1", true),
    (
        "log_min_messages",
        "SET log_min_messages = 'debug5'; SET log_error_verbosity = 'verbose'",
        false,
    ),
    ("debug_print_parse", "SET debug_print_parse = on; SET debug_pretty_print = off", false),
    (
        "debug_print_rewritten",
        "SET debug_print_rewritten = on; SET debug_pretty_print = off",
        false,
    ),
    ("debug_print_plan", "SET debug_print_plan = on; SET debug_pretty_print = off", true),
    (
        "statistics",
        "SET log_parser_stats = on; SET log_planner_stats = on; SET log_executor_stats = on",
        false,
    ),
    ("auto_explain.log_min_duration", "", true),
];

/// Checks if a text holds a word, also as the bytes of a datum in a plan.
fn holds(text: &str, word: &str) -> bool {
    let numbers: Vec<_> = word.bytes().map(|byte| byte.to_string()).collect();
    text.contains(word) || text.contains(&hex::encode(word)) || text.contains(&numbers.join(" "))
}

/// Calls the functions of a service with this token as a parameter. Some of the calls fail.
fn use_token(db: &mut Client, token: &str) {
    let login = "SELECT * FROM vetassist_login($1, $2, now() + '1 h', $3, now() + '1 h', $2)";
    let described =
        "SELECT user_id FROM vetassist_login($1, $2, now() + '1 h', $3, now() + '1 h', $2, email => 'x', device_info => '{\"ip\": \"203.0.113.7\"}', ip => '203.0.113.7')";
    let number: i64 = db.query_one("SELECT count(*) FROM vetassist_sessions", &[]).unwrap().get(0);
    let mut number = number + 1;
    // After some calls PostgreSQL uses a generic plan.
    for query in [login, described] {
        let query = db.prepare(query).unwrap();
        for icn in ["a", "b", "a", "a", "a", "a", "a", "a"] {
            db.query_one(&query, &[&icn, &token, &format!("jti {number}")]).unwrap();
            number += 1;
        }
        let again = db.query_one(&query, &[&"c", &token, &"jti 1"]).unwrap_err();
        assert_eq!(vetassist_server_tests::sqlstate(&again), "23505");
        let refused = db.query_one(&query, &[&"inactive", &token, &"jti 0"]).unwrap_err();
        assert_eq!(vetassist_server_tests::sqlstate(&refused), "VA001");
        let long = "x".repeat(51);
        assert!(db.query_one(&query, &[&long, &token, &"jti 0"]).is_err());
    }
    for query in [
        "SELECT vetassist_store_tokens(id, $1, now(), $1)::text FROM vetassist_users WHERE va_icn = 'a'",
        "SELECT encode(vetassist_encrypt_token($1, id), 'hex') FROM vetassist_users WHERE va_icn = 'a'",
        "SELECT encode(vetassist_encrypt($1, sha256('k')), 'hex')",
    ] {
        let query = db.prepare(query).unwrap();
        for _ in 0..8 {
            db.query_one(&query, &[&token]).unwrap();
        }
    }
    let wrong_key = db.query_one("SELECT vetassist_encrypt($1::text, 'short')", &[&token]);
    assert!(wrong_key.is_err());
    let nobody = "SELECT vetassist_store_tokens(gen_random_uuid(), $1, now())";
    assert!(db.query_one(nobody, &[&token]).is_err());
    // Only the client receives the opened tokens.
    let opened = "SELECT vetassist_access_token(id), vetassist_refresh_token(id) FROM vetassist_users WHERE va_icn = 'a'";
    for _ in 0..8 {
        let row = db.query_one(opened, &[]).unwrap();
        assert_eq!((row.get(0), row.get(1)), (token, token));
    }
}

/// Does the same with a function that is not vetassist's.
fn use_parameter(db: &mut Client, word: &str) {
    for query in ["SELECT control($1)", "SELECT c FROM control($1) AS c"] {
        let query = db.prepare(query).unwrap();
        for _ in 0..8 {
            db.query_one(&query, &[&word]).unwrap();
        }
    }
    assert!(db.query_one("SELECT control($1) / 0", &[&word]).is_err());
}

#[test]
#[ignore = "takes seconds"]
fn tokens_are_logged_only_if_postgresql_logs_parameters() {
    let libraries = Server::libraries(&LIBRARIES);
    let preloaded = libraries.join(",");
    let mut server = KeyedServer::start_with(&[("shared_preload_libraries", &preloaded)]);
    server
        .db
        .batch_execute(
            "CREATE FUNCTION control(text) RETURNS int VOLATILE LANGUAGE plpgsql AS 'BEGIN RETURN length($1); END';
             INSERT INTO vetassist_users (va_icn, is_active) VALUES ('inactive', false);
             SELECT vetassist_login('a', 'x', now(), 'jti 1', now())",
        )
        .unwrap();
    let explain: String =
        AUTO_EXPLAIN.iter().map(|(name, value)| format!("SET {name} = '{value}';")).collect();
    let mut shown = BTreeSet::new();
    for (index, (name, settings, expected)) in TALKATIVE.iter().enumerate() {
        let settings = match settings.is_empty() {
            true if libraries.contains(&"auto_explain") => &explain,
            true => continue,
            false => *settings,
        };
        let mut db = server.connect();
        db.batch_execute(settings).unwrap();
        let (control, token) = (format!("CONTROL-WORD-{index}-"), format!("SECRET-TOKEN-{index}-"));
        use_parameter(&mut db, &control);
        use_token(&mut db, &token);
        let log = server.log();
        assert_eq!(holds(&log, &control), *expected, "{name}: whether PostgreSQL logs parameters");
        assert!(*expected || !holds(&log, &token), "{name}: a token is in the log");
        if *expected {
            shown.insert(*name);
        }
    }
    // The threat model lists each of these settings.
    let page = fs::read_to_string(repository().join("docs/threat-model.md")).unwrap();
    let section = page.split("**Tokens in parameters.**").nth(1).unwrap();
    let section = section.split("\n\n").next().unwrap();
    assert!(shown.len() >= 4);
    for name in shown {
        assert!(
            section.contains(&format!("`{name}`")),
            "docs/threat-model.md does not name {name}"
        );
    }
}

#[test]
fn statistics_views_show_no_token() {
    let libraries = Server::libraries(&LIBRARIES);
    let preloaded = libraries.join(",");
    let mut server = KeyedServer::start_with(&[("shared_preload_libraries", &preloaded)]);
    let has_statements = libraries.contains(&"pg_stat_statements");
    if has_statements {
        server.db.batch_execute("CREATE EXTENSION pg_stat_statements").unwrap();
    }
    let mut all = String::new();
    thread::scope(|scope| {
        let mut db = server.connect();
        let busy = scope.spawn(move || {
            if has_statements {
                db.batch_execute("SET pg_stat_statements.track = 'all'").unwrap();
            }
            let query =
                "SELECT pg_sleep(1)::text, vetassist_login('a', $1, now(), 'jti', now(), $1)::text";
            db.query_one(query, &[&"SECRET-TOKEN"]).unwrap();
        });
        let mut db = server.connect();
        while !busy.is_finished() {
            let query = "SELECT coalesce(string_agg(a::text, ' '), '') FROM pg_stat_activity AS a WHERE pid <> pg_backend_pid()";
            all += &db.query_one(query, &[]).unwrap().get::<_, String>(0);
            thread::sleep(Duration::from_millis(20));
        }
        busy.join().unwrap();
        if has_statements {
            let query = "SELECT string_agg(s::text, ' ') FROM pg_stat_statements AS s";
            let statements: String = db.query_one(query, &[]).unwrap().get(0);
            assert!(statements.contains("vetassist_va_tokens"), "nested statements are missing");
            all += &statements;
        }
    });
    assert!(all.contains("vetassist_login"));
    assert!(!holds(&all, "SECRET-TOKEN"), "{all}");
}
