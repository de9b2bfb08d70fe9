//! The audit log: sealing, showing and verifying.

use postgres::Client;
use vetassist_server_tests::{column_of, database, sqlstate};

/// What a verification in the database finds.
fn problems(db: &mut Client) -> Vec<String> {
    column_of(db, "SELECT concat_ws(' ', problem, audit_id, entry, detail) FROM vetassist_verify_audit() ORDER BY 1")
}

fn size(db: &mut Client) -> i64 {
    db.query_one("SELECT split_part(vetassist_audit_checkpoint(), E'\\n', 2)::bigint", &[])
        .unwrap()
        .get(0)
}

#[test]
fn what_is_committed_is_sealed_once() {
    let mut db = database();
    let none: Option<String> =
        db.query_one("SELECT vetassist_audit_checkpoint()", &[]).unwrap().get(0);
    assert_eq!(none, None);
    db.batch_execute("CALL vetassist_seal_audit()").unwrap();
    assert_eq!(size(&mut db), 0);
    db.batch_execute("INSERT INTO vetassist_auth_audit (event_type, event_data, ip_hash) SELECT 'x', jsonb_build_object('n', n), 'h' || n FROM generate_series(1, 1000) n").unwrap();
    db.batch_execute("CALL vetassist_seal_audit(7)").unwrap();
    assert_eq!(size(&mut db), 1000);
    db.batch_execute("CALL vetassist_seal_audit()").unwrap();
    assert_eq!(size(&mut db), 1000);
    assert_eq!(problems(&mut db), [""; 0]);
    let error = db.batch_execute("BEGIN; CALL vetassist_seal_audit()").unwrap_err();
    assert_eq!(sqlstate(&error), "25001");
}
