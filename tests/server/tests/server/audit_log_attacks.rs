//! Tests that verification finds tampering with the audit trail and its log.

use postgres::Client;
use vetassist_server_tests::{
    audit_log::{assert_intact, checkpoint, problems, program_findings, seal, size},
    column_of, database,
};

/// Makes a log of 300 rows, one erasure and one purge, and returns a checkpoint of it.
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

/// Returns a change that bypasses the trail's triggers, as a superuser can make it.
fn bypassing_the_triggers(change: &str) -> String {
    format!("ALTER TABLE vetassist_auth_audit DISABLE TRIGGER ALL; {change}; ALTER TABLE vetassist_auth_audit ENABLE ALWAYS TRIGGER vetassist_auth_audit_append_only, ENABLE ALWAYS TRIGGER vetassist_auth_audit_append_only_rows, ENABLE ALWAYS TRIGGER vetassist_auth_audit_id")
}

/// Changes of rows, with the problem that the database and the audit program each find without a checkpoint.
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
    // These change a row that was erased.
    ("UPDATE vetassist_auth_audit SET event_data = '{}' WHERE id = 25", "changed", "false_erasure"),
    ("UPDATE vetassist_auth_audit SET created_at = now() - interval '5 years' WHERE id = 25", "changed", "changed"),
    // These also remove the salts, as an erasure would.
    ("UPDATE vetassist_auth_audit SET event_data = NULL, ip_hash = NULL WHERE id = 100; UPDATE vetassist_audit_leaves SET salts = NULL WHERE audit_id = 100", "changed", "changed"),
    ("UPDATE vetassist_audit_leaves AS l SET event_commitment = vetassist_audit_commit(substr(salts, 1, 16), event_data::text), ip_commitment = vetassist_audit_commit(substr(salts, 17, 16), ip_hash), salts = NULL
      FROM vetassist_auth_audit AS a WHERE l.audit_id = a.id AND a.id = 100;
      UPDATE vetassist_auth_audit SET event_data = NULL, ip_hash = NULL WHERE id = 100", "erased_in_silence", "erased_in_silence"),
];

#[test]
fn changed_rows_are_found_without_a_checkpoint() {
    let mut db = database();
    let kept = sealed(&mut db);
    assert_intact(&mut db, Some(&kept));
    assert_eq!(program_findings(&mut db, Some(&kept)), ["erasure", "purge"]);
    for (change, by_database, by_program) in ROWS {
        let name = column_of(&mut db, "SELECT current_database()::text").remove(0);
        let mut copy = copy_of(&mut db, &name);
        copy.batch_execute(&bypassing_the_triggers(change)).unwrap();
        assert_eq!(problems(&mut copy, None), [by_database], "{change}");
        let found = program_findings(&mut copy, None);
        assert!(found.contains(&by_program), "{change}: {found:?}");
    }
}

/// Copies a database within the same server.
fn copy_of(db: &mut Client, name: &str) -> Client {
    let connection = vetassist_server_tests::audit_log::connection(db);
    let mut elsewhere =
        Client::connect(&connection.replace(name, "postgres"), postgres::NoTls).unwrap();
    // A template must have no connections, so the connection is ended and opened again.
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

/// Changes of the log's tables, with the problem that the database finds, and those that the audit program finds.
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
fn changed_entries_are_found() {
    let mut db = database();
    let kept = sealed(&mut db);
    for (change, by_database, by_program) in ENTRIES {
        let mut transaction = db.transaction().unwrap();
        transaction.batch_execute(change).unwrap();
        let found: Vec<String> = transaction
            .query("SELECT DISTINCT problem FROM vetassist_verify_audit($1)", &[&kept])
            .unwrap()
            .iter()
            .map(|row| row.get(0))
            .collect();
        assert!(found.iter().any(|problem| problem == by_database), "{change}: {found:?}");
        transaction.rollback().unwrap();
        if !by_program.is_empty() {
            let mut copy = {
                let name = column_of(&mut db, "SELECT current_database()::text").remove(0);
                copy_of(&mut db, &name)
            };
            copy.batch_execute(change).unwrap();
            let found = program_findings(&mut copy, Some(&kept));
            assert!(by_program.iter().all(|class| found.contains(class)), "{change}: {found:?}");
        }
    }
}

/// A log whose entries have all been rewritten is consistent in itself, but does not agree with an earlier checkpoint.
#[test]
fn a_rewritten_log_is_found_only_with_an_earlier_checkpoint() {
    let mut db = database();
    let kept = sealed(&mut db);
    let before = size(&mut db);
    db.batch_execute(&bypassing_the_triggers("DELETE FROM vetassist_auth_audit WHERE id = 100"))
        .unwrap();
    db.batch_execute(
        "CREATE TEMP TABLE head AS SELECT * FROM vetassist_audit_head;
         TRUNCATE vetassist_audit_leaves, vetassist_audit_nodes;
         UPDATE vetassist_audit_head SET size = 0, root = sha256(''), recent_id = 0, swept_id = 0, swept_at = NULL",
    )
    .unwrap();
    seal(&mut db);
    assert_eq!(problems(&mut db, None), [""; 0]);
    assert_eq!(program_findings(&mut db, None), [""; 0]);
    // At first the log has fewer entries than the checkpoint, and then as many, but different ones.
    assert!(size(&mut db) < before);
    assert_eq!(problems(&mut db, Some(&kept)), ["rolled_back"]);
    assert!(program_findings(&mut db, Some(&kept)).contains(&"rolled_back"));
    db.batch_execute("INSERT INTO vetassist_auth_audit (event_type) SELECT 'padding' FROM generate_series(1, 100)").unwrap();
    seal(&mut db);
    assert_eq!(problems(&mut db, None), [""; 0]);
    assert_eq!(problems(&mut db, Some(&kept)), ["rewritten"]);
    assert!(program_findings(&mut db, Some(&kept)).contains(&"rewritten"));
    // A new log does not agree with the old log's checkpoint either.
    db.batch_execute("SELECT vetassist_new_audit_log('to hide something')").unwrap();
    assert_eq!(problems(&mut db, Some(&kept)), ["other_log"]);
    assert!(program_findings(&mut db, Some(&kept)).contains(&"other_log"));
}

/// A row that is inserted with an earlier id and time gets a new entry at the end of the log.
#[test]
fn a_backdated_row_gets_an_entry_at_the_end_of_the_log() {
    let mut db = database();
    let kept = sealed(&mut db);
    db.batch_execute(&bypassing_the_triggers("DELETE FROM vetassist_auth_audit WHERE id = 100; INSERT INTO vetassist_auth_audit (id, event_type, created_at) VALUES (100, 'logout', now() - interval '3 days')")).unwrap();
    assert_eq!(problems(&mut db, Some(&kept)), ["changed"]);
    db.batch_execute(&bypassing_the_triggers("INSERT INTO vetassist_auth_audit (id, event_type, created_at) VALUES (-1, 'logout', now() - interval '3 days'); UPDATE vetassist_audit_head SET swept_at = NULL")).unwrap();
    let before = size(&mut db);
    seal(&mut db);
    assert_eq!(size(&mut db), before + 1);
    // The entry's position shows that the row was added later than its time says.
    let found = program_findings(&mut db, Some(&kept));
    assert!(found.contains(&"changed"), "{found:?}");
}

/// A false erasure, rehash or purge leaves the tables consistent, but is listed by the audit program.
#[test]
fn false_erasures_and_rehashes_are_listed_by_the_audit_program() {
    let mut db = database();
    let kept = sealed(&mut db);
    db.batch_execute(&bypassing_the_triggers(
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
    assert_eq!(program_findings(&mut db, Some(&kept)), ["erasure", "rehash", "purge"]);
    // A purge of rows younger than the retention period is a problem if the audit program knows that period.
    db.batch_execute("SET vetassist.audit_min_retention = '1 minute'; SELECT vetassist_purge_audit('30 minutes')").unwrap();
    seal(&mut db);
    assert_found_only_by_program(&mut db, &kept, "below_retention");
}

fn assert_found_only_by_program(db: &mut Client, kept: &str, class: &str) {
    assert_eq!(problems(db, Some(kept)), [""; 0]);
    assert!(program_findings(db, Some(kept)).contains(&class));
}

/// The test edits a page of the table's data file.
#[test]
fn an_edited_page_of_the_data_file_is_found() {
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
    // Changes two letters of an event's type in place.
    server.run_as_server_user(&format!(
        "python3 - {0} <<'EOF'\nimport sys\nfile = open(sys.argv[1], 'r+b')\npage = file.read()\nplace = page.rindex(b'login')\nfile.seek(place)\nfile.write(b'logit')\nEOF",
        file.display()
    ));
    server.start_again();
    server.reconnect();
    assert_eq!(problems(&mut server.db, Some(&kept)), ["changed"]);
    assert!(program_findings(&mut server.db, None).contains(&"changed"));
}
