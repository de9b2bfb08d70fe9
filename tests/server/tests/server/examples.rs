//! The Rust example, on the plain tables and then on the extension's. (Python's is with the other Python.)

use std::{
    env, fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::json;
use uuid::Uuid;
use vetassist_server_tests::{column_of, hex_key, KeyedServer};

/// The example's program. Cargo puts it into the folder above that of the tests.
fn program() -> PathBuf {
    let folder = env::current_exe().unwrap();
    let program = folder.ancestors().nth(2).unwrap().join("example-rust-tokio-postgres");
    assert!(program.exists(), "{} is built by cargo xtask test --only server", program.display());
    program
}

struct Service<'a> {
    server: &'a KeyedServer,
    keys: &'a Path,
}

impl Service<'_> {
    fn run(&self, arguments: &[&str], input: &str) -> Output {
        let socket = self.server.socket_dir().display();
        let mut child = Command::new(program())
            .args(arguments)
            .env("DATABASE_URL", format!("host={socket} user=postgres dbname=postgres"))
            .env("VETASSIST_KEYS", self.keys)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It may end without having read.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    fn prints(&self, arguments: &[&str], input: &str) -> String {
        let output = self.run(arguments, input);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    fn refuses(&self, arguments: &[&str], input: &str) -> String {
        let output = self.run(arguments, input);
        assert!(!output.status.success() && output.stdout.is_empty());
        String::from_utf8(output.stderr).unwrap()
    }
}

#[test]
fn the_example_service_of_rust_works_without_the_extension_and_with_it() {
    const SIGN_IN: [&str; 3] = ["sign-in", "1012667145V762142", "2001:db8::1"];
    let mut server = KeyedServer::start();
    server.db.batch_execute("DROP EXTENSION vetassist CASCADE").unwrap();
    let keys = env::temp_dir().join(format!("vetassist-example-{}", std::process::id()));
    fs::write(&keys, hex_key(0x11)).unwrap();
    let mut db = server.connect();
    let service = Service { server: &server, keys: &keys };
    let response = |token: &str| {
        json!({"access_token": token, "refresh_token": "a refresh token", "expires_in": 3600})
            .to_string()
    };

    let missing = service.refuses(&["check"], "");
    assert_eq!(missing.lines().count(), 4, "{missing}");
    db.batch_execute(&xtask::plain_sql::text().unwrap()).unwrap();
    assert_eq!(service.prints(&["check"], ""), "");

    let user_id = service.prints(&SIGN_IN, &response("an access t\u{f6}k\u{e9}n"));
    assert_eq!(service.prints(&["access-token", &user_id], ""), "an access t\u{f6}k\u{e9}n");
    // Once more: the same user, another session, the later token.
    assert_eq!(service.prints(&SIGN_IN, &response("a later token")), user_id);
    assert_eq!(service.prints(&["access-token", &user_id], ""), "a later token");
    service.refuses(&["access-token", &Uuid::nil().to_string()], "");

    // The extension takes over what the service stored, and the service goes on.
    db.batch_execute("CREATE EXTENSION vetassist").unwrap();
    assert_eq!(service.prints(&["check"], ""), "");
    let id: Uuid = user_id.parse().unwrap();
    let opened = db
        .query_one("SELECT vetassist_access_token($1), vetassist_refresh_token($1)", &[&id])
        .unwrap();
    assert_eq!((opened.get(0), opened.get(1)), ("a later token", "a refresh token"));
    let events = "SELECT format('%s %s %s', a.event_type, a.ip_hash = vetassist_hash_ip_keyed('2001:db8::1'),
                                s.expires_at - s.created_at)
                  FROM vetassist_auth_audit a JOIN vetassist_sessions s ON s.id::text = event_data ->> 'session_id'";
    assert_eq!(column_of(&mut db, events), ["login t 08:00:00", "login t 08:00:00"]);
    db.execute("SELECT vetassist_store_tokens($1, 'from SQL', now())", &[&id]).unwrap();
    assert_eq!(service.prints(&["access-token", &user_id], ""), "from SQL");

    // Refused, and nothing stored.
    db.batch_execute("UPDATE vetassist_users SET is_active = false").unwrap();
    let refused = service.refuses(&SIGN_IN, &response("refused"));
    assert!(refused.contains("not active"), "{refused}");
    assert_eq!(service.prints(&["access-token", &user_id], ""), "from SQL");
    fs::remove_file(&keys).unwrap();
}
