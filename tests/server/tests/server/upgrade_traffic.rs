//! Tests an update of the extension during the calls of a service.

use std::{
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use postgres::{Client, Error};
use vetassist_server_tests::{column_of, sqlstate, wait, KeyedServer};

/// Statements of a service and its workers, which run repeatedly. `$` is a unique number.
const TRAFFIC: &[&str] = &[
    "SELECT vetassist_login('ICN$', 'access', now() + '1 h', 'jti$', now() + '8 h', 'refresh', email => 'a@example.com',
                            device_info => '{\"ip\": \"203.0.113.7\"}', ip => '203.0.113.7')",
    "SELECT vetassist_login('ICN', 'access', now() + '1 min', 'again$', now() + '8 h', 'refresh', ip => '203.0.113.8')",
    "SELECT vetassist_session_active('jti 1'), vetassist_session_active('none')",
    "BEGIN; SELECT vetassist_store_tokens(user_id, 'newer', now() + '2 min') FROM vetassist_tokens_expiring('5 min', 3); COMMIT",
    "SELECT vetassist_log_event('an event', NULL, '{\"why\": \"because\"}', '2001:db8::1')",
    "SELECT vetassist_revoke_all_sessions(user_id, 'jti 1') FROM vetassist_login('ICN other', 'a', now(), 'other$', now())",
    "SELECT vetassist_purge_sessions('1 day', 10)",
];

/// Starts a server with an older version of the extension, and a role with the tier `app`.
fn with_version(old: &str) -> KeyedServer {
    let mut server = KeyedServer::start();
    server
        .db
        .batch_execute(&format!(
            "DROP EXTENSION vetassist; CREATE EXTENSION vetassist VERSION '{old}'; CREATE ROLE app LOGIN; SELECT vetassist_grant('app', 'app');
             SELECT vetassist_login('ICN', 'access', now() + '1 h', 'jti 1', now() + '8 h', 'refresh')"
        ))
        .unwrap();
    server
}

fn version(db: &mut Client) -> String {
    column_of(db, "SELECT extversion FROM pg_extension WHERE extname = 'vetassist'").remove(0)
}

/// Runs a statement of the traffic until `stop` is set. Counts the calls in `done` and returns the errors.
fn run_traffic(mut db: Client, stop: &AtomicBool, done: &AtomicU32, number: usize) -> Vec<String> {
    let mut errors = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let unique = done.fetch_add(1, Ordering::Relaxed).to_string();
        let call = TRAFFIC[number % TRAFFIC.len()].replace('$', &unique);
        if let Err(error) = db.batch_execute(&call) {
            errors.push(format!("{call}: {} {error:?}", sqlstate(&error)));
            let _ = db.batch_execute("ROLLBACK");
        }
    }
    errors
}

#[test]
#[ignore = "takes seconds"]
fn sign_ins_continue_during_an_update() {
    // An update from 0.1.0 runs a released script first. It takes locks one by one and drops functions that calls use.
    let old = "0.2.0";
    let mut server = with_version(old);
    let (stop, done) = (AtomicBool::new(false), AtomicU32::new(0));
    let mut updater = server.connect();
    let errors: Vec<String> = thread::scope(|scope| {
        let (stop, done) = (&stop, &done);
        let workers: Vec<_> = (0..TRAFFIC.len())
            .map(|number| {
                let db = server.connect_as("app");
                scope.spawn(move || run_traffic(db, stop, done, number))
            })
            .collect();
        thread::sleep(Duration::from_millis(500));
        updater.batch_execute("SET lock_timeout = '2s'").unwrap();
        let mut tries = 0;
        while let Err(error) = updater.batch_execute("ALTER EXTENSION vetassist UPDATE") {
            // The update fails only because of the lock, and can be repeated.
            assert_eq!(sqlstate(&error), "55P03", "{error:?}");
            assert_eq!(version(&mut updater), old);
            tries += 1;
            assert!(tries < 20, "{old} is not updated");
        }
        let (before, until) =
            (done.load(Ordering::Relaxed), Instant::now() + Duration::from_secs(20));
        // All statements continue to run.
        while done.load(Ordering::Relaxed) < before + 100 && Instant::now() < until {
            thread::sleep(Duration::from_millis(20));
        }
        assert!(done.load(Ordering::Relaxed) >= before + 100, "the calls stopped");
        stop.store(true, Ordering::Relaxed);
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert_eq!(errors, [""; 0], "{old}");
    assert_ne!(version(&mut server.db), old);
    assert_eq!(column_of(&mut server.db, "SELECT object FROM vetassist_check_schema()"), [""; 0]);
}

#[test]
fn an_update_that_exceeds_lock_timeout_changes_nothing() {
    let mut server = with_version("0.2.0");
    let mut holder = server.connect();
    holder
        .batch_execute("BEGIN; UPDATE vetassist_sessions SET revoked_at = now() WHERE false")
        .unwrap();
    let started = Instant::now();
    let error = server
        .db
        .batch_execute("SET lock_timeout = '300ms'; ALTER EXTENSION vetassist UPDATE")
        .unwrap_err();
    assert_eq!(sqlstate(&error), "55P03", "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(10));
    assert_eq!(version(&mut server.db), "0.2.0");
    let mut app = server.connect_as("app");
    app.batch_execute(
        "SELECT vetassist_login('ICN', 'access', now() + '1 h', 'jti 2', now() + '8 h')",
    )
    .unwrap();
    holder.batch_execute("COMMIT").unwrap();
    server.db.batch_execute("ALTER EXTENSION vetassist UPDATE").unwrap();
    app.batch_execute(
        "SELECT vetassist_login('ICN', 'access', now() + '1 h', 'jti 3', now() + '8 h')",
    )
    .unwrap();
}

/// The other transaction locks the tables in another order, and succeeds.
#[test]
#[ignore = "takes seconds"]
fn an_update_avoids_a_deadlock_with_other_transactions() {
    for tables in [
        ["vetassist_sessions", "vetassist_users"],
        ["vetassist_auth_audit", "vetassist_va_tokens"],
        ["vetassist_keyed_ip_hashes", "vetassist_users"],
    ] {
        let server = with_version("0.2.0");
        let mut other = server.connect();
        let lock = |db: &mut Client, table: &str| -> Result<(), Error> {
            db.batch_execute(&format!("LOCK TABLE {table} IN ROW EXCLUSIVE MODE"))
        };
        other.batch_execute("BEGIN").unwrap();
        lock(&mut other, tables[0]).unwrap();
        let (mut watcher, mut updater) = (server.connect(), server.connect());
        thread::scope(|scope| {
            let update =
                scope.spawn(move || updater.batch_execute("ALTER EXTENSION vetassist UPDATE"));
            // The update has locked some of the tables and waits for this one.
            let waits = "SELECT count(*)::text FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'";
            wait(|| column_of(&mut watcher, waits) == ["1"]);
            lock(&mut other, tables[1]).unwrap();
            other.batch_execute("COMMIT").unwrap();
            update.join().unwrap().unwrap();
        });
        assert_ne!(version(&mut watcher), "0.2.0");
    }
}
