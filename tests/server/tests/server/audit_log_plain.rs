//! Tests the audit log of the plain file, in a database without the extension whose owner is no superuser.

use postgres::Client;
use vetassist_server_tests::{
    audit_log::{assert_intact, checkpoint, connect_again, problems, program_findings, seal, size},
    column_of, empty_database, plain_sql, sqlstate,
};

/// Runs the plain file as a new role. Returns a connection of that role, and one of a superuser.
fn plain(owner: &str) -> (Client, Client) {
    let mut superuser = empty_database();
    superuser
        .batch_execute(&format!(
            "CREATE ROLE {owner} LOGIN; GRANT CREATE ON SCHEMA public TO {owner}"
        ))
        .unwrap();
    let connection = vetassist_server_tests::audit_log::connection(&mut superuser);
    let mut db = Client::connect(
        &connection.replace("user=postgres", &format!("user={owner}")),
        postgres::NoTls,
    )
    .unwrap();
    db.batch_execute(&plain_sql()).unwrap();
    db.batch_execute(
        "INSERT INTO vetassist_users (va_icn) VALUES ('gone'), ('here');
         INSERT INTO vetassist_auth_audit (user_id, event_type, event_data, ip_hash, created_at)
         SELECT id, 'login', jsonb_build_object('n', n), 'h' || n, CASE WHEN n <= 10 THEN now() - interval '9 years' ELSE now() END
         FROM generate_series(1, 1300) AS n, vetassist_users ORDER BY n, id",
    )
    .unwrap();
    (db, superuser)
}

#[test]
fn the_plain_file_seals_changes_shows_and_verifies() {
    let (mut db, mut superuser) = plain("plain_sealer");
    assert_eq!(column_of(&mut db, "SELECT vetassist_purge_audit('8 years')::text"), ["0"]);
    seal(&mut db);
    let kept = checkpoint(&mut db);
    assert_eq!(size(&mut db), 2600);
    assert_intact(&mut superuser, Some(&kept));
    for (call, state) in [
        ("SELECT vetassist_purge_audit('1 month')", "42501"),
        ("BEGIN; CALL vetassist_seal_audit()", "25001"),
        ("CALL vetassist_seal_audit(0)", "22023"),
    ] {
        let error = db.batch_execute(call).unwrap_err();
        assert_eq!(sqlstate(&error), state, "{call}");
        let _ = db.batch_execute("ROLLBACK");
    }
    assert_eq!(column_of(&mut db, "SELECT vetassist_purge_audit('8 years')::text"), ["20"]);
    assert_eq!(
        column_of(
            &mut db,
            "SELECT vetassist_erase_user(id)::text FROM vetassist_users WHERE va_icn = 'gone'"
        ),
        ["true"]
    );
    let said = "SELECT count(*)::text FROM vetassist_auth_audit WHERE user_id = (SELECT id FROM vetassist_users WHERE va_icn IS NULL) AND event_type = 'login' AND (event_data IS NOT NULL OR ip_hash IS NOT NULL)";
    assert_eq!(column_of(&mut db, said), ["0"]);
    assert_intact(&mut superuser, Some(&kept));
    seal(&mut db);
    assert_intact(&mut superuser, Some(&kept));
    assert_eq!(program_findings(&mut superuser, Some(&kept)), ["erasure", "purge"]);
    db.batch_execute("SELECT vetassist_note_watch(vetassist_audit_checkpoint()); SELECT vetassist_new_audit_log('to try it')").unwrap();
    seal(&mut db);
    assert_intact(&mut superuser, None);
}

/// The guard applies to every role, the owner included.
#[test]
fn the_guard_passes_only_changes_that_are_recorded_for_the_log() {
    let (mut db, mut superuser) = plain("plain_guarded");
    seal(&mut db);
    let kept = checkpoint(&mut db);
    let erase = "BEGIN; SELECT vetassist_owe_erasure('{30,31}')";
    let purge = "BEGIN; SELECT vetassist_owe_purge(now() - interval '8 years', 5)";
    for change in [
        "BEGIN; UPDATE vetassist_auth_audit SET event_data = NULL, ip_hash = NULL WHERE id = 30",
        "BEGIN; DELETE FROM vetassist_auth_audit WHERE id = 1",
        &format!("{erase}; UPDATE vetassist_auth_audit SET event_data = NULL, ip_hash = NULL WHERE id IN (30, 32)"),
        &format!("{erase}; UPDATE vetassist_auth_audit SET event_data = NULL WHERE id = 30"),
        &format!("{erase}; UPDATE vetassist_auth_audit SET event_data = '{{}}', ip_hash = NULL WHERE id = 30"),
        &format!("{erase}; UPDATE vetassist_auth_audit SET event_data = NULL, ip_hash = NULL, event_type = 'x' WHERE id = 30"),
        &format!("{erase}; UPDATE vetassist_auth_audit SET event_data = NULL, ip_hash = NULL, created_at = NULL WHERE id = 30"),
        &format!("{erase}; UPDATE vetassist_auth_audit SET event_data = NULL, ip_hash = NULL, user_id = NULL WHERE id = 30"),
        &format!("{erase}; UPDATE vetassist_auth_audit SET event_data = NULL, ip_hash = NULL, id = -1 WHERE id = 30"),
        &format!("{erase}; DELETE FROM vetassist_auth_audit WHERE id = 30"),
        &format!("{erase}; TRUNCATE vetassist_auth_audit"),
        &format!("{erase}; COMMIT; UPDATE vetassist_auth_audit SET event_data = NULL, ip_hash = NULL WHERE id = 30"),
        &format!("{purge}; DELETE FROM vetassist_auth_audit WHERE id = 30"),
        &format!("{purge}; UPDATE vetassist_auth_audit SET event_data = NULL, ip_hash = NULL WHERE id = 1"),
        &format!("{purge}; DELETE FROM vetassist_auth_audit"),
        &format!("{purge}; TRUNCATE vetassist_auth_audit"),
    ] {
        let error = db.batch_execute(change).expect_err(change);
        assert_eq!(sqlstate(&error), "42501", "{change}");
        assert_eq!(error.as_db_error().unwrap().message(), "the audit trail is append-only", "{change}");
        let _ = db.batch_execute("ROLLBACK");
        db.batch_execute("DELETE FROM vetassist_audit_pending").unwrap();
    }
    // The next seal puts the owner's line into the log. Without the line, verification finds the erased row.
    db.batch_execute("UPDATE vetassist_audit_leaves SET salts = salts").unwrap();
    db.batch_execute("BEGIN; SELECT vetassist_owe_erasure('{40}'); UPDATE vetassist_auth_audit SET event_data = NULL, ip_hash = NULL WHERE id = 40; COMMIT").unwrap();
    seal(&mut db);
    assert!(program_findings(&mut superuser, Some(&kept)).contains(&"erasure"));
    db.batch_execute("BEGIN; SELECT vetassist_owe_erasure('{41}'); UPDATE vetassist_auth_audit SET event_data = NULL, ip_hash = NULL WHERE id = 41; DELETE FROM vetassist_audit_pending; COMMIT").unwrap();
    assert!(problems(&mut db, Some(&kept)).contains(&"erased_in_silence".to_owned()));
}

/// The role has DELETE on the trail and EXECUTE on the purge.
#[test]
fn a_role_that_may_purge_cannot_delete() {
    let (mut db, mut superuser) = plain("plain_purged");
    seal(&mut db);
    superuser
        .batch_execute(
            "CREATE ROLE plain_purger LOGIN; GRANT USAGE ON SCHEMA public TO plain_purger",
        )
        .unwrap();
    db.batch_execute("GRANT ALL ON vetassist_auth_audit TO plain_purger; GRANT EXECUTE ON FUNCTION vetassist_purge_audit TO plain_purger").unwrap();
    let mut purger = connect_again(&mut superuser);
    purger.batch_execute("SET SESSION AUTHORIZATION plain_purger").unwrap();
    for change in [
        "DELETE FROM vetassist_auth_audit WHERE id = 50",
        "UPDATE vetassist_auth_audit SET event_data = NULL, ip_hash = NULL WHERE id = 50",
        "TRUNCATE vetassist_auth_audit",
        "BEGIN; SELECT vetassist_purge_audit('8 years', 5); DELETE FROM vetassist_auth_audit WHERE id = 50",
    ] {
        let error = purger.batch_execute(change).unwrap_err();
        assert_eq!(error.as_db_error().unwrap().message(), "the audit trail is append-only", "{change}");
        let _ = purger.batch_execute("ROLLBACK");
    }
    purger.batch_execute("SELECT vetassist_purge_audit('8 years', 5)").unwrap();
    seal(&mut db);
    assert_intact(&mut superuser, None);
}

/// The extension continues the log of the plain file, and the plain file continues that of the extension.
#[test]
fn one_log_continues_through_adoption_and_detaching() {
    let mut db = empty_database();
    db.batch_execute(&plain_sql()).unwrap();
    db.batch_execute("INSERT INTO vetassist_users (va_icn) VALUES ('gone'); INSERT INTO vetassist_auth_audit (user_id, event_type, event_data, ip_hash) SELECT id, 'login', '{}', 'h' FROM vetassist_users, generate_series(1, 600)").unwrap();
    seal(&mut db);
    let kept = checkpoint(&mut db);
    db.batch_execute("CREATE EXTENSION vetassist").unwrap();
    assert_intact(&mut db, Some(&kept));
    db.batch_execute("SELECT vetassist_erase_user(id) FROM vetassist_users").unwrap();
    seal(&mut db);
    assert_intact(&mut db, Some(&kept));
    let later = checkpoint(&mut db);
    db.batch_execute("SELECT vetassist_detach(); DROP EXTENSION vetassist").unwrap();
    db.batch_execute(&plain_sql()).unwrap();
    db.batch_execute("INSERT INTO vetassist_auth_audit (event_type) VALUES ('x')").unwrap();
    seal(&mut db);
    assert_intact(&mut db, Some(&later));
    assert_eq!(size(&mut db), 603);
}
