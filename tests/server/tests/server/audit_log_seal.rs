//! Tests the seal of the audit log.

use vetassist_server_tests::{
    audit_log::{assert_intact, checkpoint, connect_again, problems, seal, size},
    column_of, database, sqlstate,
};

#[test]
fn committed_rows_are_sealed_once() {
    let mut db = database();
    let none: Option<String> =
        db.query_one("SELECT vetassist_audit_checkpoint()", &[]).unwrap().get(0);
    assert_eq!(none, None);
    seal(&mut db);
    assert_eq!(size(&mut db), 0);
    db.batch_execute("INSERT INTO vetassist_auth_audit (event_type, event_data, ip_hash) SELECT 'x', jsonb_build_object('n', n), 'h' || n FROM generate_series(1, 1000) n").unwrap();
    db.batch_execute("CALL vetassist_seal_audit(7)").unwrap();
    assert_eq!(size(&mut db), 1000);
    let before = checkpoint(&mut db);
    seal(&mut db);
    assert_eq!(checkpoint(&mut db), before);
    assert_intact(&mut db, Some(&before));
    for (size, state) in [("0", "22023"), ("-1", "22023"), ("NULL", "22023")] {
        let error = db.batch_execute(&format!("CALL vetassist_seal_audit({size})")).unwrap_err();
        assert_eq!(sqlstate(&error), state);
    }
    for block in
        ["BEGIN; CALL vetassist_seal_audit()", "DO $$ BEGIN EXECUTE 'SELECT sealing()'; END $$"]
    {
        db.batch_execute("CREATE OR REPLACE FUNCTION sealing() RETURNS void LANGUAGE plpgsql AS 'BEGIN CALL vetassist_seal_audit(); END'").unwrap();
        let error = db.batch_execute(block).unwrap_err();
        assert_eq!(sqlstate(&error), "25001");
        assert!(error.as_db_error().unwrap().hint().is_some());
        db.batch_execute("ROLLBACK").unwrap();
    }
    db.batch_execute("DO $$ BEGIN CALL vetassist_seal_audit(); END $$").unwrap();
}

/// Ids and commits may come in different orders.
#[test]
fn rows_of_a_transaction_that_was_open_are_sealed_by_the_next_seal() {
    let mut db = database();
    let mut slow = connect_again(&mut db);
    let insert = "INSERT INTO vetassist_auth_audit (event_type) VALUES ('x')";
    let mut open = slow.transaction().unwrap();
    open.batch_execute(insert).unwrap();
    for sealed in 1..=3 {
        db.batch_execute(insert).unwrap();
        seal(&mut db);
        assert_eq!(size(&mut db), sealed);
    }
    open.commit().unwrap();
    seal(&mut db);
    assert_eq!(size(&mut db), 4);
    let order = column_of(
        &mut db,
        "SELECT string_agg(audit_id::text, ' ' ORDER BY entry) FROM vetassist_audit_leaves",
    );
    assert_eq!(order, ["2 3 4 1"]);
    // The daily sweep finds the rows of a transaction that was open for days.
    db.batch_execute("INSERT INTO vetassist_auth_audit (id, event_type) VALUES (-5, 'x'); UPDATE vetassist_audit_head SET recent_id = 2, swept_at = now() - interval '2 hours'").unwrap();
    seal(&mut db);
    assert_eq!(size(&mut db), 4);
    db.batch_execute("UPDATE vetassist_audit_head SET swept_at = now() - interval '25 hours'")
        .unwrap();
    seal(&mut db);
    assert_eq!(size(&mut db), 5);
    assert_intact(&mut db, None);
}

#[test]
fn a_second_seal_ends_at_once_and_no_sign_in_waits() {
    let mut db = database();
    let mut other = connect_again(&mut db);
    seal(&mut db);
    db.batch_execute("INSERT INTO vetassist_users (va_icn) VALUES ('a')").unwrap();
    let mut sealing = other.transaction().unwrap();
    sealing
        .batch_execute("SELECT vetassist_log_event('a'); SELECT vetassist_seal_step(true, 10)")
        .unwrap();
    db.batch_execute("SET lock_timeout = '1ms'; INSERT INTO vetassist_auth_audit (event_type) VALUES ('x'); CALL vetassist_seal_audit()").unwrap_err();
    db.batch_execute("SET lock_timeout = '100ms'").unwrap();
    db.batch_execute("SELECT vetassist_log_event('x', id) FROM vetassist_users").unwrap();
    seal(&mut db);
    assert_eq!(size(&mut db), 0);
    sealing.commit().unwrap();
    seal(&mut db);
    assert_eq!(size(&mut db), 2);
    assert_intact(&mut db, None);
}

/// A row that cannot be encoded is left out and reported.
#[test]
fn a_row_that_cannot_be_sealed_does_not_stop_the_seal() {
    let mut db = database();
    db.batch_execute(
        "INSERT INTO vetassist_auth_audit (event_type, event_data) SELECT 'x', '{}' FROM generate_series(1, 50);
         INSERT INTO vetassist_auth_audit (event_type, event_data) VALUES ('long', to_jsonb(repeat('x', 17 * 1024 * 1024)));
         INSERT INTO vetassist_auth_audit (event_type, created_at) VALUES ('never', 'infinity'), ('always', '-infinity'), ('null', NULL), ('last', '294276-12-31 23:59:59.999999+00');
         INSERT INTO vetassist_auth_audit (event_type) VALUES (E'\\001\\u00fc\\U0001F600'), ('');
         INSERT INTO vetassist_auth_audit (id, event_type) VALUES (9223372036854775807, 'x'), (-9223372036854775808, 'x'), (0, 'x');
         INSERT INTO vetassist_auth_audit (event_type) SELECT 'y' FROM generate_series(1, 50)",
    )
    .unwrap();
    // These bytes are not valid text, as on a damaged page.
    db.batch_execute("CREATE CAST (bytea AS varchar) WITHOUT FUNCTION; INSERT INTO vetassist_auth_audit (event_type) VALUES (('\\x61ff'::bytea)::varchar)").unwrap();
    db.batch_execute("CALL vetassist_seal_audit(64)").unwrap();
    let rows: i64 = db.query_one("SELECT count(*) FROM vetassist_auth_audit", &[]).unwrap().get(0);
    assert_eq!(size(&mut db), rows - 2);
    assert_eq!(problems(&mut db, None), ["unsealable"]);
    let found = column_of(&mut db, "SELECT concat_ws(' ', problem, length(a.event_data::text) > 16777216, v.detail) FROM vetassist_verify_audit() AS v JOIN vetassist_auth_audit AS a ON a.id = v.audit_id ORDER BY 1");
    assert_eq!(
        found,
        [
            "unsealable t the row cannot be sealed (54000)",
            "unsealable the row cannot be sealed (22021)"
        ]
    );
    // A later seal skips the row and seals the others.
    db.batch_execute("INSERT INTO vetassist_auth_audit (event_type) VALUES ('after')").unwrap();
    seal(&mut db);
    assert_eq!(size(&mut db), rows - 1);
}
