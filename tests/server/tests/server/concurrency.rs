//! Tests concurrent sign-ins, refresh workers, rotations and erasures, and rotations that are killed.

use std::{
    collections::HashSet,
    sync::{
        atomic::{AtomicBool, AtomicU32, Ordering},
        Barrier,
    },
    thread,
    time::{Duration, Instant},
};

use postgres::Client;
use uuid::Uuid;
use vetassist_server_tests::{hex_key, KeyedServer};

const LOGIN: &str = "SELECT user_id FROM vetassist_login($1, $2, now() + interval '1 hour', $3, now() + interval '1 day', refresh_token => $4)";

/// Signs users in whose tokens hold their ICN.
fn sign_in_many(db: &mut Client, how_many: i32) {
    db.execute(
        "SELECT vetassist_login('ICN' || n, 'access ICN' || n, now() + interval '1 hour', gen_random_uuid()::text,
                                now() + interval '1 day', refresh_token => 'refresh ICN' || n)
         FROM generate_series(1, $1) AS n",
        &[&how_many],
    )
    .unwrap();
}

/// Asserts that every token opens and holds its user's ICN.
fn assert_nothing_lost(db: &mut Client, how_many: i64) {
    let row = db
        .query_one(
            "SELECT count(*), count(*) FILTER (WHERE vetassist_access_token(id) LIKE 'access ' || va_icn || '%'
                                               AND vetassist_refresh_token(id) LIKE 'refresh ' || va_icn || '%')
             FROM vetassist_users",
            &[],
        )
        .unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (how_many, how_many));
}

/// Returns the number of values that keys other than the current one seal, and the number that no key opens.
fn left_over(db: &mut Client) -> (i64, i64) {
    let row = db
        .query_one(
            "SELECT coalesce(sum(sealed_values) FILTER (WHERE \"position\" > 1), 0)::bigint,
                    sum(sealed_values) FILTER (WHERE \"position\" IS NULL)::bigint
             FROM vetassist_rotation_status()",
            &[],
        )
        .unwrap();
    (row.get(0), row.get(1))
}

fn rotate_key(server: &mut KeyedServer, new: u8, old: u8) {
    server.write_key_file(&format!("{}\n{}\n", hex_key(new), hex_key(old)), 0o600);
    server.reload();
    for _ in 0..100 {
        let keys: i64 =
            server.db.query_one("SELECT count(*) FROM vetassist_keys()", &[]).unwrap().get(0);
        if keys == 2 {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("the server did not read the ring again");
}

#[test]
#[ignore = "takes seconds"]
fn concurrent_sign_ins_of_one_new_veteran_make_one_user() {
    let mut server = KeyedServer::start();
    for round in 0..5 {
        let icn = format!("ICN{round}");
        let barrier = Barrier::new(32);
        let users: HashSet<Uuid> = thread::scope(|scope| {
            let threads: Vec<_> = (0..32)
                .map(|n| {
                    let mut db = server.connect();
                    let (icn, barrier) = (&icn, &barrier);
                    scope.spawn(move || {
                        barrier.wait();
                        let jti = format!("{icn} {n}");
                        db.query_one(LOGIN, &[icn, &"access", &jti, &"refresh"]).unwrap().get(0)
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(users.len(), 1);
    }
    let row = server
        .db
        .query_one(
            "SELECT (SELECT count(*) FROM vetassist_users), (SELECT count(*) FROM vetassist_va_tokens),
                    (SELECT count(*) FROM vetassist_sessions), (SELECT count(*) FROM vetassist_auth_audit),
                    (SELECT count(*) FROM vetassist_auth_audit WHERE (event_data ->> 'new_user')::boolean)",
            &[],
        )
        .unwrap();
    let counts: Vec<i64> = (0..5).map(|column| row.get(column)).collect();
    assert_eq!(counts, [5, 5, 160, 160, 5]);
}

#[test]
fn concurrent_workers_refresh_each_token_once() {
    let mut server = KeyedServer::start();
    sign_in_many(&mut server.db, 200);
    let refreshed: Vec<Uuid> = thread::scope(|scope| {
        let workers: Vec<_> = (0..8)
            .map(|_| {
                let mut db = server.connect();
                scope.spawn(move || {
                    let mut mine = Vec::new();
                    loop {
                        let mut transaction = db.transaction().unwrap();
                        let rows = transaction
                            .query("SELECT user_id FROM vetassist_tokens_expiring('2 hours', 5)", &[])
                            .unwrap();
                        for row in &rows {
                            let user: Uuid = row.get(0);
                            let token: String = transaction
                                .query_one("SELECT vetassist_refresh_token($1)", &[&user])
                                .unwrap()
                                .get(0);
                            // A call to the OAuth server takes time.
                            thread::sleep(Duration::from_millis(2));
                            let icn = token.replace("refresh ", "access ");
                            transaction
                                .execute(
                                    "SELECT vetassist_store_tokens($1, $2, now() + interval '1 day')",
                                    &[&user, &icn],
                                )
                                .unwrap();
                            mine.push(user);
                        }
                        transaction.commit().unwrap();
                        if rows.is_empty() {
                            return mine;
                        }
                    }
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert_eq!(refreshed.len(), 200);
    assert_eq!(refreshed.iter().collect::<HashSet<_>>().len(), 200);
    assert_nothing_lost(&mut server.db, 200);
}

#[test]
#[ignore = "takes seconds"]
fn a_rotation_during_sign_ins_loses_no_token() {
    const USERS: i32 = 2000;
    let mut server = KeyedServer::start();
    sign_in_many(&mut server.db, USERS);
    let stop = AtomicBool::new(false);
    let sign_ins = AtomicU32::new(0);
    let started = Instant::now();
    let mut rotations = 0;
    thread::scope(|scope| {
        for worker in 0..4_u32 {
            let mut db = server.connect();
            let (stop, sign_ins) = (&stop, &sign_ins);
            scope.spawn(move || {
                let mut n = worker;
                while !stop.load(Ordering::Relaxed) {
                    n = n.wrapping_mul(1_664_525).wrapping_add(1_013_904_223 + worker);
                    let icn = format!("ICN{}", n % USERS.unsigned_abs() + 1);
                    let (access, refresh) =
                        (format!("access {icn} again"), format!("refresh {icn} again"));
                    let jti = Uuid::from_u64_pair(
                        u64::from(worker),
                        u64::from(sign_ins.fetch_add(1, Ordering::Relaxed)),
                    );
                    db.query_one(LOGIN, &[&icn, &access, &jti.to_string(), &refresh]).unwrap();
                }
            });
        }
        let mut old = 0x11;
        while started.elapsed() < Duration::from_secs(20) {
            let new = if old == 0x11 { 0x33 } else { 0x11 };
            rotate_key(&mut server, new, old);
            // A second rotation runs at the same time.
            let mut other = server.connect();
            let second = scope
                .spawn(move || other.batch_execute("CALL vetassist_rotate_tokens(50)").unwrap());
            server.db.batch_execute("CALL vetassist_rotate_tokens(70)").unwrap();
            second.join().unwrap();
            rotations += 1;
            old = new;
            // A connection that had not read the new ring yet may have sealed with the old key.
            thread::sleep(Duration::from_millis(500));
            server.db.batch_execute("CALL vetassist_rotate_tokens()").unwrap();
            assert_eq!(left_over(&mut server.db), (0, 0), "after rotation {rotations}");
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(rotations >= 2 && sign_ins.load(Ordering::Relaxed) > 1000, "{rotations} {sign_ins:?}");
    assert_nothing_lost(&mut server.db, i64::from(USERS));
}

#[test]
fn a_rotation_returns_to_a_locked_row() {
    let mut server = KeyedServer::start();
    sign_in_many(&mut server.db, 50);
    rotate_key(&mut server, 0x33, 0x11);
    let mut holder = server.connect();
    holder
        .batch_execute("BEGIN; SELECT FROM vetassist_va_tokens WHERE user_id = (SELECT id FROM vetassist_users WHERE va_icn = 'ICN7') FOR UPDATE")
        .unwrap();
    thread::scope(|scope| {
        let mut rotator = server.connect();
        let rotation =
            scope.spawn(move || rotator.batch_execute("CALL vetassist_rotate_tokens(10)").unwrap());
        thread::sleep(Duration::from_secs(2));
        // All other rows are done by now.
        assert_eq!(left_over(&mut server.db), (2, 0));
        assert!(!rotation.is_finished());
        holder.batch_execute("COMMIT").unwrap();
        rotation.join().unwrap();
    });
    assert_eq!(left_over(&mut server.db), (0, 0));
    assert_nothing_lost(&mut server.db, 50);
}

#[test]
fn a_killed_rotation_can_be_resumed() {
    const USERS: i32 = 3000;
    let mut server = KeyedServer::start();
    sign_in_many(&mut server.db, USERS);
    rotate_key(&mut server, 0x33, 0x11);

    // kill -9 of the backend makes the server recover from a crash.
    let mut rotator = server.connect();
    let pid: i32 = rotator.query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0);
    thread::scope(|scope| {
        let rotation =
            scope.spawn(move || rotator.batch_execute("CALL vetassist_rotate_tokens(1)"));
        let mut watcher = server.connect();
        while left_over(&mut watcher).0 > i64::from(USERS) * 2 - 100 {}
        server.run_as_server_user(&format!("kill -9 {pid}"));
        assert!(rotation.join().unwrap().is_err(), "the rotation ended before it was killed");
    });
    server.reconnect();
    let (left, unopened) = left_over(&mut server.db);
    assert!(left > 0 && left < i64::from(USERS) * 2 && unopened == 0, "{left} left");
    assert_nothing_lost(&mut server.db, i64::from(USERS));

    // kill -9 of the whole server.
    let mut rotator = server.connect();
    thread::scope(|scope| {
        let rotation =
            scope.spawn(move || rotator.batch_execute("CALL vetassist_rotate_tokens(1)"));
        let mut watcher = server.connect();
        while left_over(&mut watcher).0 > left - 100 {}
        server.kill();
        assert!(
            rotation.join().unwrap().is_err(),
            "the rotation ended before the server was killed"
        );
    });
    server.start_again();
    let (left, unopened) = left_over(&mut server.db);
    assert!(left > 0 && unopened == 0, "{left} left");
    assert_nothing_lost(&mut server.db, i64::from(USERS));
    server.db.batch_execute("CALL vetassist_rotate_tokens()").unwrap();
    assert_eq!(left_over(&mut server.db), (0, 0));
    assert_nothing_lost(&mut server.db, i64::from(USERS));
}

#[test]
#[ignore = "takes seconds"]
fn concurrent_upgrades_upgrade_each_hash_once() {
    let mut server = KeyedServer::start();
    server
        .db
        .batch_execute(
            "INSERT INTO vetassist_auth_audit (event_type, ip_hash)
             SELECT 'seen', vetassist_hash_ip('10.0.0.0'::inet + n % 500) FROM generate_series(1, 20000) AS n;",
        )
        .unwrap();
    thread::scope(|scope| {
        for batch in [37, 53, 71] {
            let mut db = server.connect();
            scope.spawn(move || {
                db.batch_execute("SET vetassist.ip_hash = keyed").unwrap();
                db.batch_execute(&format!("CALL vetassist_upgrade_ip_hashes({batch})")).unwrap();
            });
        }
    });
    let row = server
        .db
        .query_one(
            "SELECT count(*) FROM vetassist_auth_audit
             WHERE ip_hash IN (SELECT vetassist_hash_ip_keyed('10.0.0.0'::inet + n) FROM generate_series(0, 499) AS n)",
            &[],
        )
        .unwrap();
    assert_eq!(row.get::<_, i64>(0), 20000);
}

#[test]
fn an_erasure_waits_for_a_refresh_and_deletes_its_tokens() {
    let mut server = KeyedServer::start();
    sign_in_many(&mut server.db, 1);
    let user: Uuid = server.db.query_one("SELECT id FROM vetassist_users", &[]).unwrap().get(0);
    let (mut worker, mut eraser) = (server.connect(), server.connect());
    let mut transaction = worker.transaction().unwrap();
    assert_eq!(
        transaction.query("SELECT * FROM vetassist_tokens_expiring('2 hours')", &[]).unwrap().len(),
        1
    );
    thread::scope(|scope| {
        let erasing = scope
            .spawn(move || eraser.execute("SELECT vetassist_erase_user($1)", &[&user]).unwrap());
        thread::sleep(Duration::from_millis(300));
        transaction
            .execute("SELECT vetassist_store_tokens($1, 'new', now() + interval '1 day')", &[&user])
            .unwrap();
        transaction.commit().unwrap();
        erasing.join().unwrap();
    });
    let left: i64 =
        server.db.query_one("SELECT count(*) FROM vetassist_va_tokens", &[]).unwrap().get(0);
    assert_eq!(left, 0);
}

#[test]
fn a_sign_in_during_an_erasure_leaves_nothing_of_the_erased_user() {
    let mut server = KeyedServer::start();
    for round in 0..40 {
        let icn = format!("ICN{round}");
        let user: Uuid = server
            .db
            .query_one(LOGIN, &[&icn, &"access", &format!("{icn} first"), &"refresh"])
            .unwrap()
            .get(0);
        let (mut eraser, mut signer) = (server.connect(), server.connect());
        let signed_in: Uuid = thread::scope(|scope| {
            let erasing = scope.spawn(move || {
                eraser.execute("SELECT vetassist_erase_user($1)", &[&user]).unwrap()
            });
            let jti = format!("{icn} second");
            let signed_in =
                signer.query_one(LOGIN, &[&icn, &"access", &jti, &"refresh"]).unwrap().get(0);
            erasing.join().unwrap();
            signed_in
        });
        let row = server
            .db
            .query_one(
                "SELECT va_icn IS NULL AND NOT is_active
                        AND NOT EXISTS (SELECT FROM vetassist_va_tokens t WHERE t.user_id = u.id)
                        AND NOT EXISTS (SELECT FROM vetassist_sessions s WHERE s.user_id = u.id)
                 FROM vetassist_users u WHERE id = $1",
                &[&user],
            )
            .unwrap();
        assert!(
            row.get::<_, bool>(0),
            "round {round}, signed in as the same user: {}",
            signed_in == user
        );
    }
}
