//! Only the extension's own statements change rows of the audit trail, and they change only the rows that they name.

use postgres::Client;
use vetassist_server_tests::{column_of, plain_sql, sqlstate, wait, KeyedServer};

/// An attack on the guard: the database's owner runs `prepare`, then mallory runs `run`.
struct Attack {
    name: &'static str,
    prepare: &'static str,
    run: &'static str,
}

/// Mallory has every privilege on the trail and is no superuser. None of his attempts changes an existing row.
const ATTACKS: &[Attack] = &[
    Attack {
        name: "plain UPDATE",
        prepare: "",
        run: "UPDATE vetassist_auth_audit SET event_type = 'changed'",
    },
    Attack { name: "plain DELETE", prepare: "", run: "DELETE FROM vetassist_auth_audit" },
    Attack { name: "TRUNCATE", prepare: "", run: "TRUNCATE vetassist_auth_audit" },
    Attack {
        name: "TRUNCATE of a table that the trail refers to",
        prepare: "GRANT TRUNCATE ON vetassist_users, vetassist_sessions, vetassist_va_tokens, vetassist_refresh_leases, vetassist_refresh_states TO mallory",
        run: "TRUNCATE vetassist_users CASCADE",
    },
    Attack {
        name: "MERGE",
        prepare: "",
        run: "MERGE INTO vetassist_auth_audit AS a USING (SELECT 1) AS s ON a.id > 0 WHEN MATCHED THEN DELETE",
    },
    Attack {
        name: "INSERT ... ON CONFLICT DO UPDATE",
        prepare: "",
        run: "INSERT INTO vetassist_auth_audit (event_type) SELECT 'x' ON CONFLICT (id) DO UPDATE SET event_type = 'changed'",
    },
    Attack {
        name: "UPDATE through a view",
        prepare: "",
        run: "CREATE VIEW trail AS SELECT * FROM vetassist_auth_audit; UPDATE trail SET event_type = 'changed'",
    },
    Attack {
        name: "DELETE through a parent",
        prepare: "CREATE TABLE parent (LIKE vetassist_auth_audit); ALTER TABLE parent OWNER TO mallory;
                  ALTER TABLE vetassist_auth_audit INHERIT parent",
        run: "DELETE FROM parent",
    },
    Attack {
        name: "UPDATE through a parent",
        prepare: "CREATE TABLE parent (LIKE vetassist_auth_audit); ALTER TABLE parent OWNER TO mallory;
                  ALTER TABLE vetassist_auth_audit INHERIT parent",
        run: "UPDATE parent SET event_type = 'changed'",
    },
    Attack {
        name: "TRUNCATE through a parent",
        prepare: "CREATE TABLE parent (LIKE vetassist_auth_audit); ALTER TABLE parent OWNER TO mallory;
                  ALTER TABLE vetassist_auth_audit INHERIT parent",
        run: "TRUNCATE parent",
    },
    Attack {
        name: "DELETE through a partitioned table",
        prepare: "CREATE TABLE parent (LIKE vetassist_auth_audit INCLUDING DEFAULTS) PARTITION BY RANGE (id);
                  ALTER TABLE parent OWNER TO mallory;
                  ALTER TABLE parent ATTACH PARTITION vetassist_auth_audit FOR VALUES FROM (MINVALUE) TO (MAXVALUE)",
        run: "DELETE FROM parent",
    },
    Attack {
        name: "moving rows to another partition",
        prepare: "CREATE TABLE parent (LIKE vetassist_auth_audit INCLUDING DEFAULTS) PARTITION BY RANGE (id);
                  ALTER TABLE parent OWNER TO mallory;
                  ALTER TABLE parent ATTACH PARTITION vetassist_auth_audit FOR VALUES FROM (MINVALUE) TO (1000)",
        run: "CREATE TABLE elsewhere PARTITION OF parent DEFAULT; UPDATE parent SET id = id + 1000",
    },
    Attack {
        name: "session_replication_role",
        prepare: "GRANT SET ON PARAMETER session_replication_role TO mallory",
        run: "SET session_replication_role = replica; DELETE FROM vetassist_auth_audit",
    },
    Attack {
        name: "UPDATE under session_replication_role",
        prepare: "GRANT SET ON PARAMETER session_replication_role TO mallory",
        run: "SET session_replication_role = replica; UPDATE vetassist_auth_audit SET event_type = 'changed'",
    },
    Attack {
        name: "TRUNCATE under session_replication_role",
        prepare: "GRANT SET ON PARAMETER session_replication_role TO mallory",
        run: "SET session_replication_role = replica; TRUNCATE vetassist_auth_audit",
    },
    Attack {
        name: "a rule on a table of his own",
        prepare: "",
        run: "CREATE TABLE own (x int); CREATE RULE r AS ON INSERT TO own DO INSTEAD DELETE FROM vetassist_auth_audit;
              INSERT INTO own VALUES (1)",
    },
];

/// Inserts three rows that are old enough to be purged, and three that are not.
fn fill(db: &mut Client) {
    db.batch_execute(
        "INSERT INTO vetassist_auth_audit (event_type, ip_hash, created_at)
         SELECT 'old', vetassist_hash_ip('203.0.113.7'), now() - interval '3 years' FROM generate_series(1, 3);
         INSERT INTO vetassist_auth_audit (event_type, event_data, ip_hash)
         SELECT 'fresh', '{\"why\": \"because\"}', vetassist_hash_ip('203.0.113.7') FROM generate_series(1, 3);",
    )
    .unwrap();
}

fn trail(db: &mut Client) -> Vec<String> {
    column_of(db, "SELECT a::text FROM ONLY vetassist_auth_audit AS a ORDER BY id")
}

/// Returns the rows that no purge may delete.
fn fresh(db: &mut Client) -> Vec<String> {
    column_of(
        db,
        "SELECT a::text FROM ONLY vetassist_auth_audit AS a WHERE created_at > now() - interval '1 year'
           AND event_type NOT IN ('audit_purged', 'ip_hashes_upgraded') ORDER BY id",
    )
}

/// Creates a database with this version of the extension, and grants mallory every privilege on the trail.
fn database_with_mallory(server: &mut KeyedServer, name: &str, version: &str) -> Client {
    server.db.batch_execute(&format!("CREATE DATABASE {name}")).unwrap();
    let mut db = server.connect_to(name);
    db.batch_execute(&format!("CREATE EXTENSION vetassist {version}")).unwrap();
    db.batch_execute(
        "GRANT CREATE ON SCHEMA public TO mallory; GRANT ALL ON vetassist_auth_audit TO mallory;
         GRANT USAGE ON SEQUENCE vetassist_auth_audit_id_seq TO mallory",
    )
    .unwrap();
    fill(&mut db);
    db
}

fn server() -> KeyedServer {
    let mut server = KeyedServer::start();
    server.db.batch_execute("CREATE ROLE mallory LOGIN").unwrap();
    server
}

fn run_as_mallory(db: &mut Client, statements: &str) -> Result<(), postgres::Error> {
    db.batch_execute("SET SESSION AUTHORIZATION mallory").unwrap();
    let outcome = db.batch_execute(statements);
    db.batch_execute("RESET SESSION AUTHORIZATION").unwrap();
    outcome
}

fn assert_refused(error: &postgres::Error, what: &str) {
    assert_eq!(sqlstate(error), "42501", "{what}: {error:?}");
    assert_eq!(error.as_db_error().unwrap().message(), "the audit trail is append-only", "{what}");
}

#[test]
fn no_statement_outside_the_extension_changes_a_row() {
    let mut server = server();
    for (number, attack) in ATTACKS.iter().enumerate() {
        let mut db = database_with_mallory(&mut server, &format!("attack_{number}"), "");
        db.batch_execute(attack.prepare).unwrap();
        let before = trail(&mut db);
        let outcome = run_as_mallory(&mut db, attack.run);
        assert_eq!(trail(&mut db), before, "{}", attack.name);
        assert_refused(&outcome.unwrap_err(), attack.name);
    }
}

/// Triggers that mallory creates. They run during the extension's own statements.
const LATER: &[(&str, &str)] = &[
    (
        "a trigger on a foreign key deletes",
        "CREATE TABLE own (trail bigint REFERENCES vetassist_auth_audit ON DELETE CASCADE); INSERT INTO own VALUES (1), (2);
         CREATE FUNCTION wipe() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN DELETE FROM public.vetassist_auth_audit WHERE event_type = 'fresh'; RETURN NULL; END $$;
         CREATE TRIGGER t AFTER DELETE ON own FOR EACH ROW EXECUTE FUNCTION wipe()",
    ),
    (
        "a trigger on a foreign key changes",
        "CREATE TABLE own (trail bigint REFERENCES vetassist_auth_audit ON DELETE CASCADE); INSERT INTO own VALUES (1), (2);
         CREATE FUNCTION wipe() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN UPDATE public.vetassist_auth_audit SET event_type = 'changed' WHERE event_type = 'fresh'; RETURN NULL; END $$;
         CREATE TRIGGER t AFTER DELETE ON own FOR EACH ROW EXECUTE FUNCTION wipe()",
    ),
    (
        "a trigger on a foreign key truncates",
        "CREATE TABLE own (trail bigint REFERENCES vetassist_auth_audit ON DELETE CASCADE); INSERT INTO own VALUES (1), (2);
         CREATE FUNCTION wipe() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN TRUNCATE public.vetassist_auth_audit CASCADE; RETURN NULL; END $$;
         CREATE TRIGGER t AFTER DELETE ON own FOR EACH ROW EXECUTE FUNCTION wipe()",
    ),
    (
        "a trigger before the extension's statement",
        "CREATE FUNCTION wipe() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN DELETE FROM public.vetassist_auth_audit WHERE event_type = 'fresh'; RETURN NULL; END $$;
         RESET SESSION AUTHORIZATION; CREATE TRIGGER aaa BEFORE UPDATE OR DELETE ON vetassist_auth_audit WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION wipe()",
    ),
    (
        "a trigger after the extension's statement",
        "CREATE FUNCTION wipe() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN DELETE FROM public.vetassist_auth_audit WHERE event_type = 'fresh'; RETURN NULL; END $$;
         RESET SESSION AUTHORIZATION; CREATE TRIGGER zzz AFTER UPDATE OR DELETE ON vetassist_auth_audit WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION wipe()",
    ),
    (
        "a trigger on a foreign key deletes through a parent",
        "CREATE TABLE parent (LIKE vetassist_auth_audit); RESET SESSION AUTHORIZATION;
         ALTER TABLE vetassist_auth_audit INHERIT parent; SET SESSION AUTHORIZATION mallory;
         CREATE TABLE own (trail bigint REFERENCES vetassist_auth_audit ON DELETE CASCADE); INSERT INTO own VALUES (1), (2);
         CREATE FUNCTION wipe() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN DELETE FROM public.parent WHERE event_type = 'fresh'; RETURN NULL; END $$;
         CREATE TRIGGER t AFTER DELETE ON own FOR EACH ROW EXECUTE FUNCTION wipe()",
    ),
    (
        "a trigger changes rows through a parent",
        "CREATE TABLE parent (LIKE vetassist_auth_audit); RESET SESSION AUTHORIZATION;
         ALTER TABLE vetassist_auth_audit INHERIT parent; SET SESSION AUTHORIZATION mallory;
         CREATE FUNCTION wipe() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN UPDATE public.parent SET ip_hash = repeat('0', 64), event_type = 'changed' WHERE event_type = 'fresh'; RETURN NULL; END $$;
         RESET SESSION AUTHORIZATION; CREATE TRIGGER zzz AFTER UPDATE OR DELETE ON vetassist_auth_audit WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION wipe()",
    ),
    (
        "a trigger that changes the row that is stored",
        "CREATE FUNCTION wipe() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; NEW.event_data = '{}'; RETURN NEW; END $$;
         RESET SESSION AUTHORIZATION; CREATE TRIGGER zzz BEFORE UPDATE OR DELETE ON vetassist_auth_audit FOR EACH ROW EXECUTE FUNCTION wipe()",
    ),
    (
        "a trigger that stores another hash",
        "CREATE FUNCTION wipe() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; NEW.ip_hash = repeat('0', 64); RETURN NEW; END $$;
         RESET SESSION AUTHORIZATION; CREATE TRIGGER zzz BEFORE UPDATE OR DELETE ON vetassist_auth_audit FOR EACH ROW EXECUTE FUNCTION wipe()",
    ),
];

/// Runs the extension's purge and upgrade. Each may fail or do its own work; no other row changes.
fn assert_no_other_row_changes(db: &mut Client, attack: &str) {
    let before = fresh(db);
    assert_eq!(before.len(), 3);
    // Only sealed rows can be purged. Versions before 0.3.0 seal nothing.
    let _ = db.batch_execute("CALL vetassist_seal_audit()");
    for call in ["SELECT vetassist_purge_audit('2 years')", "CALL vetassist_upgrade_ip_hashes()"] {
        if let Err(error) = db.batch_execute(call) {
            // PostgreSQL refuses to truncate a table that is in use.
            assert!(["42501", "55006"].contains(&sqlstate(&error)), "{attack}, {call}: {error:?}");
        }
    }
    let expected: Vec<_> = before.iter().map(|row| without_hash(row)).collect();
    let found = fresh(db);
    assert_eq!(found.iter().map(|row| without_hash(row)).collect::<Vec<_>>(), expected, "{attack}");
    // Each hash is the plain or the keyed hash of the same address.
    let others = "SELECT count(*) FROM vetassist_auth_audit
                  WHERE ip_hash NOT IN (vetassist_hash_ip('203.0.113.7'), vetassist_hash_ip_keyed('203.0.113.7'))";
    assert_eq!(db.query_one(others, &[]).unwrap().get::<_, i64>(0), 0, "{attack}");
}

fn without_hash(row: &str) -> String {
    let mut columns: Vec<_> = row.split(',').collect();
    columns.remove(columns.len() - 2);
    columns.join(",")
}

#[test]
fn triggers_during_the_extensions_statements_change_no_other_row() {
    let mut server = server();
    for (number, (attack, prepare)) in LATER.iter().enumerate() {
        let mut db = database_with_mallory(&mut server, &format!("later_{number}"), "");
        // Another guard refuses some of these triggers. The guard of the trail must hold without it.
        db.batch_execute("ALTER EVENT TRIGGER vetassist_guard_code DISABLE").unwrap();
        run_as_mallory(&mut db, prepare).unwrap();
        assert_no_other_row_changes(&mut db, attack);
    }
}

/// A package installs the new library before ALTER EXTENSION runs, so the old triggers call the new library.
#[test]
fn the_guard_holds_with_the_triggers_of_0_2_0() {
    let mut server = server();
    for (number, (attack, prepare)) in LATER.iter().take(5).enumerate() {
        let mut db =
            database_with_mallory(&mut server, &format!("older_{number}"), "VERSION '0.2.0'");
        run_as_mallory(&mut db, prepare).unwrap();
        assert_no_other_row_changes(&mut db, attack);
    }
    let mut db = database_with_mallory(&mut server, "older", "VERSION '0.2.0'");
    for attack in ATTACKS.iter().filter(|attack| attack.prepare.is_empty()) {
        assert_refused(&run_as_mallory(&mut db, attack.run).unwrap_err(), attack.name);
    }
    assert_eq!(purged(&mut db), 3);
}

fn purged(db: &mut Client) -> i32 {
    // Versions before 0.3.0 seal nothing.
    let _ = db.batch_execute("CALL vetassist_seal_audit()");
    db.query_one("SELECT vetassist_purge_audit('2 years')", &[]).unwrap().get(0)
}

#[test]
fn the_extensions_statements_pass_in_every_replication_role() {
    let mut server = server();
    let db = &mut server.db;
    fill(db);
    db.batch_execute("SET session_replication_role = replica; SET vetassist.ip_hash = keyed")
        .unwrap();
    assert_refused(&db.batch_execute("DELETE FROM vetassist_auth_audit").unwrap_err(), "DELETE");
    let before = trail(db);
    db.batch_execute("CALL vetassist_upgrade_ip_hashes()").unwrap();
    let without = |rows: &[String]| rows.iter().map(|row| without_hash(row)).collect::<Vec<_>>();
    assert_eq!(without(&trail(db)[..6]), without(&before));
    assert_eq!(purged(db), 3);
    assert_eq!(fresh(db).len(), 3);
}

/// Tests commands that fire no trigger of a table.
#[test]
fn no_command_rewrites_the_rows() {
    let mut server = server();
    let db = &mut server.db;
    fill(db);
    let before = trail(db);
    for command in [
        "ALTER TABLE vetassist_auth_audit ALTER event_type TYPE varchar(50) USING 'changed'",
        "ALTER TABLE vetassist_auth_audit ALTER event_data TYPE jsonb USING NULL",
        "ALTER TABLE vetassist_auth_audit ALTER ip_hash TYPE char(64)",
        "ALTER TABLE vetassist_auth_audit ADD more float DEFAULT random()",
        "SET session_replication_role = replica; ALTER TABLE vetassist_auth_audit ALTER created_at TYPE timestamptz USING now()",
    ] {
        assert_refused(&db.batch_execute(command).unwrap_err(), command);
        assert_eq!(trail(db), before, "{command}");
    }
    for command in [
        "VACUUM FULL vetassist_auth_audit",
        "CLUSTER vetassist_auth_audit USING vetassist_auth_audit_pkey",
        "REINDEX TABLE vetassist_auth_audit",
        "CREATE TABLE other (x int); ALTER TABLE other ALTER x TYPE text USING 'changed'",
    ] {
        db.batch_execute(command).unwrap();
        assert_eq!(trail(db), before, "{command}");
    }
}

/// Tests both guards on a subscriber: the extension's and the plain file's.
#[test]
#[ignore = "takes seconds"]
fn a_subscriber_receives_purges_and_upgrades_of_hashes() {
    let mut publisher = KeyedServer::start_with(&[("wal_level", "logical")]);
    let mut subscriber = KeyedServer::start();
    fill(&mut publisher.db);
    publisher
        .db
        .batch_execute("CREATE PUBLICATION trail FOR TABLE vetassist_users, vetassist_auth_audit, vetassist_keyed_ip_hashes")
        .unwrap();
    subscriber.db.batch_execute("CREATE DATABASE plain").unwrap();
    let mut plain = subscriber.connect_to("plain");
    plain.batch_execute(&plain_sql()).unwrap();
    let mut keyed = subscriber.connect();
    let connection = format!(
        "host={} port=5432 user=postgres dbname=postgres",
        publisher.socket_dir().display()
    );
    for (name, db) in [("keyed", &mut keyed), ("plain", &mut plain)] {
        db.batch_execute(&format!(
            "CREATE SUBSCRIPTION {name} CONNECTION '{connection}' PUBLICATION trail"
        ))
        .unwrap();
    }
    let mut steps = [
        "CALL vetassist_seal_audit(); SELECT vetassist_purge_audit('2 years', 2)",
        "SET vetassist.ip_hash = keyed; CALL vetassist_upgrade_ip_hashes()",
        "SELECT vetassist_purge_audit('2 years')",
        // The publisher's guard refuses TRUNCATE, so it is disabled first.
        "ALTER TABLE vetassist_auth_audit DISABLE TRIGGER USER; TRUNCATE vetassist_auth_audit",
        "SELECT vetassist_log_event('the last')",
    ]
    .into_iter();
    loop {
        let expected = trail(&mut publisher.db);
        for db in [&mut keyed, &mut plain] {
            wait(|| trail(db) == expected);
            let error = db.batch_execute("DELETE FROM vetassist_auth_audit").unwrap_err();
            assert_refused(&error, "DELETE");
        }
        let Some(step) = steps.next() else { break };
        for statement in step.split("; ") {
            publisher.db.batch_execute(statement).unwrap();
        }
        assert_ne!(trail(&mut publisher.db), expected, "{step}");
    }
    for (name, db) in [("keyed", &mut keyed), ("plain", &mut plain)] {
        db.batch_execute(&format!("DROP SUBSCRIPTION {name}")).unwrap();
    }
}
