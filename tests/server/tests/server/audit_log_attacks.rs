//! Tampering with the trail and its log, and the verification that finds it.

use postgres::Client;
use vetassist_server_tests::{
    audit_log::{assert_intact, checkpoint, found_outside, problems, seal, size},
    column_of, database,
};

/// A log of 300 rows, one erasure and one purge, and its checkpoint, which somebody keeps.
fn sealed(db: &mut Client) -> String {
    db.batch_execute(
        "INSERT INTO vetassist_users (va_icn) VALUES ('gone'), ('here');
         INSERT INTO vetassist_auth_audit (user_id, event_type, event_data, ip_hash, created_at)
         SELECT (SELECT id FROM vetassist_users WHERE va_icn = CASE WHEN n BETWEEN 20 AND 29 THEN 'gone' ELSE 'here' END),
                'login', jsonb_build_object('by', 'app', 'n', n), encode(sha256(n::text::bytea), 'hex'),
                CASE WHEN n <= 10 THEN now() - interval '9 years' ELSE now() - interval '1 hour' END
         FROM generate_series(1, 300) AS n",
    )
    .unwrap();
    seal(db);
    db.batch_execute("SELECT vetassist_purge_audit('8 years'); SELECT vetassist_erase_user(id) FROM vetassist_users WHERE va_icn = 'gone'").unwrap();
    seal(db);
    db.batch_execute("SELECT vetassist_log_event('after', id) FROM vetassist_users").unwrap();
    seal(db);
    checkpoint(db)
}

/// Returns a change as a superuser makes it, without the guard.
fn behind(change: &str) -> String {
    format!("ALTER TABLE vetassist_auth_audit DISABLE TRIGGER ALL; {change}; ALTER TABLE vetassist_auth_audit ENABLE ALWAYS TRIGGER vetassist_auth_audit_append_only, ENABLE ALWAYS TRIGGER vetassist_auth_audit_append_only_rows, ENABLE ALWAYS TRIGGER vetassist_auth_audit_id")
}

/// Changes of rows, which both verifications find without a checkpoint.
const ROWS: [(&str, &str, &str); 13] = [
    ("UPDATE vetassist_auth_audit SET user_id = NULL WHERE id = 100", "changed", "changed"),
    ("UPDATE vetassist_auth_audit SET event_type = 'logout' WHERE id = 100", "changed", "changed"),
    ("UPDATE vetassist_auth_audit SET event_data = '{\"by\": \"app\"}' WHERE id = 100", "changed", "changed"),
    ("UPDATE vetassist_auth_audit SET event_data = NULL WHERE id = 100", "changed", "changed"),
    ("UPDATE vetassist_auth_audit SET ip_hash = repeat('0', 64) WHERE id = 100", "changed", "changed"),
    ("UPDATE vetassist_auth_audit SET created_at = created_at + interval '1 microsecond' WHERE id = 100", "changed", "changed"),
    ("UPDATE vetassist_auth_audit SET id = 1000 WHERE id = 100", "missing", "missing"),
    ("DELETE FROM vetassist_auth_audit WHERE id = 100", "missing", "missing"),
    ("CREATE TEMP TABLE t AS SELECT * FROM vetassist_auth_audit WHERE id IN (100, 101);
      UPDATE vetassist_auth_audit AS a SET user_id = t.user_id, event_data = t.event_data, ip_hash = t.ip_hash, created_at = t.created_at FROM t WHERE a.id = 201 - t.id", "changed", "changed"),
    // In the place of a row that was erased.
    ("UPDATE vetassist_auth_audit SET event_data = '{}' WHERE id = 25", "changed", "false_erasure"),
    ("UPDATE vetassist_auth_audit SET created_at = now() - interval '5 years' WHERE id = 25", "changed", "changed"),
    // With the salts as well, as if it had been erased.
    ("UPDATE vetassist_auth_audit SET event_data = NULL, ip_hash = NULL WHERE id = 100; UPDATE vetassist_audit_leaves SET salts = NULL WHERE audit_id = 100", "changed", "changed"),
    ("UPDATE vetassist_audit_leaves AS l SET event_commitment = vetassist_audit_commit(substr(salts, 1, 16), event_data::text), ip_commitment = vetassist_audit_commit(substr(salts, 17, 16), ip_hash), salts = NULL
      FROM vetassist_auth_audit AS a WHERE l.audit_id = a.id AND a.id = 100;
      UPDATE vetassist_auth_audit SET event_data = NULL, ip_hash = NULL WHERE id = 100", "erased_in_silence", "erased_in_silence"),
];

#[test]
fn whoever_changes_rows_and_not_entries_is_found() {
    let mut db = database();
    let kept = sealed(&mut db);
    assert_intact(&mut db, Some(&kept));
    assert_eq!(found_outside(&mut db, Some(&kept)), ["erasure", "purge"]);
    for (change, inside, outside) in ROWS {
        let name = column_of(&mut db, "SELECT current_database()::text").remove(0);
        let mut copy = copy_of(&mut db, &name);
        copy.batch_execute(&behind(change)).unwrap();
        assert_eq!(problems(&mut copy, None), [inside], "{change}");
        let found = found_outside(&mut copy, None);
        assert!(found.contains(&outside), "{change}: {found:?}");
    }
}

/// A copy of a database in the same server, which nobody is connected to.
fn copy_of(db: &mut Client, name: &str) -> Client {
    let connection = vetassist_server_tests::audit_log::connection(db);
    let mut elsewhere =
        Client::connect(&connection.replace(name, "postgres"), postgres::NoTls).unwrap();
    // A template must have no connections, so this one ends and begins again.
    let copy = format!("{name}_copy");
    elsewhere.batch_execute(&format!("DROP DATABASE IF EXISTS {copy} WITH (FORCE)")).unwrap();
    elsewhere
        .execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1",
            &[&name],
        )
        .unwrap();
    elsewhere.batch_execute(&format!("CREATE DATABASE {copy} TEMPLATE {name}")).unwrap();
    *db = Client::connect(&connection, postgres::NoTls).unwrap();
    Client::connect(&connection.replace(name, &copy), postgres::NoTls).unwrap()
}

/// Changes of the log's tables: some are found inside, with the checkpoint or without, all are found outside with it.
const ENTRIES: [(&str, &str, &[&str]); 9] = [
    ("DELETE FROM vetassist_audit_leaves WHERE entry = 5", "missing_entry", &[]),
    ("DELETE FROM vetassist_audit_leaves WHERE entry >= 290", "missing_entry", &[]),
    ("DELETE FROM vetassist_audit_nodes", "other_node", &[]),
    ("UPDATE vetassist_audit_nodes SET hash = sha256('x')", "other_node", &[]),
    ("UPDATE vetassist_audit_head SET root = sha256('x')", "other_root", &["other_root"]),
    (
        "UPDATE vetassist_audit_leaves SET leaf_hash = sha256('x') WHERE entry = 250",
        "changed",
        &["changed"],
    ),
    (
        "UPDATE vetassist_audit_leaves SET data = data || '\\x00' WHERE kind = 'e'",
        "changed",
        &["changed"],
    ),
    ("UPDATE vetassist_audit_leaves SET data = '\\x' WHERE kind = 'u'", "changed", &["changed"]),
    ("UPDATE vetassist_audit_head SET size = size - 1", "missing_entry", &[]),
];

#[test]
fn whoever_changes_entries_is_found() {
    let mut db = database();
    let kept = sealed(&mut db);
    for (change, inside, outside) in ENTRIES {
        let mut transaction = db.transaction().unwrap();
        transaction.batch_execute(change).unwrap();
        let found: Vec<String> = transaction
            .query("SELECT DISTINCT problem FROM vetassist_verify_audit($1)", &[&kept])
            .unwrap()
            .iter()
            .map(|row| row.get(0))
            .collect();
        assert!(found.iter().any(|problem| problem == inside), "{change}: {found:?}");
        transaction.rollback().unwrap();
        if !outside.is_empty() {
            let mut copy = {
                let name = column_of(&mut db, "SELECT current_database()::text").remove(0);
                copy_of(&mut db, &name)
            };
            copy.batch_execute(change).unwrap();
            let found = found_outside(&mut copy, Some(&kept));
            assert!(outside.iter().all(|class| found.contains(class)), "{change}: {found:?}");
        }
    }
}

/// All entries rewritten: it verifies by itself, and against a checkpoint that was kept it does not.
#[test]
fn a_superuser_who_rewrites_everything_is_found_outside_alone() {
    let mut db = database();
    let kept = sealed(&mut db);
    let before = size(&mut db);
    db.batch_execute(&behind("DELETE FROM vetassist_auth_audit WHERE id = 100")).unwrap();
    db.batch_execute(
        "CREATE TEMP TABLE head AS SELECT * FROM vetassist_audit_head;
         TRUNCATE vetassist_audit_leaves, vetassist_audit_nodes;
         UPDATE vetassist_audit_head SET size = 0, root = sha256(''), recent_id = 0, swept_id = 0, swept_at = NULL",
    )
    .unwrap();
    seal(&mut db);
    assert_eq!(problems(&mut db, None), [""; 0]);
    assert_eq!(found_outside(&mut db, None), [""; 0]);
    // Fewer entries than were signed, and then other ones.
    assert!(size(&mut db) < before);
    assert_eq!(problems(&mut db, Some(&kept)), ["rolled_back"]);
    assert!(found_outside(&mut db, Some(&kept)).contains(&"rolled_back"));
    db.batch_execute("INSERT INTO vetassist_auth_audit (event_type) SELECT 'padding' FROM generate_series(1, 100)").unwrap();
    seal(&mut db);
    assert_eq!(problems(&mut db, None), [""; 0]);
    assert_eq!(problems(&mut db, Some(&kept)), ["rewritten"]);
    assert!(found_outside(&mut db, Some(&kept)).contains(&"rewritten"));
    // Another log is another log.
    db.batch_execute("SELECT vetassist_new_audit_log('to hide something')").unwrap();
    assert_eq!(problems(&mut db, Some(&kept)), ["other_log"]);
    assert!(found_outside(&mut db, Some(&kept)).contains(&"other_log"));
}

/// A row that is put between others has an entry of its own, after theirs.
#[test]
fn what_is_inserted_between_comes_after() {
    let mut db = database();
    let kept = sealed(&mut db);
    db.batch_execute(&behind("DELETE FROM vetassist_auth_audit WHERE id = 100; INSERT INTO vetassist_auth_audit (id, event_type, created_at) VALUES (100, 'logout', now() - interval '3 days')")).unwrap();
    assert_eq!(problems(&mut db, Some(&kept)), ["changed"]);
    db.batch_execute(&behind("INSERT INTO vetassist_auth_audit (id, event_type, created_at) VALUES (-1, 'logout', now() - interval '3 days'); UPDATE vetassist_audit_head SET swept_at = NULL")).unwrap();
    let before = size(&mut db);
    seal(&mut db);
    assert_eq!(size(&mut db), before + 1);
    // Whoever watched before knows that it came later than it says.
    let found = found_outside(&mut db, Some(&kept));
    assert!(found.contains(&"changed"), "{found:?}");
}

/// A false erasure, rehash or purge is disclosed, and no problem of the tables'.
#[test]
fn what_is_disclosed_is_disclosed() {
    let mut db = database();
    let kept = sealed(&mut db);
    db.batch_execute(&behind(
        "SELECT vetassist_owe_erasure('{100,101}'); UPDATE vetassist_auth_audit SET event_data = NULL, ip_hash = NULL WHERE id IN (100, 101);
         SELECT vetassist_owe_rehash('{102}'); UPDATE vetassist_auth_audit SET ip_hash = 'another' WHERE id = 102;
         UPDATE vetassist_auth_audit SET created_at = created_at WHERE id = 103",
    ))
    .unwrap();
    let counted = |db: &mut Client| {
        column_of(db, "SELECT kind || ' ' || count(*) FROM vetassist_audit_entries(0, 1000) WHERE kind <> 'row' GROUP BY kind ORDER BY kind")
    };
    assert_eq!(counted(&mut db), ["erasure 3", "purge 1", "rehash 1"]);
    seal(&mut db);
    assert_intact(&mut db, Some(&kept));
    assert_eq!(counted(&mut db), ["erasure 2", "purge 1", "rehash 1"]);
    assert_eq!(found_outside(&mut db, Some(&kept)), ["erasure", "rehash", "purge"]);
    // One that is too early for the trail's retention is a problem to whoever knows it.
    db.batch_execute("SET vetassist.audit_min_retention = '1 minute'; SELECT vetassist_purge_audit('30 minutes')").unwrap();
    seal(&mut db);
    assert_intact_but(&mut db, &kept, "below_retention");
}

fn assert_intact_but(db: &mut Client, kept: &str, class: &str) {
    assert_eq!(problems(db, Some(kept)), [""; 0]);
    assert!(found_outside(db, Some(kept)).contains(&class));
}

/// A page of the data file, edited.
#[test]
fn an_edited_page_is_found() {
    let mut server = vetassist_server_tests::KeyedServer::start();
    let kept = sealed(&mut server.db);
    server.db.batch_execute("CHECKPOINT").unwrap();
    let path: String = server
        .db
        .query_one("SELECT pg_relation_filepath('vetassist_auth_audit')", &[])
        .unwrap()
        .get(0);
    let file = server.data_dir().join(path);
    server.kill();
    // One letter of an event's type, in its place.
    server.run_as_server_user(&format!(
        "python3 - {0} <<'EOF'\nimport sys\nfile = open(sys.argv[1], 'r+b')\npage = file.read()\nplace = page.rindex(b'login')\nfile.seek(place)\nfile.write(b'logit')\nEOF",
        file.display()
    ));
    server.start_again();
    server.reconnect();
    assert_eq!(problems(&mut server.db, Some(&kept)), ["changed"]);
    assert!(found_outside(&mut server.db, None).contains(&"changed"));
}
