//! Tests that objects that a role attaches to a table of the extension never run with the rights of the table's users.

use super::{trap, Victim, MALLORY};

const TABLES: [&str; 5] = [
    "vetassist_users",
    "vetassist_va_tokens",
    "vetassist_sessions",
    "vetassist_auth_audit",
    "vetassist_keyed_ip_hashes",
];

/// Calls every function that writes to a table, as a role that may call it.
pub(super) fn use_everything(victim: &Victim) {
    for (role, call) in [
        ("app", "SELECT vetassist_login('ICN' || random(), 'access', now() + '1 h', 'jti' || random(), now() + '1 h', refresh_token => 'r', ip => '203.0.113.7', device_info => '{\"ip\": \"203.0.113.8\"}')"),
        ("app", "SELECT vetassist_log_event('x', NULL, NULL, '203.0.113.9')"),
        ("postgres", "SELECT vetassist_store_tokens(id, 'new', now(), 'new') FROM vetassist_users WHERE is_active"),
        ("postgres", "SELECT vetassist_revoke_all_sessions(id) FROM vetassist_users"),
        ("admin", "CALL vetassist_rotate_tokens()"),
        ("admin", "CALL vetassist_upgrade_ip_hashes()"),
        ("admin", "SELECT vetassist_purge_sessions('0'), vetassist_purge_audit('2 years')"),
        ("postgres", "SELECT vetassist_erase_user(id) FROM vetassist_users"),
    ] {
        // A trigger of the attacker may make the call fail, but must not run with other rights.
        let _ = victim.run(role, call);
    }
}

/// Returns the traps that ran as another role than the attacker.
pub(super) fn trapped_as_others(victim: &Victim) -> Vec<String> {
    victim.trapped().into_iter().filter(|trap| !trap.ends_with("as mallory")).collect()
}

#[test]
fn triggers_of_a_role_with_the_privilege_run_with_no_other_rights() {
    let fires = trap("trigger");
    for moment in ["granted afterwards", "by default", "version before"] {
        let mut victim = Victim::start(&[("vetassist.ip_hash", "keyed")]);
        match moment {
            "by default" => victim.db.batch_execute("ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO mallory; CREATE EXTENSION vetassist").unwrap(),
            "version before" => victim.db.batch_execute("CREATE EXTENSION vetassist VERSION '0.2.0'; GRANT TRIGGER ON ALL TABLES IN SCHEMA public TO mallory").unwrap(),
            _ => victim.db.batch_execute("CREATE EXTENSION vetassist; GRANT ALL ON ALL TABLES IN SCHEMA public TO mallory").unwrap(),
        }
        let mut mallory = victim.connect(MALLORY);
        mallory
            .batch_execute(&format!("CREATE FUNCTION fires() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {fires} RETURN coalesce(NEW, OLD); END $$"))
            .unwrap();
        for table in TABLES {
            for (number, trigger) in [
                format!("BEFORE INSERT OR UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION fires()"),
                format!("AFTER INSERT OR UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION fires()"),
                format!("BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION fires()"),
                format!("AFTER INSERT OR UPDATE OR DELETE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION fires()"),
            ]
            .iter()
            .enumerate()
            {
                let _ = mallory.batch_execute(&format!("CREATE TRIGGER t{number} {trigger}"));
                let _ = mallory.batch_execute(&format!("CREATE OR REPLACE TRIGGER vetassist_auth_audit_append_only {trigger}"));
            }
            let _ = mallory.batch_execute(&format!("CREATE CONSTRAINT TRIGGER c AFTER INSERT OR UPDATE OR DELETE ON {table} DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fires()"));
        }
        if moment == "version before" {
            // The update may fail on such tables. If it succeeds, no trigger of the attacker may fire.
            if victim.db.batch_execute("ALTER EXTENSION vetassist UPDATE").is_err() {
                continue;
            }
        }
        victim.grant_tiers();
        use_everything(&victim);
        assert_eq!(trapped_as_others(&victim), Vec::<String>::new(), "{moment}");
    }
}

#[test]
fn the_owner_of_the_database_cannot_attach_code_to_the_tables() {
    // The owner of the database has no privilege on a table.
    let probe = trap("probe");
    let mut victim = Victim::installed(&[("vetassist.ip_hash", "keyed")]);
    victim
        .run(MALLORY, &format!("CREATE FUNCTION probe(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN {probe} RETURN $1; END $$"))
        .unwrap();
    for attack in [
        "CREATE STATISTICS s ON (probe(email)), first_name FROM vetassist_users",
        "CREATE INDEX i ON vetassist_users (probe(email))",
        "CREATE RULE r AS ON INSERT TO vetassist_auth_audit DO ALSO SELECT probe('x')",
        "CREATE POLICY p ON vetassist_users USING (probe(email) IS NULL)",
        "ALTER TABLE vetassist_users ALTER email SET DEFAULT probe('x')",
        "ALTER TABLE vetassist_users ADD CHECK (probe(email) IS NULL)",
        "ALTER TABLE vetassist_users ADD COLUMN x text GENERATED ALWAYS AS (probe(email)) STORED",
        "ALTER TABLE vetassist_auth_audit CLUSTER ON vetassist_auth_audit_pkey",
        "CREATE TABLE child () INHERITS (vetassist_users)",
        "CREATE TABLE mine (LIKE vetassist_users); ALTER TABLE mine INHERIT vetassist_users",
        "CREATE PUBLICATION p FOR TABLE vetassist_users",
        "CREATE TABLE mine2 (user_id uuid REFERENCES vetassist_users)",
        "COMMENT ON TABLE vetassist_users IS 'mine'",
        "SECURITY LABEL ON TABLE vetassist_users IS 'mine'",
        "CREATE CAST (varchar AS uuid) WITH FUNCTION probe(text)",
    ] {
        assert!(victim.run(MALLORY, attack).is_err(), "{attack}");
    }
    // Publications of whole schemas and event triggers need a superuser.
    for attack in [
        "CREATE PUBLICATION p FOR ALL TABLES",
        "CREATE PUBLICATION p FOR TABLES IN SCHEMA public",
        "CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$; CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION e()",
    ] {
        assert!(victim.run(MALLORY, attack).is_err(), "{attack}");
    }
    use_everything(&victim);
    victim.db.batch_execute("ANALYZE; VACUUM").unwrap_or_default();
    assert_eq!(trapped_as_others(&victim), Vec::<String>::new());
}
