//! Tests the audit log when a database is dumped, restored, replicated and rolled back.

use postgres::Client;
use vetassist_core::audit_log::{leaf_hash, Entry};
use vetassist_server_tests::{
    audit_log::{
        assert_intact, checkpoint, exported_as, problems, program_findings, seal, size, verified,
        RETENTION,
    },
    column_of, database, sqlstate, wait, KeyedServer,
};

fn add(db: &mut Client, rows: i32) {
    db.execute("INSERT INTO vetassist_auth_audit (event_type, event_data, ip_hash) SELECT 'x', '{\"a\": 1}', 'h' FROM generate_series(1, $1)", &[&rows]).unwrap();
}

fn assert_a_copy_does_not_seal(db: &mut Client) {
    let error = db.batch_execute("CALL vetassist_seal_audit()").unwrap_err();
    assert_eq!(sqlstate(&error), "55000", "{error:?}");
    assert!(error.as_db_error().unwrap().hint().unwrap().contains("vetassist_new_audit_log"));
    let severities = column_of(db, "SELECT severity FROM vetassist_check() WHERE subject = 'audit log' AND message LIKE '%another%'");
    assert_eq!(severities, ["error"]);
}

#[test]
#[ignore = "takes seconds"]
fn a_restored_dump_has_the_whole_log_and_begins_its_own() {
    let mut server = KeyedServer::filled(&[]);
    seal(&mut server.db);
    server
        .db
        .batch_execute("SELECT vetassist_erase_user(id) FROM vetassist_users WHERE va_icn = 'ICN5'")
        .unwrap();
    let kept = checkpoint(&mut server.db);
    let tables = ["leaves", "nodes", "head", "pending", "unsealable"];
    let rows = |db: &mut Client| -> Vec<String> {
        tables
            .iter()
            .flat_map(|table| {
                column_of(
                    db,
                    &format!("SELECT t::text FROM vetassist_audit_{table} AS t ORDER BY 1"),
                )
            })
            .collect()
    };
    let mut restored = server.dump_and_restore();
    assert_eq!(rows(&mut restored), rows(&mut server.db));
    assert_intact(&mut restored, Some(&kept));
    assert_a_copy_does_not_seal(&mut restored);
    // The original still seals.
    add(&mut server.db, 3);
    seal(&mut server.db);
    assert_intact(&mut server.db, Some(&kept));
    let later = checkpoint(&mut server.db);
    assert_eq!(problems(&mut restored, Some(&later)), ["rolled_back"]);

    let former = checkpoint(&mut restored);
    for reason in ["NULL", "''", "'  '"] {
        let error = restored
            .batch_execute(&format!("SELECT vetassist_new_audit_log({reason})"))
            .unwrap_err();
        assert_eq!(sqlstate(&error), "22023");
    }
    let origin: String = restored
        .query_one("SELECT vetassist_new_audit_log('restored from a dump')", &[])
        .unwrap()
        .get(0);
    assert_ne!(checkpoint(&mut restored).split('\n').next(), former.split('\n').next());
    assert!(checkpoint(&mut restored).starts_with(&format!("{origin}\n1\n")));
    seal(&mut restored);
    let first: Vec<u8> =
        restored.query_one("SELECT data FROM vetassist_audit_entries(0, 1)", &[]).unwrap().get(0);
    let Entry::Restart(restart) = Entry::decode(&first).unwrap() else {
        panic!("the first entry is not a restart")
    };
    assert_eq!(restart.reason, "restored from a dump");
    let said = vetassist_core::audit_log::Checkpoint {
        origin: restart.origin,
        size: restart.size,
        root: restart.root,
    };
    assert_eq!(said.to_string(), former);
    assert_eq!(leaf_hash(&first).as_bytes().len(), 32);
    assert_intact(&mut restored, None);
    assert_eq!(program_findings(&mut restored, None), ["restart"]);
    let rows: i64 =
        restored.query_one("SELECT count(*) FROM vetassist_auth_audit", &[]).unwrap().get(0);
    assert_eq!(size(&mut restored), rows + 1);
    assert_eq!(
        column_of(
            &mut restored,
            "SELECT subject FROM vetassist_check() WHERE subject = 'audit log'"
        ),
        [""; 0]
    );
}

#[test]
fn a_new_log_is_refused_before_the_first_seal() {
    let mut db = database();
    let error = db.batch_execute("SELECT vetassist_new_audit_log('why not')").unwrap_err();
    assert_eq!(sqlstate(&error), "55000");
    assert_eq!(problems(&mut db, None), [""; 0]);
}

#[test]
fn a_standby_shows_and_verifies_the_log_and_continues_it_when_promoted() {
    let mut server = KeyedServer::filled(&[]);
    seal(&mut server.db);
    let kept = checkpoint(&mut server.db);
    let mut standby = server.standby();
    add(&mut server.db, 300);
    seal(&mut server.db);
    server
        .db
        .batch_execute("SELECT vetassist_erase_user(id) FROM vetassist_users WHERE va_icn = 'ICN5'")
        .unwrap();
    standby.wait_for(&mut server.db);
    let mut replica = standby.connect_as("postgres");
    assert_intact(&mut replica, Some(&kept));
    let mut auditor = standby.connect_as("auditor");
    assert_eq!(problems(&mut auditor, Some(&kept)), [""; 0]);
    let of_auditor = exported_as(&mut replica, "auditor");
    assert!(verified(&of_auditor, Some(&kept), RETENTION).0.is_intact());
    assert_eq!(checkpoint(&mut replica), checkpoint(&mut server.db));
    for writes in
        ["CALL vetassist_seal_audit()", "SELECT vetassist_note_watch(vetassist_audit_checkpoint())"]
    {
        let error = replica.batch_execute(writes).unwrap_err();
        assert_eq!(sqlstate(&error), "25006", "{writes}");
    }
    // The primary is gone, so the promoted standby continues its log.
    server.kill();
    standby.promote();
    let mut promoted = standby.connect_as("postgres");
    add(&mut promoted, 10);
    seal(&mut promoted);
    assert_intact(&mut promoted, Some(&kept));
}

/// A kept checkpoint shows that the cluster was rolled back.
#[test]
fn a_rolled_back_cluster_is_found() {
    let mut server = KeyedServer::filled(&[]);
    seal(&mut server.db);
    // The copy has the same system identifier, as after point-in-time recovery.
    let mut yesterday = server.standby();
    yesterday.wait_for(&mut server.db);
    yesterday.promote();
    add(&mut server.db, 10);
    seal(&mut server.db);
    let kept = checkpoint(&mut server.db);
    let mut rolled_back = yesterday.connect_as("postgres");
    assert_eq!(problems(&mut rolled_back, Some(&kept)), ["rolled_back"]);
    assert!(program_findings(&mut rolled_back, Some(&kept)).contains(&"rolled_back"));
    // The copy seals, so two logs have one origin. The kept checkpoint shows that as well.
    add(&mut rolled_back, 20);
    seal(&mut rolled_back);
    assert_eq!(problems(&mut rolled_back, Some(&kept)), ["rewritten"]);
}

/// A subscriber with the tables of the log shows and verifies it. It does not seal, or two logs would have one origin. A
/// subscriber with the trail alone begins its own log.
#[test]
#[ignore = "takes seconds"]
fn a_subscriber_to_the_log_does_not_seal() {
    let mut publisher = KeyedServer::filled(&[("wal_level", "logical")]);
    seal(&mut publisher.db);
    let mut subscriber = KeyedServer::start();
    // The test servers are copies with one system identifier, so the databases need different names.
    let [mut log, mut trail] = ["log", "trail"].map(|name| {
        subscriber.db.batch_execute(&format!("CREATE DATABASE {name}")).unwrap();
        let mut db = subscriber.connect_to(name);
        db.batch_execute("CREATE EXTENSION vetassist").unwrap();
        db
    });
    publisher
        .db
        .batch_execute(
            "CREATE PUBLICATION trail FOR TABLE vetassist_users, vetassist_auth_audit;
             CREATE PUBLICATION log FOR TABLE vetassist_users, vetassist_auth_audit, vetassist_audit_head, vetassist_audit_leaves,
                 vetassist_audit_nodes, vetassist_audit_pending, vetassist_audit_unsealable",
        )
        .unwrap();
    let connection = format!("host={} port=5432 user=postgres", publisher.socket_dir().display());
    for (name, db) in [("log", &mut log), ("trail", &mut trail)] {
        db.batch_execute(&format!("CREATE SUBSCRIPTION {name} CONNECTION '{connection} dbname=postgres' PUBLICATION {name}")).unwrap();
    }
    add(&mut publisher.db, 300);
    seal(&mut publisher.db);
    publisher
        .db
        .batch_execute("SELECT vetassist_erase_user(id) FROM vetassist_users WHERE va_icn = 'ICN5'")
        .unwrap();
    let kept = checkpoint(&mut publisher.db);
    let rows = "SELECT t::text FROM vetassist_auth_audit AS t ORDER BY id";
    let (expected, pending) =
        (column_of(&mut publisher.db, rows), "SELECT count(*)::text FROM vetassist_audit_pending");
    let db = &mut log;
    wait(|| column_of(db, rows) == expected && column_of(db, pending) == ["1"]);
    assert_eq!(checkpoint(db), kept);
    assert_intact(db, Some(&kept));
    assert_a_copy_does_not_seal(db);
    wait(|| column_of(&mut trail, rows) == expected);
    seal(&mut trail);
    assert_ne!(checkpoint(&mut trail).split('\n').next(), kept.split('\n').next());
    assert_intact(&mut trail, None);
    for (name, db) in [("log", &mut log), ("trail", &mut trail)] {
        db.batch_execute(&format!("DROP SUBSCRIPTION {name}")).unwrap();
    }
}

#[test]
fn the_check_reports_the_state_of_the_log() {
    let mut db = database();
    let problems = |db: &mut Client| {
        column_of(db, "SELECT severity || ' ' || message FROM vetassist_check() WHERE subject = 'audit log' ORDER BY 1")
    };
    assert_eq!(problems(&mut db), [""; 0]);
    add(&mut db, 5);
    assert_eq!(problems(&mut db), [""; 0]);
    db.batch_execute("INSERT INTO vetassist_auth_audit (event_type, created_at) VALUES ('old', now() - interval '2 days')").unwrap();
    assert_eq!(problems(&mut db), ["warning has never been sealed"]);
    seal(&mut db);
    assert_eq!(problems(&mut db), [""; 0]);
    db.batch_execute("UPDATE vetassist_audit_head SET sealed_at = now() - interval '2 days'")
        .unwrap();
    assert_eq!(problems(&mut db).len(), 1);
    assert!(problems(&mut db)[0].starts_with("warning was last sealed at "));
    seal(&mut db);
    db.batch_execute(
        "INSERT INTO vetassist_audit_unsealable SELECT min(id), '22021' FROM vetassist_auth_audit",
    )
    .unwrap();
    assert_eq!(problems(&mut db), ["warning lacks 1 rows that cannot be encoded"]);
}

/// A sign-in leaves the work to the seal.
#[test]
fn a_sign_in_writes_nothing_to_the_log() {
    let mut server = KeyedServer::filled(&[]);
    seal(&mut server.db);
    let counted = "SELECT n_tup_ins + n_tup_upd + n_tup_del + seq_scan + coalesce(idx_scan, 0) FROM pg_stat_xact_user_tables WHERE relname LIKE 'vetassist_audit_%' AND relname <> 'vetassist_auth_audit'";
    // A new connection has counted nothing yet.
    let mut db = server.connect();
    let mut transaction = db.transaction().unwrap();
    transaction.batch_execute("SELECT vetassist_login('ICN new', 'access', now() + '1 h', 'jti new', now() + '1 h', ip => '203.0.113.7')").unwrap();
    let touched: Vec<i64> =
        transaction.query(counted, &[]).unwrap().iter().map(|row| row.get(0)).collect();
    assert_eq!(touched, [0; 5]);
}
