//! Runs the runbook `docs/adopting.md`, with a backend that keeps writing and its nightly dump.

use std::{
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    thread,
};

use vetassist_server_tests::{column_of, sqlstate, KeyedServer, Server};

use super::MIGRATION;
use crate::runbooks::{blocks, run};

const USER: &str = "8d3c1f5e-2b6a-4c97-9e10-5a7b3d2f4c61";

/// Statements that the backend repeats at each start.
const REPEATED: [&str; 2] = [
    "CREATE INDEX IF NOT EXISTS idx_vetassist_sessions_user ON vetassist_sessions (user_id)",
    "COMMENT ON TABLE vetassist_users IS 'VetAssist user accounts linked to VA identity'",
];

/// Ends the writer, also if a step fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Writes tokens as the backend does, until it is told to stop. Its statements are prepared before the adoption.
fn write_tokens(server: &Server, sealed: &[u8], stop: &AtomicBool, done: &AtomicU32) {
    let mut backend = server.connect_as("backend");
    let upsert = format!(
        "INSERT INTO vetassist_va_tokens (user_id, access_token_encrypted, expires_at) VALUES ('{USER}', $1, now() + interval '1 h')
         ON CONFLICT (user_id) DO UPDATE SET access_token_encrypted = excluded.access_token_encrypted, expires_at = excluded.expires_at"
    );
    let upsert = backend.prepare(&upsert).unwrap();
    let log = format!(
        "INSERT INTO vetassist_auth_audit (user_id, event_type) VALUES ('{USER}', 'token_stored')"
    );
    let log = backend.prepare(&log).unwrap();
    while !stop.load(Ordering::Relaxed) {
        backend.execute(&upsert, &[&sealed]).unwrap();
        backend.execute(&log, &[]).unwrap();
        done.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
#[ignore = "takes seconds"]
fn the_runbook_adopts_the_tables_of_a_running_backend() {
    let mut server = KeyedServer::start();
    let seal = format!("SELECT vetassist_encrypt_token('a token', '{USER}')");
    let sealed: Vec<u8> = server.db.query_one(&seal, &[]).unwrap().get(0);
    server
        .db
        .batch_execute(
            "DROP EXTENSION vetassist; CREATE ROLE backend LOGIN; GRANT CREATE ON SCHEMA public TO backend",
        )
        .unwrap();
    let mut backend = server.connect_as("backend");
    backend.batch_execute(MIGRATION).unwrap();
    backend
        .batch_execute(&format!(
            "TRUNCATE vetassist_users, vetassist_va_tokens, vetassist_sessions, vetassist_auth_audit;
             INSERT INTO vetassist_users (id, va_icn) VALUES ('{USER}', 'ICN');
             INSERT INTO vetassist_sessions (user_id, jwt_id, expires_at, device_info)
                 VALUES ('{USER}', 'jti', now() + interval '1 h', '{{\"os\": \"x\", \"client\": {{\"ip\": \"203.0.113.7\"}}}}')"
        ))
        .unwrap();

    let steps = blocks("adopting.md");
    let step = |text: &str| {
        let found: Vec<_> = steps.iter().filter(|block| block.text.contains(text)).collect();
        assert!(!found.is_empty(), "no step has {text}");
        found[0]
    };
    let (stop, done) = (AtomicBool::new(false), AtomicU32::new(0));
    let written = || done.load(Ordering::Relaxed);
    thread::scope(|scope| {
        let (kept, sealed): (&Server, _) = (&server, &sealed);
        let load = scope.spawn(|| write_tokens(kept, sealed, &stop, &done));
        let stopper = Stop(&stop);
        for text in ["adopt_from", "severity", "upgrade_ip_hashes", "vetassist_grant"] {
            let before = written();
            run(step(text), &server, "postgres");
            while written() < before + 5 && !load.is_finished() {
                thread::yield_now();
            }
            server.dump_as("backend");
        }
        drop(stopper);
        load.join().unwrap();
    });
    let mut db = server.connect();
    let errors = "SELECT subject || message FROM vetassist_check() WHERE severity = 'error'";
    assert_eq!(column_of(&mut db, errors), [""; 0]);
    let opened = format!("SELECT vetassist_access_token('{USER}')");
    assert_eq!(column_of(&mut db, &opened), ["a token"]);
    let device = "SELECT device_info::text FROM vetassist_sessions";
    let keyed = column_of(&mut db, "SELECT vetassist_hash_ip_keyed('203.0.113.7')");
    assert_eq!(
        column_of(&mut db, device),
        [format!(r#"{{"os": "x", "client": {{"ip_hash": "{}"}}}}"#, keyed[0])]
    );
    for statement in REPEATED.into_iter().chain(["DELETE FROM vetassist_auth_audit"]) {
        let error = backend.batch_execute(statement).unwrap_err();
        assert_eq!(sqlstate(&error), "42501", "{statement}");
    }

    let said = run(step("vetassist_revoke"), &server, "postgres");
    assert!(!said.contains('|'), "{said}");
    let error = backend.batch_execute("SELECT FROM vetassist_users").unwrap_err();
    assert_eq!(sqlstate(&error), "42501");
    backend.batch_execute("SELECT vetassist_find_user('ICN')").unwrap();
    let kept = "SELECT message FROM vetassist_check() WHERE subject = 'role backend'";
    assert_eq!(column_of(&mut db, kept), [""; 0]);

    run(step("vetassist_detach"), &server, "postgres");
    for statement in REPEATED {
        backend.batch_execute(statement).unwrap();
    }
    let owners =
        "SELECT DISTINCT tableowner::text FROM pg_tables WHERE tablename LIKE 'vetassist_%'";
    assert_eq!(column_of(&mut db, owners), ["backend"]);
    // It can be adopted again.
    run(step("adopt_from"), &server, "postgres");
    assert_eq!(column_of(&mut server.connect(), &opened), ["a token"]);
}
