//! Tests that the check reports functions, event triggers and members that a superuser changed.

use super::Victim;

/// Changes, each with the object that the check must name.
const CHANGES: &[(&str, &str)] = &[
    ("CREATE OR REPLACE FUNCTION vetassist_audit_guard() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'", "function vetassist_audit_guard()"),
    ("CREATE OR REPLACE FUNCTION vetassist_audit_guard() RETURNS trigger LANGUAGE c AS '$libdir/vetassist', 'vetassist_audit_id_wrapper'", "function vetassist_audit_guard()"),
    ("CREATE OR REPLACE FUNCTION vetassist_audit_guard() RETURNS trigger LANGUAGE internal AS 'suppress_redundant_updates_trigger'", "function vetassist_audit_guard()"),
    ("CREATE OR REPLACE FUNCTION vetassist_session_active(jwt_id text) RETURNS boolean LANGUAGE sql AS 'SELECT true'", "function vetassist_session_active(text)"),
    ("CREATE OR REPLACE FUNCTION vetassist_guard_code() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'", "function vetassist_guard_code()"),
    ("CREATE OR REPLACE FUNCTION vetassist_checks() RETURNS TABLE (severity text, subject text, message text, hint text) LANGUAGE plpgsql AS 'BEGIN END'", "function vetassist_checks()"),
    ("DO $x$ BEGIN EXECUTE replace(pg_get_functiondef('vetassist_erase_user'::regproc), 'RETURN true', 'RETURN  true'); END $x$", "function vetassist_erase_user(uuid)"),
    ("ALTER FUNCTION vetassist_access_token(uuid) SECURITY INVOKER", "function vetassist_access_token(uuid)"),
    ("ALTER FUNCTION vetassist_users_masked() SECURITY INVOKER", "function vetassist_users_masked()"),
    ("ALTER FUNCTION vetassist_detach(regrole) SECURITY DEFINER", "function vetassist_detach(regrole)"),
    ("ALTER FUNCTION vetassist_decrypt_token(bytea, uuid) LEAKPROOF", "function vetassist_decrypt_token(bytea, uuid)"),
    ("ALTER FUNCTION vetassist_decrypt_token(bytea, uuid) IMMUTABLE", "function vetassist_decrypt_token(bytea, uuid)"),
    ("ALTER FUNCTION vetassist_revoke_session(text, uuid) STRICT", "function vetassist_revoke_session(text, uuid)"),
    ("ALTER FUNCTION vetassist_log_event(text, uuid, jsonb, inet) PARALLEL SAFE", "function vetassist_log_event(text, uuid, jsonb, inet)"),
    ("ALTER FUNCTION vetassist_log_event(text, uuid, jsonb, inet) SET search_path = public", "function vetassist_log_event(text, uuid, jsonb, inet)"),
    ("ALTER FUNCTION vetassist_log_event(text, uuid, jsonb, inet) RESET ALL", "function vetassist_log_event(text, uuid, jsonb, inet)"),
    ("ALTER FUNCTION vetassist_purge_audit(interval, integer) SET vetassist.audit_min_retention = '0'", "function vetassist_purge_audit(interval, integer)"),
    ("ALTER FUNCTION vetassist_erase_user(uuid) SET session_replication_role = replica", "function vetassist_erase_user(uuid)"),
    ("ALTER PROCEDURE vetassist_rotate_tokens(integer) SECURITY DEFINER", "function vetassist_rotate_tokens(integer)"),
    ("ALTER FUNCTION vetassist_log_event(text, uuid, jsonb, inet) OWNER TO mallory", "function vetassist_log_event(text, uuid, jsonb, inet)"),
    ("ALTER FUNCTION vetassist_keys() OWNER TO mallory", "function vetassist_keys()"),
    ("ALTER TABLE vetassist_sessions OWNER TO mallory", "vetassist_sessions"),
    ("ALTER TABLE vetassist_auth_audit ALTER id DROP DEFAULT; ALTER SEQUENCE vetassist_auth_audit_id_seq OWNED BY NONE; ALTER SEQUENCE vetassist_auth_audit_id_seq OWNER TO mallory", "vetassist_auth_audit_id_seq"),
    ("REASSIGN OWNED BY vetassist_owner TO mallory", "vetassist_users"),
    ("ALTER EXTENSION vetassist DROP FUNCTION vetassist_hash_ip(inet)", "function vetassist_hash_ip"),
    ("ALTER EXTENSION vetassist DROP FUNCTION vetassist_hash_ip(inet); DROP FUNCTION vetassist_hash_ip(inet)", "function vetassist_hash_ip"),
    ("CREATE FUNCTION vetassist_login(varchar) RETURNS void LANGUAGE sql AS ''; ALTER EXTENSION vetassist ADD FUNCTION vetassist_login(varchar)", "function vetassist_login(character varying)"),
    ("CREATE FUNCTION other() RETURNS void LANGUAGE sql AS ''; ALTER EXTENSION vetassist ADD FUNCTION other()", "function other()"),
    ("ALTER EXTENSION vetassist DROP TABLE vetassist_auth_audit", "vetassist_auth_audit"),
    ("ALTER EXTENSION vetassist DROP TABLE vetassist_keyed_ip_hashes", "vetassist_keyed_ip_hashes"),
    ("ALTER EXTENSION vetassist DROP SEQUENCE vetassist_auth_audit_id_seq", "vetassist_auth_audit_id_seq"),
    ("ALTER EXTENSION vetassist DROP EVENT TRIGGER vetassist_guard_drop; DROP EVENT TRIGGER vetassist_guard_drop", "event trigger vetassist_guard_drop"),
    ("ALTER EXTENSION vetassist DROP EVENT TRIGGER vetassist_guard_code; DROP EVENT TRIGGER vetassist_guard_code;
      CREATE EVENT TRIGGER vetassist_guard_code ON sql_drop EXECUTE FUNCTION vetassist_guard_code(); ALTER EXTENSION vetassist ADD EVENT TRIGGER vetassist_guard_code;
      ALTER EVENT TRIGGER vetassist_guard_code ENABLE ALWAYS", "event trigger vetassist_guard_code"),
    ("ALTER EVENT TRIGGER vetassist_guard_drop RENAME TO other", "event trigger vetassist_guard_drop"),
    ("ALTER EVENT TRIGGER vetassist_guard_drop DISABLE", "event trigger vetassist_guard_drop"),
    ("ALTER EVENT TRIGGER vetassist_guard_schema ENABLE REPLICA", "event trigger vetassist_guard_schema"),
    ("ALTER EVENT TRIGGER vetassist_guard_alter_table ENABLE", "event trigger vetassist_guard_alter_table"),
    ("ALTER TABLE vetassist_auth_audit DISABLE TRIGGER vetassist_auth_audit_id", "vetassist_auth_audit trigger vetassist_auth_audit_id"),
    ("ALTER TABLE vetassist_sessions DISABLE TRIGGER ALL", "vetassist_sessions FOREIGN KEY (user_id)"),
    ("ALTER TABLE vetassist_users DISABLE TRIGGER ALL", "vetassist_sessions FOREIGN KEY (user_id)"),
    ("GRANT vetassist_owner TO mallory", "role vetassist_owner"),
    ("GRANT mallory TO vetassist_owner", "role vetassist_owner"),
    ("ALTER ROLE vetassist_owner LOGIN", "role vetassist_owner"),
    ("ALTER ROLE vetassist_owner BYPASSRLS", "role vetassist_owner"),
    ("ALTER ROLE vetassist_owner SET search_path = public", "role vetassist_owner"),
    ("ALTER ROLE vetassist_owner IN DATABASE victim SET search_path = public", "role vetassist_owner"),
    ("ALTER ROLE vetassist_owner RENAME TO other", "vetassist_users"),
    ("REVOKE ALL ON SCHEMA public FROM PUBLIC, vetassist_owner", "role vetassist_owner"),
    ("REVOKE EXECUTE ON FUNCTION vetassist_stored_ip_hash(inet) FROM vetassist_owner", "FUNCTION "),
    ("REVOKE INSERT ON vetassist_auth_audit FROM vetassist_owner", "TABLE "),
];

#[test]
#[ignore = "takes seconds"]
fn the_check_names_each_changed_object() {
    for schema in ["public", "\"Our Vets, 2\""] {
        let mut victim = Victim::start(&[]);
        victim.db.batch_execute(&format!("ALTER SCHEMA public OWNER TO postgres; CREATE SCHEMA IF NOT EXISTS {schema}; CREATE EXTENSION vetassist SCHEMA {schema}; SET search_path = {schema}")).unwrap();
        let shown = "SELECT subject FROM vetassist_check() WHERE subject NOT IN ('shared_preload_libraries', 'role mallory')";
        assert_eq!(victim.column(shown), [""; 0], "{schema}");
        // The session's way of quoting names makes no difference.
        victim.db.batch_execute("SET quote_all_identifiers = on").unwrap();
        assert_eq!(victim.column(shown), [""; 0], "{schema}");
        victim.db.batch_execute("RESET quote_all_identifiers").unwrap();
        let mut unseen = Vec::new();
        for (change, subject) in CHANGES {
            if schema != "public" && change.contains("public") {
                continue;
            }
            let mut transaction = victim.db.transaction().unwrap();
            if let Err(error) = transaction.batch_execute(change) {
                unseen.push(format!("refused: {change}: {error:?}"));
                continue;
            }
            let rows = transaction.query(shown, &[]);
            let rows = rows.map(|rows| rows.iter().map(|row| row.get(0)).collect::<Vec<String>>());
            if !rows.as_ref().is_ok_and(|rows| rows.iter().any(|row| row.starts_with(subject))) {
                unseen.push(format!("{change}: {rows:?}"));
            }
        }
        assert!(unseen.is_empty(), "{schema}:\n{}", unseen.join("\n"));
    }
}

#[test]
fn the_check_finds_nothing_after_an_update() {
    for version in ["0.1.0", "0.2.0"] {
        let mut victim = Victim::start(&[]);
        victim
            .db
            .batch_execute(&format!("ALTER SCHEMA public OWNER TO postgres; CREATE EXTENSION vetassist VERSION '{version}'; ALTER EXTENSION vetassist UPDATE"))
            .unwrap();
        assert_eq!(
            victim.column("SELECT subject || message FROM vetassist_check() WHERE subject <> 'shared_preload_libraries'"),
            [""; 0]
        );
    }
}
