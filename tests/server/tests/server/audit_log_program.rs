//! Tests `vetassist-audit` against a real database, as a role with the tier `auditor`.

use std::{fs, time::Duration};

use postgres::Client;
use time::OffsetDateTime;
use vetassist_audit::{
    verify::{verify, Evidence, Expectations},
    watch::{WatchError, Watcher},
    watched::{self, WatchedFile},
};
use vetassist_core::audit_log::AuditKey;
use vetassist_server_tests::{
    audit_log::{audit_key, checkpoint, connect_program_as, exported_as, seal, size, RETENTION},
    column_of, KeyedServer,
};

const HOUR: Duration = Duration::from_secs(3600);

struct Watch {
    folder: std::path::PathBuf,
    key: AuditKey,
}

impl Watch {
    fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("vetassist-watch-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self { folder, key: audit_key() }
    }

    fn watch_at(&self, db: &mut Client, now: OffsetDateTime) -> Result<String, WatchError> {
        let mut file = WatchedFile::open(&self.folder.join("watched")).unwrap();
        let keys = std::slice::from_ref(&self.key);
        let mut out = Vec::new();
        let watcher = Watcher { keys, max_age: HOUR, now };
        watcher.watch(&mut connect_program_as(db, "auditor"), &mut file, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    fn watch(&self, db: &mut Client) -> Result<String, WatchError> {
        self.watch_at(db, OffsetDateTime::now_utc())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn an_auditor_watches_exports_and_verifies() {
    let mut server = KeyedServer::filled(&[]);
    let watch = Watch::new("auditor");
    assert!(matches!(watch.watch(&mut server.db), Err(WatchError::NotSealed)));
    seal(&mut server.db);
    let note = watch.watch(&mut server.db).unwrap();
    assert!(note.starts_with(&format!("{}\n\u{2014} ", checkpoint(&mut server.db))), "{note}");
    for turn in 1..=5 {
        server.db.execute("INSERT INTO vetassist_auth_audit (event_type) SELECT 'x' FROM generate_series(1, $1 * 100)", &[&turn]).unwrap();
        seal(&mut server.db);
        watch.watch(&mut server.db).unwrap();
    }
    let events = column_of(&mut server.db, "SELECT DISTINCT event_data ->> 'by' FROM vetassist_auth_audit WHERE event_type = 'audit_watched'");
    assert_eq!(events, ["auditor"]);
    let export = exported_as(&mut server.db, "auditor");
    let lines = watched::read(&watch.folder.join("watched")).unwrap();
    assert_eq!(lines.len(), 6);
    let origin = note.lines().next().unwrap();
    let mut evidence = Evidence::new(vec![watch.key.verifier(origin).unwrap()]);
    evidence.add_watched("watched", lines);
    let expected = Expectations { evidence, retention: RETENTION };
    let summary = verify(|| Ok(&*export), &expected, &mut |_| {}).unwrap();
    assert!(summary.is_intact(), "{summary:?}");
    assert_eq!(i64::try_from(summary.covered).unwrap(), size(&mut server.db));
    // The database accepts the note as a checkpoint.
    let found = server.db.query("SELECT * FROM vetassist_verify_audit($1)", &[&note]).unwrap();
    assert!(found.is_empty());
}

#[test]
fn a_watcher_reports_a_stopped_a_rewritten_and_another_log() {
    let mut server = KeyedServer::filled(&[]);
    let watch = Watch::new("stopped");
    seal(&mut server.db);
    let now = OffsetDateTime::now_utc();
    watch.watch_at(&mut server.db, now).unwrap();
    let later = watch.watch_at(&mut server.db, now + 2 * HOUR);
    assert!(matches!(later, Err(WatchError::Stopped(_))));
    seal(&mut server.db);
    // The log grew by the event of the watcher.
    watch.watch_at(&mut server.db, now + 2 * HOUR).unwrap();
    server.db.batch_execute("ALTER TABLE vetassist_auth_audit DISABLE TRIGGER ALL; DELETE FROM vetassist_auth_audit WHERE event_type = 'login'; TRUNCATE vetassist_audit_leaves, vetassist_audit_nodes; UPDATE vetassist_audit_head SET size = 0, root = sha256(''), recent_id = 0, swept_id = 0, swept_at = NULL").unwrap();
    seal(&mut server.db);
    assert!(matches!(watch.watch(&mut server.db), Err(WatchError::Smaller { .. })));
    server.db.batch_execute("INSERT INTO vetassist_auth_audit (event_type) SELECT 'padding' FROM generate_series(1, 1000)").unwrap();
    seal(&mut server.db);
    assert!(matches!(watch.watch(&mut server.db), Err(WatchError::NotConsistent(_))));
    server.db.batch_execute("SELECT vetassist_new_audit_log('to hide something')").unwrap();
    assert!(matches!(watch.watch(&mut server.db), Err(WatchError::OtherLog)));
}

/// A role with the tier `auditor` reads; it changes nothing.
#[test]
fn an_auditor_can_read_the_log_and_change_nothing() {
    let mut server = KeyedServer::filled(&[]);
    seal(&mut server.db);
    let mut auditor = server.connect_as("auditor");
    for refused in [
        "CALL vetassist_seal_audit()",
        "SELECT vetassist_seal_step(true, 1)",
        "SELECT vetassist_new_audit_log('x')",
        "SELECT * FROM vetassist_audit_leaves",
        "SELECT vetassist_owe_erasure('{1}')",
        "SELECT vetassist_clear_audit_rows('{1}')",
        "SELECT vetassist_erase_audit(gen_random_uuid())",
    ] {
        let error = auditor.batch_execute(refused).unwrap_err();
        assert_eq!(vetassist_server_tests::sqlstate(&error), "42501", "{refused}");
    }
    auditor.batch_execute("SELECT * FROM vetassist_audit_entries(0, 10); SELECT vetassist_audit_inclusion(0, 1), vetassist_audit_consistency(1, 2)").unwrap();
    let mut app = server.connect_as("app");
    for refused in [
        "CALL vetassist_seal_audit()",
        "SELECT * FROM vetassist_audit_entries(0, 10)",
        "SELECT vetassist_audit_checkpoint()",
    ] {
        assert!(app.batch_execute(refused).is_err(), "{refused}");
    }
}
