//! Tests the examples in Rust. `python.rs` tests the one in Python, `tests/packaging` those in JavaScript.

use std::{
    env, fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::json;
use uuid::Uuid;
use vetassist_core::{
    schema::{own_tables, tables},
    MasterKey,
};
use vetassist_server_tests::{column_of, hex_key, plain_sql, KeyedServer};

/// Returns the path of an example's program. Cargo puts it into the folder above that of the tests.
fn program(name: &str) -> PathBuf {
    let folder = env::current_exe().unwrap();
    let program = folder.ancestors().nth(2).unwrap().join(name);
    assert!(program.exists(), "{} is built by cargo xtask test server", program.display());
    program
}

struct Service<'a> {
    program: PathBuf,
    server: &'a KeyedServer,
    keys: &'a Path,
}

impl Service<'_> {
    fn run(&self, arguments: &[&str], input: &str) -> Output {
        let socket = self.server.socket_dir().display();
        // Both libraries read this form of URL.
        let url = format!("postgres://postgres@localhost/postgres?host={socket}");
        let mut child = Command::new(&self.program)
            .args(arguments)
            .env("DATABASE_URL", url)
            .env("VETASSIST_KEYS", self.keys)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The program may end without reading its input.
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
#[ignore = "takes seconds"]
fn the_rust_example_works_without_and_with_the_extension() {
    const SIGN_IN: [&str; 3] = ["sign-in", "1012667145V762142", "2001:db8::1"];
    let mut server = KeyedServer::start();
    server.db.batch_execute("DROP EXTENSION vetassist CASCADE").unwrap();
    let keys = env::temp_dir().join(format!("vetassist-example-{}", std::process::id()));
    fs::write(&keys, hex_key(0x11)).unwrap();
    let mut db = server.connect();
    let program = program("example-rust-tokio-postgres");
    let service = Service { program, server: &server, keys: &keys };
    let response = |token: &str| {
        json!({"access_token": token, "refresh_token": "a refresh token", "expires_in": 3600})
            .to_string()
    };

    let missing = service.refuses(&["check"], "");
    assert_eq!(missing.lines().count(), tables().len() + own_tables().len(), "{missing}");
    db.batch_execute(&plain_sql()).unwrap();
    assert_eq!(service.prints(&["check"], ""), "");

    let user_id = service.prints(&SIGN_IN, &response("an access t\u{f6}k\u{e9}n"));
    assert_eq!(service.prints(&["access-token", &user_id], ""), "an access t\u{f6}k\u{e9}n");
    // The second sign-in returns the same user, and makes another session with the later token.
    assert_eq!(service.prints(&SIGN_IN, &response("a later token")), user_id);
    assert_eq!(service.prints(&["access-token", &user_id], ""), "a later token");
    // A due token is refreshed with VA.gov's response to the stored refresh token.
    let answers = r#"read token; [ "$token" = "a refresh token" ] && echo '{"access_token": "a later token", "expires_in": 3600}'"#;
    assert_eq!(service.prints(&["refresh", answers], ""), "0");
    let expire = "UPDATE vetassist_va_tokens SET expires_at = now()";
    db.batch_execute(expire).unwrap();
    assert_eq!(service.prints(&["refresh", answers], ""), "1");
    assert_eq!(service.prints(&["access-token", &user_id], ""), "a later token");
    for (answer, state) in
        [("false", "wait"), (r#"echo '{"error": "invalid_grant"}'"#, "reconnect")]
    {
        db.batch_execute(expire).unwrap();
        db.batch_execute("UPDATE vetassist_refresh_states SET retry_at = now()").unwrap();
        assert_eq!(service.prints(&["refresh", answer], ""), "0");
        assert_eq!(
            column_of(&mut db, "SELECT state FROM vetassist_users, vetassist_token_status(id)"),
            [state]
        );
    }
    service.refuses(&["access-token", &Uuid::nil().to_string()], "");

    // The extension adopts the rows of the service, and the service works with it.
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

    // The old key stays in the ring until it seals no value.
    fs::write(&keys, format!("{}\n{}", hex_key(0x22), hex_key(0x11))).unwrap();
    let mut holder = server.connect();
    holder.batch_execute("BEGIN; SELECT FROM vetassist_va_tokens FOR UPDATE").unwrap();
    let began = Instant::now();
    let held = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(500));
        holder.batch_execute("ROLLBACK").unwrap();
    });
    assert_eq!(service.prints(&["rotate"], ""), "1");
    assert!(
        began.elapsed() >= Duration::from_millis(500),
        "the rotation did not wait for the locked row"
    );
    held.join().unwrap();
    assert_eq!(service.prints(&["rotate"], ""), "0");
    fs::write(&keys, hex_key(0x22)).unwrap();
    assert_eq!(service.prints(&["access-token", &user_id], ""), "from SQL");

    // A refused sign-in stores nothing.
    db.batch_execute("UPDATE vetassist_users SET is_active = false").unwrap();
    let refused = service.refuses(&SIGN_IN, &response("refused"));
    assert!(refused.contains("not active"), "{refused}");
    assert_eq!(service.prints(&["access-token", &user_id], ""), "from SQL");
    fs::remove_file(&keys).unwrap();
}

#[test]
fn the_sqlx_example_reseals_tokens() {
    let mut server = KeyedServer::start();
    let keys = env::temp_dir().join(format!("vetassist-sqlx-{}", std::process::id()));
    let [old, new] = [0x11, 0x22].map(|byte| MasterKey::from_bytes(&[byte; 32]));
    fs::write(&keys, format!("{}\n{}\n", hex_key(0x22), hex_key(0x11))).unwrap();
    let mut sign_in = |icn: &str, refresh: Option<&str>| -> Uuid {
        let login = "SELECT user_id FROM vetassist_login($1, 't\u{f6}k\u{e9}n', now(), $1, now(), refresh_token => $2)";
        server.db.query_one(login, &[&icn, &refresh]).unwrap().get(0)
    };
    let users = [sign_in("with", Some("a refresh token")), sign_in("without", None)];
    let mut db = server.connect();
    let mut columns = |id: &Uuid| -> (Vec<u8>, Option<Vec<u8>>) {
        let row = "SELECT access_token_encrypted, refresh_token_encrypted FROM vetassist_va_tokens WHERE user_id = $1";
        let row = db.query_one(row, &[id]).unwrap();
        (row.get(0), row.get(1))
    };
    let service = Service { program: program("example-rust-sqlx"), server: &server, keys: &keys };
    for (id, refresh) in users.iter().zip([Some("a refresh token"), None]) {
        let (access, _) = columns(id);
        assert_eq!(old.derive_user_key(id).open_text(&access, b"").unwrap(), "t\u{f6}k\u{e9}n");
        // The second key of the ring sealed the token at first, and the first key does now.
        assert_eq!(service.prints(&[&id.to_string()], ""), "2");
        let (access, sealed) = columns(id);
        let key = new.derive_user_key(id);
        assert_eq!(key.open_text(&access, b"").unwrap(), "t\u{f6}k\u{e9}n");
        let opened = sealed.map(|sealed| key.open_text(&sealed, b"").unwrap());
        assert_eq!(opened.as_deref(), refresh);
        assert_eq!(service.prints(&[&id.to_string()], ""), "1");
    }
    // Resealing does not end a back-off.
    let mut admin = server.connect();
    let lease = "SELECT lease_id::text FROM vetassist_claim_refreshes_sealed()";
    let lease = column_of(&mut admin, lease).remove(0);
    admin
        .batch_execute(&format!("SELECT vetassist_fail_refresh('{lease}', 'invalid_grant', true)"))
        .unwrap();
    service.prints(&[&users[0].to_string()], "");
    let state = format!("SELECT state FROM vetassist_token_status('{}')", users[0]);
    assert_eq!(column_of(&mut admin, &state), ["reconnect"]);
    service.refuses(&[&Uuid::nil().to_string()], "");
    fs::write(&keys, hex_key(0x33)).unwrap();
    service.refuses(&[&users[0].to_string()], "");
    assert_eq!(
        new.derive_user_key(&users[0]).open_text(&columns(&users[0]).0, b"").unwrap(),
        "t\u{f6}k\u{e9}n"
    );
    fs::remove_file(&keys).unwrap();
}
