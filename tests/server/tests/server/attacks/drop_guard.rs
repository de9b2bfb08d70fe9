//! Tests that commands which would destroy the tables with their rows are refused for every role, with a hint that
//! helps.

use super::{Refused, Victim, MALLORY};

/// Installs the extension in a schema of the attacker, who owns the database but not the extension.
fn install_in_schema_of_the_attacker(victim: &mut Victim, filled: bool) {
    victim.empty();
    victim
        .db
        .batch_execute(
            "CREATE SCHEMA vet AUTHORIZATION mallory; CREATE EXTENSION vetassist SCHEMA vet",
        )
        .unwrap();
    if filled {
        victim.db.batch_execute("INSERT INTO vet.vetassist_users (va_icn) VALUES ('ICN')").unwrap();
    }
}

#[test]
#[ignore = "takes seconds"]
fn the_owner_of_the_database_cannot_drop_rows_by_mistake() {
    let mut victim = Victim::start(&[]);
    for attack in [
        "DROP SCHEMA vet CASCADE",
        "DROP SCHEMA IF EXISTS nothing, vet CASCADE",
        "DO $$ BEGIN EXECUTE 'DROP SCHEMA vet CASCADE'; END $$",
        "DROP OWNED BY mallory CASCADE",
        "DROP OWNED BY CURRENT_USER CASCADE",
        "SET search_path = vet; DROP SCHEMA vet CASCADE",
        "SET session_replication_role = replica; DROP SCHEMA vet CASCADE",
        "SET vetassist.drop_with_data = off; DROP SCHEMA vet CASCADE",
        "BEGIN; SET LOCAL statement_timeout = '1h'; DROP SCHEMA vet CASCADE; COMMIT",
        "SET default_transaction_isolation = serializable; BEGIN; DROP SCHEMA vet CASCADE; COMMIT",
    ] {
        install_in_schema_of_the_attacker(&mut victim, true);
        let Refused { state, text } = victim.run(MALLORY, attack).expect_err(attack);
        if !attack.contains("session_replication_role") {
            assert_eq!(state, "2BP01", "{attack}: {text}");
            assert!(
                text.contains("vetassist_detach") && !text.contains("permission denied"),
                "{attack}: {text}"
            );
        }
        assert_eq!(victim.count("SELECT count(*) FROM vet.vetassist_users"), 1, "{attack}");
    }
    // PostgreSQL itself refuses commands that need the extension's owner.
    for attack in [
        "DROP EXTENSION vetassist",
        "DROP EXTENSION vetassist CASCADE",
        "DROP TABLE vet.vetassist_users CASCADE",
        "DROP FUNCTION vet.vetassist_session_active(text)",
        "DROP EVENT TRIGGER vetassist_guard_drop",
        "DROP OWNED BY postgres CASCADE",
    ] {
        install_in_schema_of_the_attacker(&mut victim, true);
        assert!(victim.run(MALLORY, attack).is_err(), "{attack}");
        assert_eq!(victim.count("SELECT count(*) FROM vet.vetassist_users"), 1, "{attack}");
    }
    // The setting allows the drop.
    install_in_schema_of_the_attacker(&mut victim, true);
    victim.must(MALLORY, "SET vetassist.drop_with_data = on; DROP SCHEMA vet CASCADE");
    assert_eq!(victim.count("SELECT count(*) FROM pg_extension WHERE extname = 'vetassist'"), 0);
    // Empty tables and other schemas can be dropped.
    install_in_schema_of_the_attacker(&mut victim, false);
    victim.must(MALLORY, "CREATE SCHEMA other; DROP SCHEMA other CASCADE; DROP SCHEMA vet CASCADE");
}

#[test]
#[ignore = "takes seconds"]
fn a_table_that_the_guard_cannot_read_is_not_taken_for_empty() {
    let mut victim = Victim::start(&[]);
    for (hinders, attack) in [
        // The guard must wait for the table, and the timeout ends the wait.
        (
            "LOCK TABLE vet.vetassist_users IN ACCESS EXCLUSIVE MODE",
            "SET lock_timeout = '100ms'; DROP SCHEMA vet CASCADE",
        ),
        (
            "LOCK TABLE vet.vetassist_users IN ACCESS EXCLUSIVE MODE",
            "SET statement_timeout = '200ms'; DROP SCHEMA vet CASCADE",
        ),
    ] {
        install_in_schema_of_the_attacker(&mut victim, true);
        let mut holder = victim.connect("postgres");
        holder.batch_execute(&format!("BEGIN; {hinders}")).unwrap();
        assert!(victim.run(MALLORY, attack).is_err(), "{attack}");
        holder.batch_execute("ROLLBACK").unwrap();
        assert_eq!(victim.count("SELECT count(*) FROM vet.vetassist_users"), 1, "{attack}");
    }
    // Rows that row security hides count as rows.
    install_in_schema_of_the_attacker(&mut victim, true);
    victim.db.batch_execute("ALTER TABLE vet.vetassist_users ENABLE ROW LEVEL SECURITY; ALTER TABLE vet.vetassist_users FORCE ROW LEVEL SECURITY").unwrap();
    for attack in ["DROP SCHEMA vet CASCADE", "SET row_security = off; DROP SCHEMA vet CASCADE"] {
        assert!(victim.run(MALLORY, attack).is_err(), "{attack}");
        assert_eq!(victim.count("SELECT count(*) FROM vet.vetassist_users"), 1, "{attack}");
    }
    // Rows in the last tables alone also count.
    for table in
        ["vetassist_auth_audit (event_type) VALUES ('x')", "vetassist_keyed_ip_hashes VALUES ('x')"]
    {
        install_in_schema_of_the_attacker(&mut victim, false);
        victim.db.batch_execute(&format!("INSERT INTO vet.{table}")).unwrap();
        assert_eq!(
            victim.run(MALLORY, "DROP SCHEMA vet CASCADE").expect_err(table).state,
            "2BP01",
            "{table}"
        );
    }
}
