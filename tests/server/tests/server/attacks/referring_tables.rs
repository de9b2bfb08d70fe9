//! Tests tables that refer to vetassist's tables: their triggers run with their owner's rights.

use super::{
    trap,
    triggers::{trapped_as_others, use_everything},
    Victim, MALLORY,
};

#[test]
fn triggers_of_a_referring_table_run_only_with_its_owners_rights() {
    let fires = trap("trigger of a table that refers");
    let mut victim = Victim::installed(&[("vetassist.ip_hash", "keyed")]);
    victim.db.batch_execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO mallory").unwrap();
    use_everything(&victim);
    victim.db.batch_execute("INSERT INTO vetassist_auth_audit (event_type, created_at) VALUES ('old', now() - interval '3 years')").unwrap();
    victim.must("app", "SELECT vetassist_login('ICN', 'access', now() + '1 h', 'jti', now() - interval '1 d', ip => '203.0.113.7')");
    let mut mallory = victim.connect(MALLORY);
    let function = format!("CREATE FUNCTION fires() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {fires} RETURN coalesce(NEW, OLD); END $$");
    mallory.batch_execute(&function).unwrap();
    for (name, column) in [
        ("a", "x uuid REFERENCES vetassist_users (id) ON DELETE CASCADE ON UPDATE CASCADE"),
        ("b", "x uuid REFERENCES vetassist_va_tokens (id) ON DELETE SET NULL"),
        ("c", "x varchar(64) REFERENCES vetassist_sessions (jwt_id) ON DELETE CASCADE"),
        ("d", "x bigint REFERENCES vetassist_auth_audit (id) ON DELETE SET DEFAULT"),
        ("e", "x varchar(64) REFERENCES vetassist_keyed_ip_hashes (ip_hash) ON DELETE CASCADE"),
        ("f", "x uuid REFERENCES vetassist_sessions (id)"),
    ] {
        let source = column
            .split(['(', ')'])
            .nth(if name == "c" || name == "e" { 3 } else { 1 })
            .unwrap()
            .to_owned();
        let table = column.split_whitespace().find(|word| word.starts_with("vetassist_")).unwrap();
        let _ = mallory.batch_execute(&format!(
            "CREATE TABLE {name} ({column}); INSERT INTO {name} SELECT {source} FROM {table};
             CREATE TRIGGER t BEFORE INSERT OR UPDATE OR DELETE ON {name} FOR EACH ROW EXECUTE FUNCTION fires();
             CREATE TRIGGER s AFTER INSERT OR UPDATE OR DELETE ON {name} FOR EACH STATEMENT EXECUTE FUNCTION fires()"
        ));
    }
    use_everything(&victim);
    assert_eq!(trapped_as_others(&victim), Vec::<String>::new());
}
