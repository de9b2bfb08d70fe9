//! Tests the lawful changes of the audit trail, and their entries in the audit log.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use postgres::Client;
use uuid::Uuid;
use vetassist_server_tests::{
    audit_log::{
        assert_intact, assert_intact_where_kept, checkpoint, connect_again, problems,
        program_findings, seal, size,
    },
    column_of, database, hex_key, sqlstate, wait, KeyedServer, Server,
};

/// Inserts users and rows of the trail, as sign-ins and other backends write them.
fn fill(db: &mut Client, users: i32) -> Vec<Uuid> {
    db.execute(
        "INSERT INTO vetassist_users (va_icn) SELECT 'ICN' || n FROM generate_series(1, $1) AS n",
        &[&users],
    )
    .unwrap();
    db.batch_execute(
        "INSERT INTO vetassist_auth_audit (user_id, event_type, event_data, ip_hash, created_at)
         SELECT id, 'login', jsonb_build_object('n', n, 'name', va_icn), encode(sha256(n::text::bytea), 'hex'), now() - interval '3 years' * n
         FROM vetassist_users, generate_series(0, 3) AS n ORDER BY n, id;
         INSERT INTO vetassist_auth_audit (user_id, event_type) SELECT id, 'bare' FROM vetassist_users;
         INSERT INTO vetassist_auth_audit (event_type, event_data) SELECT 'of nobody', '{}' FROM generate_series(1, 10)",
    )
    .unwrap();
    db.query("SELECT id FROM vetassist_users ORDER BY va_icn", &[])
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect()
}

fn entries_by_kind(db: &mut Client) -> Vec<String> {
    column_of(db, "SELECT kind || ' ' || count(*) FROM vetassist_audit_entries(0, 100000) WHERE entry IS NOT NULL GROUP BY kind ORDER BY kind")
}

#[test]
fn an_erasure_clears_rows_and_keeps_their_proofs() {
    let mut db = database();
    let users = fill(&mut db, 5);
    seal(&mut db);
    let kept = checkpoint(&mut db);
    let data = |db: &mut Client| {
        column_of(db, "SELECT encode(data, 'hex') FROM vetassist_audit_entries(0, 35) WHERE kind = 'row' AND entry IS NOT NULL ORDER BY entry")
    };
    let before = data(&mut db);
    assert_eq!(before.len(), 35);
    for (index, user) in users.iter().take(2).enumerate() {
        // The user also has a row that is not sealed.
        db.execute("INSERT INTO vetassist_auth_audit (user_id, event_type, ip_hash) VALUES ($1, 'late', 'x')", &[user]).unwrap();
        let erased: bool = db.query_one("SELECT vetassist_erase_user($1)", &[user]).unwrap().get(0);
        assert!(erased);
        // A second erasure has nothing to erase.
        let again: bool = db.query_one("SELECT vetassist_erase_user($1)", &[user]).unwrap().get(0);
        assert!(!again);
        let said = "SELECT event_type FROM vetassist_auth_audit WHERE user_id = $1 AND (event_data IS NOT NULL OR ip_hash IS NOT NULL)";
        let left: Vec<String> =
            db.query(said, &[user]).unwrap().iter().map(|row| row.get(0)).collect();
        assert_eq!(left, ["user_erased"]);
        let salts: i64 = db.query_one("SELECT count(*) FROM vetassist_audit_leaves AS l JOIN vetassist_auth_audit AS a ON a.id = audit_id WHERE user_id = $1 AND event_type = 'login' AND salts IS NOT NULL", &[user]).unwrap().get(0);
        assert_eq!(salts, 0);
        // The data stays provable while the erasure is pending.
        let pending: i64 = db.query_one("SELECT count(*) FROM vetassist_audit_entries(0, 100) WHERE entry IS NULL AND kind = 'erasure'", &[]).unwrap().get(0);
        assert_eq!(pending, 5 * (i64::try_from(index).unwrap() + 1));
        assert_eq!(data(&mut db), before);
        assert_intact(&mut db, Some(&kept));
    }
    seal(&mut db);
    assert_eq!(data(&mut db), before);
    assert_eq!(entries_by_kind(&mut db), ["erasure 2", "row 39"]);
    let summary = assert_intact(&mut db, Some(&kept));
    assert_eq!((summary.pending, summary.covered), (0, 35));
    assert_eq!(program_findings(&mut db, Some(&kept)), ["erasure"]);
}

/// The rows of a user with many rows are cleared in parts.
#[test]
#[ignore = "takes seconds"]
fn an_erasure_of_many_rows_clears_all_of_them() {
    let mut db = database();
    let users = fill(&mut db, 1);
    db.execute("INSERT INTO vetassist_auth_audit (user_id, event_type, ip_hash) SELECT $1, 'x', 'y' FROM generate_series(1, 2500)", &[&users[0]]).unwrap();
    seal(&mut db);
    db.execute("SELECT vetassist_erase_user($1)", &[&users[0]]).unwrap();
    assert_intact(&mut db, None);
    db.batch_execute("CALL vetassist_seal_audit(100)").unwrap();
    assert_eq!(entries_by_kind(&mut db), ["erasure 3", "row 2516"]);
    assert_intact(&mut db, None);
}

#[test]
fn a_purge_deletes_only_sealed_rows() {
    let mut db = database();
    fill(&mut db, 5);
    let purge = "SELECT vetassist_purge_audit('5 years')";
    let purged = |db: &mut Client| db.query_one(purge, &[]).unwrap().get::<_, i32>(0);
    assert_eq!(purged(&mut db), 0);
    seal(&mut db);
    let kept = checkpoint(&mut db);
    assert_eq!(purged(&mut db), 10);
    assert_intact(&mut db, Some(&kept));
    let data: i64 = db.query_one("SELECT count(*) FROM vetassist_audit_entries(0, 100) WHERE kind = 'row' AND data IS NULL", &[]).unwrap().get(0);
    assert_eq!(data, 10);
    seal(&mut db);
    assert_eq!(entries_by_kind(&mut db), ["purge 1", "row 36"]);
    assert_eq!(program_findings(&mut db, Some(&kept)), ["purge"]);
    assert_eq!(purged(&mut db), 0);
    // A reused id is a new entry, and a problem.
    db.batch_execute("INSERT INTO vetassist_auth_audit (id, event_type) SELECT min(audit_id), 'again' FROM vetassist_audit_leaves WHERE kind = 'p'; UPDATE vetassist_audit_head SET swept_at = NULL").unwrap();
    seal(&mut db);
    assert_eq!(size(&mut db), 38);
    assert_eq!(problems(&mut db, None), ["id_reused"]);
    assert_eq!(program_findings(&mut db, None), ["id_reused", "purge"]);
}

#[test]
#[ignore = "takes seconds"]
fn an_upgrade_of_hashes_is_recorded_in_the_log() {
    let mut server = KeyedServer::start();
    let db = &mut server.db;
    let users = fill(db, 5);
    seal(db);
    let kept = checkpoint(db);
    // The upgrade of an unsealed row needs no entry.
    db.batch_execute(
        "SELECT vetassist_log_event('x', NULL, NULL, '203.0.113.9'); SET vetassist.ip_hash = keyed",
    )
    .unwrap();
    db.batch_execute("CALL vetassist_upgrade_ip_hashes(7)").unwrap();
    assert_intact(db, Some(&kept));
    seal(db);
    assert_eq!(entries_by_kind(db), ["rehash 20", "row 37"]);
    assert_intact(db, Some(&kept));
    // A row that is erased before its rehash is sealed has lost the value that the rehash committed to.
    db.batch_execute("INSERT INTO vetassist_auth_audit (user_id, event_type, ip_hash) SELECT id, 'y', encode(sha256(id::text::bytea), 'hex') FROM vetassist_users").unwrap();
    seal(db);
    db.batch_execute("CALL vetassist_upgrade_ip_hashes()").unwrap();
    db.execute("SELECT vetassist_erase_user($1)", &[&users[0]]).unwrap();
    assert_intact(db, Some(&kept));
    seal(db);
    assert_eq!(entries_by_kind(db), ["erasure 1", "rehash 24", "row 44"]);
    assert_eq!(program_findings(db, Some(&kept)), ["erasure", "rehash"]);
    // After a rotation, plain hashes are upgraded under the new key; keyed hashes stay.
    server.set_ring(&format!("{}\n{}", hex_key(0x22), hex_key(0x11)));
    server.db.batch_execute("CALL vetassist_upgrade_ip_hashes()").unwrap();
    server.db.batch_execute("CALL vetassist_rotate_tokens()").unwrap();
    seal(&mut server.db);
    assert_intact(&mut server.db, Some(&kept));
}

/// Such an erasure cannot see the entries of the rows, and would leave their salts.
#[test]
fn an_erasure_fails_if_its_snapshot_is_older_than_a_seal() {
    let mut db = database();
    let users = fill(&mut db, 2);
    let mut other = connect_again(&mut db);
    let mut old = other
        .build_transaction()
        .isolation_level(postgres::IsolationLevel::RepeatableRead)
        .start()
        .unwrap();
    old.batch_execute("SELECT count(*) FROM vetassist_users").unwrap();
    seal(&mut db);
    let error = old.execute("SELECT vetassist_erase_user($1)", &[&users[0]]).unwrap_err();
    assert_eq!(sqlstate(&error), "40001", "{error:?}");
    drop(old);
    // An erasure passes if it sees the entries, or if there are none.
    other
        .execute(
            "INSERT INTO vetassist_auth_audit (user_id, event_type, ip_hash) VALUES ($1, 'x', 'y')",
            &[&users[0]],
        )
        .unwrap();
    let mut new = other
        .build_transaction()
        .isolation_level(postgres::IsolationLevel::RepeatableRead)
        .start()
        .unwrap();
    new.execute("SELECT vetassist_erase_user($1)", &[&users[0]]).unwrap();
    new.commit().unwrap();
    assert_intact(&mut db, None);
    seal(&mut db);
    assert_intact(&mut db, None);
    let strays: i64 = db
        .query_one(
            "SELECT count(*) FROM vetassist_audit_leaves WHERE entry < 0 OR leaf_hash = ''",
            &[],
        )
        .unwrap()
        .get(0);
    assert_eq!(strays, 0);
}

/// A row is rehashed and then erased while a seal runs, after it sealed the changes and before it seals the rows. The
/// erasure's transaction is older, so its line comes first, and the rehash has nothing left to record.
#[test]
fn a_rehash_of_an_erased_row_is_not_sealed_after_the_erasure() {
    let mut server = KeyedServer::start();
    let users = fill(&mut server.db, 1);
    let connect = || server.connect_as("postgres");
    let (mut blocker, mut erasing, mut sealing, mut db) =
        (connect(), connect(), connect(), connect());
    let mut erasure = erasing.transaction().unwrap();
    erasure.batch_execute("SELECT pg_current_xact_id()").unwrap();
    // The seal needs this table for the rows, not for the changes.
    let mut locked = blocker.transaction().unwrap();
    locked.batch_execute("LOCK TABLE vetassist_audit_unsealable").unwrap();
    thread::scope(|scope| {
        scope.spawn(|| seal(&mut sealing));
        let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'vetassist_audit_unsealable'::regclass";
        wait(|| db.query_one(waits, &[]).unwrap().get::<_, i64>(0) == 1);
        db.batch_execute("CALL vetassist_upgrade_ip_hashes()").unwrap();
        erasure.execute("SELECT vetassist_erase_user($1)", &[&users[0]]).unwrap();
        erasure.commit().unwrap();
        locked.rollback().unwrap();
    });
    assert_eq!(entries_by_kind(&mut db), ["erasure 1", "row 17"]);
    let kept = checkpoint(&mut db);
    assert_intact(&mut db, Some(&kept));
    assert_eq!(program_findings(&mut db, Some(&kept)), ["erasure"]);
}

/// Sign-ins, erasures, upgrades and purges race the seal, at both isolation levels.
#[test]
#[ignore = "takes seconds"]
fn concurrent_lawful_changes_leave_no_problem() {
    let key = hex_key(0x22);
    let server = Server::start(
        &[("vetassist.audit_min_retention", "'1 second'"), ("deadlock_timeout", "50ms")],
        &[("VETASSIST_MASTER_KEY", &key)],
    );
    let mut db = server.database();
    fill(&mut db, 50);
    let is_over = AtomicBool::new(false);
    let worker = |isolation: &str,
                  work: &dyn Fn(&mut Client, u64) -> Result<(), postgres::Error>| {
        let mut db = server.connect_as("postgres");
        db.batch_execute(&format!("SET default_transaction_isolation = '{isolation}'")).unwrap();
        let mut refused = 0;
        for turn in 0.. {
            if is_over.load(Ordering::Relaxed) {
                break;
            }
            if let Err(error) = work(&mut db, turn) {
                // Only an old snapshot may fail, with a serialization failure.
                let code = sqlstate(&error).to_owned();
                assert!(code == "40001" && isolation != "read committed", "{isolation}: {error:?}");
                refused += 1;
            }
        }
        refused
    };
    let sign_in = |db: &mut Client, turn: u64| {
        let icn = format!("ICN{}", turn % 60);
        let mut transaction = db.transaction()?;
        transaction.execute("SELECT vetassist_login($1, 'access', now() + '1 h', gen_random_uuid()::text, now() + '1 h', ip => '10.0.0.0'::inet + $2)", &[&icn, &i64::try_from(turn % 5000).unwrap()])?;
        if turn % 10 == 9 {
            transaction.rollback()
        } else {
            transaction.commit()
        }
    };
    let erase = |db: &mut Client, turn: u64| {
        thread::sleep(Duration::from_millis(20));
        let mut transaction = db.transaction()?;
        transaction.execute("SELECT count(*) FROM vetassist_users", &[])?;
        transaction.execute(
            "SELECT vetassist_erase_user(id) FROM vetassist_users WHERE va_icn = 'ICN' || $1",
            &[&i64::try_from(turn * 7 % 60).unwrap().to_string()],
        )?;
        transaction.commit()
    };
    let upgrade = |db: &mut Client, _| db.batch_execute("CALL vetassist_upgrade_ip_hashes(100)");
    let purge = |db: &mut Client, _| {
        thread::sleep(Duration::from_millis(200));
        db.batch_execute("SELECT vetassist_purge_audit('4 seconds', 50)")
    };
    let seals = |db: &mut Client, _| db.batch_execute("CALL vetassist_seal_audit(200)");
    let refused = thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| worker("read committed", &sign_in));
        }
        scope.spawn(|| worker("read committed", &erase));
        let old = scope.spawn(|| worker("repeatable read", &erase));
        scope.spawn(|| worker("read committed", &upgrade));
        scope.spawn(|| worker("repeatable read", &upgrade));
        scope.spawn(|| worker("read committed", &purge));
        scope.spawn(|| worker("read committed", &seals));
        scope.spawn(|| worker("repeatable read", &seals));
        let until = Instant::now() + Duration::from_secs(12);
        let mut watcher = server.connect_as("postgres");
        while Instant::now() < until {
            thread::sleep(Duration::from_secs(2));
            // The log also verifies while the changes run, from one snapshot.
            let found = column_of(&mut watcher, "SELECT concat_ws(' ', problem, audit_id, entry, detail) FROM vetassist_verify_audit() LIMIT 5");
            if !found.is_empty() {
                is_over.store(true, Ordering::Relaxed);
            }
            assert_eq!(found, [""; 0]);
        }
        is_over.store(true, Ordering::Relaxed);
        old.join().unwrap()
    });
    println!("{refused} erasures were refused because their snapshots were too old");
    seal(&mut db);
    let kept = checkpoint(&mut db);
    let unsealed: i64 = db.query_one("SELECT count(*) FROM vetassist_auth_audit AS a WHERE NOT EXISTS (SELECT FROM vetassist_audit_leaves AS l WHERE l.audit_id = a.id AND l.kind = 'r')", &[]).unwrap().get(0);
    assert_eq!(unsealed, 0);
    let summary = assert_intact_where_kept(&mut db, Some(&kept), Duration::from_secs(1));
    println!("{:?}", entries_by_kind(&mut db));
    assert_eq!(entries_by_kind(&mut db).len(), 4, "a kind of entry is missing: {summary:?}");
}
