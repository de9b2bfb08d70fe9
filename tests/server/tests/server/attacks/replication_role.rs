//! Tests that `session_replication_role` switches no guard off.

use vetassist_server_tests::{column_of, KeyedServer};

use super::{Victim, MALLORY};

const REPLICA: &str = "SET session_replication_role = replica";

#[test]
fn the_guards_fire_in_the_replication_role_replica() {
    let mut victim = Victim::start(&[]);
    for attack in [
        // The guard against dropping.
        "DROP SCHEMA vet CASCADE",
        "DROP OWNED BY mallory CASCADE",
        // The guard of the schema.
        "ALTER SCHEMA vet RENAME TO old",
        // The guard against other roles' code: triggers and foreign keys with actions.
        "CREATE TRIGGER t BEFORE INSERT ON vet.vetassist_users FOR EACH ROW EXECUTE FUNCTION mine.fires()",
        "CREATE CONSTRAINT TRIGGER t AFTER INSERT ON vet.vetassist_sessions FOR EACH ROW EXECUTE FUNCTION mine.fires()",
        "CREATE TABLE mine.t (user_id uuid REFERENCES vet.vetassist_users ON DELETE CASCADE)",
        "CREATE TABLE mine.t (user_id uuid); ALTER TABLE mine.t ADD FOREIGN KEY (user_id) REFERENCES vet.vetassist_users ON UPDATE SET NULL",
        "CREATE SCHEMA theirs CREATE TABLE t (user_id uuid REFERENCES vet.vetassist_users ON DELETE SET DEFAULT)",
    ] {
        victim.empty();
        victim
            .db
            .batch_execute(
                "CREATE SCHEMA vet AUTHORIZATION mallory; CREATE EXTENSION vetassist SCHEMA vet;
                 CREATE SCHEMA mine AUTHORIZATION mallory;
                 GRANT SET ON PARAMETER session_replication_role TO mallory;
                 GRANT ALL ON ALL TABLES IN SCHEMA vet TO mallory;
                 INSERT INTO vet.vetassist_users (va_icn) VALUES ('ICN')",
            )
            .unwrap();
        victim.must(MALLORY, "CREATE FUNCTION mine.fires() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'");
        assert!(victim.run(MALLORY, &format!("{REPLICA}; {attack}")).is_err(), "{attack}");
        assert_eq!(victim.count("SELECT count(*) FROM vet.vetassist_users"), 1, "{attack}");
    }
}

#[test]
fn the_guards_do_not_block_a_superuser_in_the_replication_role_replica() {
    // A tool that replays commands does this, and a restore with --disable-triggers.
    let mut victim = Victim::start(&[]);
    victim.db.batch_execute(REPLICA).unwrap();
    for version in ["0.1.0", "0.2.0"] {
        victim
            .db
            .batch_execute(&format!(
                "DROP EXTENSION IF EXISTS vetassist; CREATE EXTENSION vetassist VERSION '{version}';
                 ALTER EXTENSION vetassist UPDATE"
            ))
            .unwrap();
    }
    victim
        .db
        .batch_execute(
            "CREATE SCHEMA s; CREATE TABLE s.t (i int); ALTER TABLE s.t ADD j int DEFAULT random(); ALTER SCHEMA s RENAME TO r;
             CREATE TABLE r.mine (user_id uuid REFERENCES public.vetassist_users ON DELETE CASCADE);
             DROP SCHEMA r CASCADE; DROP EXTENSION vetassist",
        )
        .unwrap();
}

#[test]
fn a_dump_is_restored_with_event_triggers_always_enabled() {
    let mut server = KeyedServer::filled(&[]);
    let counted = "SELECT count(*)::text FROM vetassist_users UNION ALL SELECT count(*)::text FROM vetassist_sessions";
    let before = column_of(&mut server.db, counted);
    let mut restored = server.dump_and_restore();
    assert_eq!(column_of(&mut restored, counted), before);
    let enabled = "SELECT DISTINCT evtenabled::text FROM pg_event_trigger";
    assert_eq!(column_of(&mut restored, enabled), ["A"]);
}

#[test]
fn the_check_names_roles_that_may_switch_event_triggers_off() {
    let mut victim = Victim::installed(&[]);
    let shown = "SELECT message FROM vetassist_check() WHERE subject = 'event_triggers'";
    assert_eq!(victim.column(shown), [""; 0]);
    // PostgreSQL before 17 does not have the setting, so it cannot be granted.
    if victim.column("SELECT (current_setting('event_triggers', true) IS NULL)::text") == ["true"] {
        return;
    }
    victim.db.batch_execute("GRANT SET ON PARAMETER event_triggers TO mallory").unwrap();
    assert_eq!(victim.column(shown), ["role mallory may set it, and so switch the guards off"]);
    victim
        .db
        .batch_execute(
            "REVOKE SET ON PARAMETER event_triggers FROM mallory; SET event_triggers = off",
        )
        .unwrap();
    assert_eq!(victim.column(shown).len(), 1);
}
