//! Tests that verification of the log finds changes that the owner makes without the guard.

use super::Victim;

#[test]
fn verification_finds_rows_that_were_changed_with_the_guard_off() {
    let mut victim = Victim::installed(&[("vetassist.ip_hash", "keyed")]);
    victim.db.batch_execute("INSERT INTO vetassist_auth_audit (event_type, ip_hash) SELECT 'x', vetassist_hash_ip_keyed('203.0.113.7') FROM generate_series(1, 20)").unwrap();
    victim.must("admin", "CALL vetassist_seal_audit(1000)");
    let problems = "SELECT problem FROM vetassist_verify_audit()";
    assert_eq!(victim.column(problems), Vec::<String>::new());
    for change in [
        "CREATE TABLE parent (id bigint); ALTER TABLE vetassist_auth_audit INHERIT parent; DELETE FROM parent WHERE id = 7; ALTER TABLE vetassist_auth_audit NO INHERIT parent; DROP TABLE parent",
        "ALTER TABLE vetassist_auth_audit ALTER event_type TYPE varchar(50) USING CASE WHEN id = 7 THEN 'harmless' ELSE event_type END",
        "ALTER TABLE vetassist_auth_audit ALTER ip_hash TYPE varchar(64) USING NULL",
        "ALTER TABLE vetassist_auth_audit DISABLE TRIGGER ALL; UPDATE vetassist_auth_audit SET created_at = '2001-01-01' WHERE id = 7; ALTER TABLE vetassist_auth_audit ENABLE ALWAYS TRIGGER vetassist_auth_audit_append_only",
        "ALTER TABLE vetassist_auth_audit DISABLE TRIGGER ALL; UPDATE vetassist_auth_audit SET user_id = NULL, event_data = '{}' WHERE id = 7",
    ] {
        let mut transaction = victim.db.transaction().unwrap();
        if transaction.batch_execute(change).is_ok() {
            assert!(!transaction.query(problems, &[]).unwrap().is_empty(), "{change}");
        }
    }
}
