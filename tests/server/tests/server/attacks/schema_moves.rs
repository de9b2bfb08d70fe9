//! Tests that the schema or its objects cannot be renamed or moved, and replaced by others.

use postgres::Client;

use super::{plant_copies, reference, Victim, MALLORY, TIERS};

/// Installs the extension in a schema of the attacker.
fn install(victim: &mut Victim, version: &str) {
    victim
        .db
        .batch_execute(&format!("CREATE SCHEMA vet AUTHORIZATION mallory; CREATE EXTENSION vetassist SCHEMA vet {version}"))
        .unwrap();
    for tier in TIERS {
        victim
            .db
            .batch_execute(&format!("SELECT vet.vetassist_grant('{tier}', '{tier}')"))
            .unwrap();
    }
}

/// Calls the functions in a schema as each tier. Some calls may fail.
fn use_it(victim: &Victim, schema: &str) {
    for (role, call) in [
        ("app", "SELECT vetassist_login('ICN', 'access', now(), 'jti', now(), ip => '203.0.113.7', device_info => '{\"ip\": \"203.0.113.7\"}')"),
        ("app", "SELECT vetassist_log_event('x', NULL, '{\"a\": 1}', '203.0.113.7')"),
        ("app", "SELECT vetassist_session_active('jti')"),
        ("admin", "CALL vetassist_rotate_tokens()"),
        ("admin", "CALL vetassist_upgrade_ip_hashes()"),
        ("admin", "CALL vetassist_seal_audit()"),
        ("admin", "SELECT vetassist_purge_audit('2 years')"),
        ("admin", "SELECT * FROM vetassist_check_schema()"),
        ("auditor", "SELECT * FROM vetassist_users_masked()"),
        ("postgres", "SELECT vetassist_erase_user(gen_random_uuid()), vetassist_access_token(gen_random_uuid())"),
    ] {
        let _ = victim.run(role, &format!("SET search_path = {schema}; {call}"));
    }
}

#[test]
#[ignore = "takes seconds"]
fn renaming_the_schema_or_its_objects_is_refused() {
    let mut victim = Victim::start(&[("vetassist.ip_hash", "keyed")]);
    let mut reference = reference(&victim);
    for attack in [
        "ALTER SCHEMA vet RENAME TO old",
        "ALTER SCHEMA vet RENAME TO \"vet \"",
        "DO $$ BEGIN EXECUTE 'ALTER SCHEMA vet RENAME TO old'; END $$",
        "CREATE FUNCTION public.f() RETURNS void LANGUAGE sql AS 'ALTER SCHEMA vet RENAME TO old'; SELECT public.f()",
        "SET session_replication_role = replica; ALTER SCHEMA vet RENAME TO old",
        "CREATE SCHEMA new; ALTER SCHEMA vet RENAME TO old; ALTER SCHEMA new RENAME TO vet",
        "ALTER EXTENSION vetassist SET SCHEMA public",
        "ALTER TABLE vet.vetassist_sessions SET SCHEMA public",
        "ALTER TABLE vet.vetassist_sessions RENAME TO other",
        "ALTER FUNCTION vet.vetassist_upgrade_ip_hash(text) SET SCHEMA public",
        "ALTER FUNCTION vet.vetassist_upgrade_ip_hash(text) RENAME TO other",
        "ALTER SEQUENCE vet.vetassist_auth_audit_id_seq SET SCHEMA public",
        "ALTER EVENT TRIGGER vetassist_guard_drop DISABLE",
    ] {
        victim.empty();
        install(&mut victim, "");
        assert!(victim.run(MALLORY, attack).is_err(), "{attack}");
        // The attacker may create new schemas of these names.
        let mut mallory = victim.connect(MALLORY);
        let _ = mallory.batch_execute("CREATE SCHEMA vet");
        let _ = mallory.batch_execute("CREATE SCHEMA old");
        use_it(&victim, "vet");
        use_it(&victim, "old");
        assert_eq!(victim.trapped(), Vec::<String>::new(), "{attack}");
        let rows = victim.column("SELECT object FROM vet.vetassist_check_schema()");
        assert_eq!(rows, Vec::<String>::new(), "{attack}");
    }
    // The attacker can rename her own schemas.
    victim.must(
        MALLORY,
        "CREATE SCHEMA mine; ALTER SCHEMA mine RENAME TO still_mine; DROP SCHEMA still_mine",
    );
    let _ = &mut reference;
}

/// Disables the guards and renames the schema, which needs a superuser.
fn rename_without_guards(db: &mut Client) {
    db.batch_execute(
        "DO $$ DECLARE t name; BEGIN
             FOR t IN SELECT evtname FROM pg_event_trigger LOOP EXECUTE format('ALTER EVENT TRIGGER %I DISABLE', t); END LOOP;
             ALTER SCHEMA vet RENAME TO old;
             FOR t IN SELECT evtname FROM pg_event_trigger LOOP EXECUTE format('ALTER EVENT TRIGGER %I ENABLE ALWAYS', t); END LOOP;
         END $$",
    )
    .unwrap();
}

#[test]
fn the_check_shows_a_renamed_schema() {
    let mut victim = Victim::start(&[]);
    install(&mut victim, "");
    assert_eq!(
        victim.column("SELECT object FROM vet.vetassist_check_schema()"),
        Vec::<String>::new()
    );
    rename_without_guards(&mut victim.db);
    assert_ne!(
        victim.column("SELECT object FROM old.vetassist_check_schema()"),
        Vec::<String>::new()
    );
    // The check also shows it if a new schema has the old name.
    victim.must(MALLORY, "CREATE SCHEMA vet");
    assert_ne!(
        victim.column("SELECT object FROM old.vetassist_check_schema()"),
        Vec::<String>::new()
    );
}

#[test]
fn an_update_after_a_rename_calls_no_function_of_the_new_schema() {
    for version in ["0.1.0", "0.2.0"] {
        let mut victim = Victim::start(&[("vetassist.ip_hash", "keyed")]);
        let mut reference = reference(&victim);
        install(&mut victim, &format!("VERSION '{version}'"));
        victim.must(MALLORY, "ALTER SCHEMA vet RENAME TO old; CREATE SCHEMA vet");
        plant_copies(&mut victim.connect(MALLORY), "vet", &mut reference);
        let _ = victim.db.batch_execute("ALTER EXTENSION vetassist UPDATE");
        let now = victim.column("SELECT extversion FROM pg_extension WHERE extname = 'vetassist'");
        // The update is refused, or it creates everything again in the extension's schema.
        if now != [version] {
            use_it(&victim, "old");
            assert_eq!(victim.trapped(), Vec::<String>::new());
        }
    }
}
