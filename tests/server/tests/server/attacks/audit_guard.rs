//! Tests that the guard of the audit trail passes only the rows that the extension's own statements name.

use postgres::Client;
use vetassist_server_tests::{column_of, plain_sql, KeyedServer};

use super::{Victim, MALLORY};

/// Returns a database with old and fresh rows in the trail, and an attacker with every privilege on it.
fn granted() -> Victim {
    let mut victim = Victim::installed(&[("vetassist.ip_hash", "keyed")]);
    grant_and_fill(&mut victim);
    victim
}

fn grant_and_fill(victim: &mut Victim) {
    victim
        .db
        .batch_execute(
            "INSERT INTO vetassist_auth_audit (event_type, created_at) SELECT 'old', now() - interval '3 years' FROM generate_series(1, 5);
             INSERT INTO vetassist_auth_audit (event_type) SELECT 'fresh' FROM generate_series(1, 5);
             INSERT INTO vetassist_auth_audit (event_type, ip_hash) SELECT 'hashed', vetassist_hash_ip('203.0.113.7') FROM generate_series(1, 5);
             GRANT ALL ON vetassist_auth_audit, vetassist_users, vetassist_keyed_ip_hashes TO mallory; GRANT ALL ON SEQUENCE vetassist_auth_audit_id_seq TO mallory",
        )
        .unwrap();
}

fn fresh(victim: &mut Victim) -> i64 {
    victim.count("SELECT count(*) FROM ONLY vetassist_auth_audit WHERE event_type = 'fresh'")
}

#[test]
fn no_statement_changes_or_deletes_a_row() {
    let mut victim = granted();
    victim.db.batch_execute("DO $$ BEGIN EXECUTE 'GRANT SET ON PARAMETER session_replication_role TO mallory'; EXCEPTION WHEN syntax_error THEN NULL; END $$").unwrap();
    let rows = "SELECT md5(string_agg(a::text, '|' ORDER BY id)) FROM vetassist_auth_audit AS a";
    let before = victim.column(rows);
    for prepare in [
        "",
        "SET session_replication_role = replica",
        "SET session_replication_role = local",
        "SET row_security = off",
    ] {
        for attack in [
            "DELETE FROM vetassist_auth_audit",
            "DELETE FROM ONLY vetassist_auth_audit WHERE id = 1",
            "UPDATE vetassist_auth_audit SET event_type = 'x'",
            "UPDATE vetassist_auth_audit SET ip_hash = NULL WHERE false",
            "TRUNCATE vetassist_auth_audit",
            "TRUNCATE vetassist_users CASCADE",
            "INSERT INTO vetassist_auth_audit (id, event_type) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET event_type = 'x'",
            "MERGE INTO vetassist_auth_audit AS a USING (SELECT 1) AS s ON true WHEN MATCHED THEN DELETE",
            "WITH gone AS (DELETE FROM vetassist_auth_audit RETURNING *) SELECT count(*) FROM gone",
            "BEGIN; DECLARE c CURSOR FOR SELECT * FROM vetassist_auth_audit FOR UPDATE; FETCH c; DELETE FROM vetassist_auth_audit WHERE CURRENT OF c; COMMIT",
            "CREATE VIEW pg_temp.v AS SELECT * FROM vetassist_auth_audit; DELETE FROM pg_temp.v",
            "CREATE OR REPLACE VIEW mine AS SELECT * FROM vetassist_auth_audit; UPDATE mine SET event_type = 'x'",
            "ALTER TABLE vetassist_auth_audit DISABLE TRIGGER ALL; DELETE FROM vetassist_auth_audit",
            "DROP TRIGGER vetassist_auth_audit_append_only ON vetassist_auth_audit; DELETE FROM vetassist_auth_audit",
            "CREATE OR REPLACE TRIGGER vetassist_auth_audit_append_only AFTER INSERT ON vetassist_auth_audit EXECUTE FUNCTION suppress_redundant_updates_trigger(); DELETE FROM vetassist_auth_audit",
            "CREATE RULE r AS ON INSERT TO vetassist_users DO ALSO DELETE FROM vetassist_auth_audit; INSERT INTO vetassist_users DEFAULT VALUES",
            "CREATE TABLE parent (id bigint); ALTER TABLE vetassist_auth_audit INHERIT parent; DELETE FROM parent",
            "CREATE TABLE part (LIKE vetassist_auth_audit) PARTITION BY RANGE (id); ALTER TABLE part ATTACH PARTITION vetassist_auth_audit DEFAULT; DELETE FROM part",
            "ALTER TABLE vetassist_auth_audit ALTER event_data TYPE jsonb USING NULL",
            "ALTER TABLE vetassist_auth_audit ALTER event_type TYPE varchar(50) USING 'x'",
        ] {
            assert!(victim.run(MALLORY, &format!("{prepare}; {attack}")).is_err(), "{prepare}; {attack}");
            assert_eq!(victim.column(rows), before, "{prepare}; {attack}");
        }
    }
    // The guard also stops a superuser's mistakes.
    for prepare in ["", "SET session_replication_role = replica"] {
        for slip in [
            "DELETE FROM vetassist_auth_audit",
            "UPDATE vetassist_auth_audit SET event_type = 'x'",
            "TRUNCATE vetassist_auth_audit",
        ] {
            let state =
                victim.run("postgres", &format!("{prepare}; {slip}")).expect_err(slip).state;
            assert_eq!(state, "42501", "{prepare}; {slip}");
        }
    }
    assert_eq!(victim.column(rows), before);
}

/// Triggers of the attacker. They delete or change fresh rows while the extension deletes or changes others.
const TRAPS: &[&str] = &[
    "CREATE TABLE mine (audit_id bigint REFERENCES vetassist_auth_audit ON DELETE CASCADE); INSERT INTO mine SELECT id FROM vetassist_auth_audit WHERE event_type = 'old';
     CREATE TRIGGER t BEFORE DELETE ON mine FOR EACH ROW EXECUTE FUNCTION deletes()",
    "CREATE TABLE mine (audit_id bigint REFERENCES vetassist_auth_audit ON DELETE CASCADE); INSERT INTO mine SELECT id FROM vetassist_auth_audit WHERE event_type = 'old';
     CREATE TRIGGER t AFTER DELETE ON mine FOR EACH ROW EXECUTE FUNCTION changes()",
    "CREATE TABLE mine (audit_id bigint REFERENCES vetassist_auth_audit ON DELETE CASCADE); INSERT INTO mine SELECT id FROM vetassist_auth_audit WHERE event_type = 'old';
     CREATE TRIGGER t AFTER DELETE ON mine FOR EACH STATEMENT EXECUTE FUNCTION deletes()",
    "CREATE TABLE mine (audit_id bigint REFERENCES vetassist_auth_audit ON DELETE SET NULL); INSERT INTO mine SELECT id FROM vetassist_auth_audit WHERE event_type = 'old';
     CREATE TRIGGER t BEFORE UPDATE ON mine FOR EACH ROW EXECUTE FUNCTION deletes()",
    "CREATE TABLE mine (audit_id bigint REFERENCES vetassist_auth_audit ON DELETE SET NULL); INSERT INTO mine SELECT id FROM vetassist_auth_audit WHERE event_type = 'old';
     CREATE CONSTRAINT TRIGGER t AFTER UPDATE ON mine DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION deletes()",
    // The cascade runs a rule of the attacker's table.
    "CREATE TABLE mine (audit_id bigint REFERENCES vetassist_auth_audit ON DELETE CASCADE); INSERT INTO mine SELECT id FROM vetassist_auth_audit WHERE event_type = 'old';
     CREATE RULE r AS ON DELETE TO mine DO ALSO DELETE FROM vetassist_auth_audit WHERE event_type = 'fresh'",
    // A second reference would delete fresh rows together with old ones.
    "CREATE TABLE mine (old_id bigint REFERENCES vetassist_auth_audit ON DELETE CASCADE, fresh_id bigint); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
         $$ BEGIN DELETE FROM public.vetassist_auth_audit WHERE id = OLD.fresh_id; RETURN OLD; END $$;
     INSERT INTO mine SELECT o.id, f.id FROM vetassist_auth_audit o, vetassist_auth_audit f WHERE o.event_type = 'old' AND f.event_type = 'fresh';
     CREATE TRIGGER t BEFORE DELETE ON mine FOR EACH ROW EXECUTE FUNCTION f()",
    "CREATE TRIGGER t BEFORE INSERT ON vetassist_keyed_ip_hashes FOR EACH ROW EXECUTE FUNCTION deletes()",
    "CREATE TRIGGER t AFTER INSERT ON vetassist_keyed_ip_hashes FOR EACH STATEMENT EXECUTE FUNCTION deletes()",
    "CREATE TRIGGER t BEFORE UPDATE OR DELETE ON vetassist_auth_audit FOR EACH ROW EXECUTE FUNCTION deletes()",
    "CREATE TRIGGER t AFTER UPDATE ON vetassist_auth_audit FOR EACH ROW EXECUTE FUNCTION deletes()",
    "CREATE TRIGGER t AFTER UPDATE OR DELETE ON vetassist_auth_audit FOR EACH STATEMENT EXECUTE FUNCTION changes()",
    "CREATE TRIGGER a_first BEFORE UPDATE OR DELETE ON vetassist_auth_audit FOR EACH STATEMENT EXECUTE FUNCTION deletes()",
    "CREATE TRIGGER t AFTER INSERT ON vetassist_auth_audit FOR EACH ROW EXECUTE FUNCTION deletes()",
    "CREATE TRIGGER t AFTER UPDATE ON vetassist_users FOR EACH ROW EXECUTE FUNCTION deletes()",
];

#[test]
#[ignore = "takes seconds"]
fn triggers_change_no_other_row_during_a_purge_upgrade_or_erasure() {
    let functions = "
        CREATE FUNCTION deletes() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF pg_trigger_depth() > 4 THEN RETURN coalesce(NEW, OLD); END IF;
            BEGIN DELETE FROM public.vetassist_auth_audit WHERE event_type = 'fresh'; EXCEPTION WHEN OTHERS THEN NULL; END; RETURN coalesce(NEW, OLD); END $$;
        CREATE FUNCTION changes() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF pg_trigger_depth() > 4 THEN RETURN coalesce(NEW, OLD); END IF;
            BEGIN UPDATE public.vetassist_auth_audit SET event_type = 'gone' WHERE event_type = 'fresh'; EXCEPTION WHEN OTHERS THEN NULL; END; RETURN coalesce(NEW, OLD); END $$;";
    let mut victim = granted();
    let mut wrong = Vec::new();
    for trap in TRAPS {
        for (role, call) in [
            ("admin", "SELECT vetassist_purge_audit('2 years')"),
            ("admin", "SELECT vetassist_purge_audit('2 years', 1)"),
            ("admin", "CALL vetassist_upgrade_ip_hashes()"),
            ("app", "SELECT vetassist_erase_user(user_id) FROM vetassist_login('ICN', 'access', now(), 'jti 2', now(), ip => '203.0.113.7')"),
        ] {
            victim.empty();
            victim.db.batch_execute("CREATE EXTENSION vetassist").unwrap();
            victim.grant_tiers();
            grant_and_fill(&mut victim);
            victim.must("admin", "CALL vetassist_seal_audit()");
            let mut mallory = victim.connect(MALLORY);
            mallory.batch_execute(functions).unwrap();
            // The attacker cannot create some of these triggers.
            if mallory.batch_execute(trap).is_err() {
                break;
            }
            // The call may fail, but must not delete fresh rows.
            let outcome = victim.run(role, call);
            if fresh(&mut victim) != 5 {
                wrong.push(format!("{call}: {trap}: {outcome:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Returns the findings of the check about the trail.
fn seen(db: &mut Client) -> Vec<String> {
    column_of(db, "SELECT object || ' ' || problem FROM vetassist_check_schema()")
}

#[test]
fn the_check_shows_changes_of_the_guard_and_its_table() {
    let mut victim = Victim::installed(&[("vetassist.ip_hash", "keyed")]);
    assert_eq!(seen(&mut victim.db), Vec::<String>::new());
    for change in [
        "ALTER TABLE vetassist_auth_audit DISABLE TRIGGER vetassist_auth_audit_append_only",
        "ALTER TABLE vetassist_auth_audit DISABLE TRIGGER ALL",
        "ALTER TABLE vetassist_auth_audit DISABLE TRIGGER USER",
        "ALTER TABLE vetassist_auth_audit ENABLE TRIGGER vetassist_auth_audit_append_only",
        "ALTER TABLE vetassist_auth_audit ENABLE REPLICA TRIGGER vetassist_auth_audit_append_only",
        "DROP TRIGGER vetassist_auth_audit_append_only ON vetassist_auth_audit",
        "CREATE OR REPLACE TRIGGER vetassist_auth_audit_append_only BEFORE UPDATE ON vetassist_auth_audit FOR EACH STATEMENT EXECUTE FUNCTION vetassist_audit_guard()",
        "CREATE OR REPLACE TRIGGER vetassist_auth_audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON vetassist_auth_audit FOR EACH STATEMENT WHEN (false) EXECUTE FUNCTION vetassist_audit_guard()",
        "CREATE TABLE parent (id bigint); ALTER TABLE vetassist_auth_audit INHERIT parent",
        "CREATE TABLE child () INHERITS (vetassist_auth_audit)",
        "CREATE RULE r AS ON INSERT TO vetassist_auth_audit DO INSTEAD NOTHING",
        "CREATE POLICY p ON vetassist_auth_audit USING (false); ALTER TABLE vetassist_auth_audit ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE vetassist_auth_audit ALTER created_at SET DEFAULT '2001-01-01'",
        "ALTER TABLE vetassist_auth_audit SET UNLOGGED",
        "ALTER SEQUENCE vetassist_auth_audit_id_seq MAXVALUE 100",
        "CREATE TRIGGER t BEFORE INSERT ON vetassist_keyed_ip_hashes FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "DROP TABLE vetassist_keyed_ip_hashes CASCADE",
    ] {
        let mut transaction = victim.db.transaction().unwrap();
        if transaction.batch_execute(change).is_err() {
            continue;
        }
        // An error of the check also shows the change.
        let seen = transaction.query("SELECT object FROM vetassist_check_schema()", &[]);
        assert!(seen.map_or(true, |rows| !rows.is_empty()), "{change}");
    }
}

#[test]
#[ignore = "takes seconds"]
fn the_guard_passes_restores_and_replication() {
    let mut publisher = KeyedServer::filled(&[("wal_level", "logical")]);
    publisher
        .db
        .batch_execute("INSERT INTO vetassist_auth_audit (event_type, created_at) SELECT 'old', now() - interval '3 years' FROM generate_series(1, 5)")
        .unwrap();
    let mut restored = publisher.dump_and_restore();
    let counted = "SELECT count(*) FROM vetassist_auth_audit";
    let count = |db: &mut Client| -> i64 { db.query_one(counted, &[]).unwrap().get(0) };
    assert_eq!(count(&mut restored), count(&mut publisher.db));
    assert!(restored.batch_execute("DELETE FROM vetassist_auth_audit").is_err());
    // A subscriber with the extension and one with the plain file receive the purge, and refuse other changes.
    for plain in [false, true] {
        let mut subscriber = KeyedServer::start();
        if plain {
            subscriber
                .db
                .batch_execute(&format!("DROP EXTENSION vetassist CASCADE; {}", plain_sql()))
                .unwrap();
        }
        publisher.db.batch_execute("DROP PUBLICATION IF EXISTS p; CREATE PUBLICATION p FOR TABLE vetassist_users, vetassist_auth_audit, vetassist_keyed_ip_hashes").unwrap();
        subscriber
            .db
            .batch_execute(&format!(
                "CREATE SUBSCRIPTION s CONNECTION 'host={} port=5432 user=postgres dbname=postgres' PUBLICATION p",
                publisher.socket_dir().display()
            ))
            .unwrap();
        subscriber.wait_for_subscription(&mut publisher.db);
        publisher.db.batch_execute("CALL vetassist_seal_audit()").unwrap();
        publisher.db.batch_execute("SELECT vetassist_purge_audit('2 years', 2)").unwrap();
        publisher.db.batch_execute("CALL vetassist_upgrade_ip_hashes()").unwrap();
        subscriber.wait_for_subscription(&mut publisher.db);
        assert_eq!(count(&mut subscriber.db), count(&mut publisher.db), "plain: {plain}");
        for slip in [
            "DELETE FROM vetassist_auth_audit",
            "SET session_replication_role = replica; DELETE FROM vetassist_auth_audit",
        ] {
            assert!(subscriber.connect().batch_execute(slip).is_err(), "plain: {plain}, {slip}");
        }
        subscriber.db.batch_execute("DROP SUBSCRIPTION s").unwrap();
    }
}
