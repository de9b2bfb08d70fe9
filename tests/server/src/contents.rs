//! Fills the extension's tables and reads them as lines that can be compared with those of another database.

use postgres::Client;

use crate::{keyed_server::KeyedServer, queries::column_of};

/// All tables of the extension.
pub const TABLES: [&str; 13] = [
    "vetassist_users",
    "vetassist_va_tokens",
    "vetassist_sessions",
    "vetassist_auth_audit",
    "vetassist_keyed_ip_hashes",
    "vetassist_refresh_leases",
    "vetassist_refresh_states",
    "vetassist_key_fingerprints",
    "vetassist_audit_leaves",
    "vetassist_audit_nodes",
    "vetassist_audit_head",
    "vetassist_audit_pending",
    "vetassist_audit_unsealable",
];

/// Creates roles, users, tokens, sessions and an audit trail, like those of a database in use.
pub fn fill(db: &mut Client) {
    db.batch_execute(
        "CREATE ROLE app LOGIN; CREATE ROLE auditor LOGIN;
         SELECT vetassist_grant('app', 'app'), vetassist_grant('auditor', 'auditor');
         SELECT count(*) FROM generate_series(1, 40) AS i, vetassist_login('ICN' || i, 'access ' || i, now() + '1 h', 'jti ' || i, now() + '8 h',
             refresh_token => CASE WHEN i % 2 = 0 THEN repeat('refresh ', i) END,
             email => 'somebody' || i || '@example.com', first_name => 'Ünal',
             device_info => jsonb_build_object('ip', '203.0.113.' || i, 'agent', E'a \"b\"\\t\\n' || i),
             ip => ('203.0.113.' || i)::inet);
         SELECT vetassist_store_tokens(id, 'newer', now() + '2 h') FROM vetassist_users WHERE va_icn LIKE 'ICN1%';
         SELECT vetassist_revoke_session('jti 7', id) FROM vetassist_users WHERE va_icn = 'ICN7';
         SELECT vetassist_erase_user(id) FROM vetassist_users WHERE va_icn = 'ICN9';
         SELECT vetassist_log_event('an event', NULL, '{\"why\": \"because\"}', '2001:db8::1');
         UPDATE vetassist_users SET is_active = false WHERE va_icn = 'ICN3';",
    )
    .unwrap();
}

/// Returns the rows of all tables.
pub fn rows(db: &mut Client) -> Vec<String> {
    let mut rows = Vec::new();
    for table in TABLES {
        // An older version has fewer tables.
        if column_of(db, &format!("SELECT (to_regclass('{table}') IS NULL)::text")) == ["true"] {
            continue;
        }
        let query = format!("SELECT '{table}: ' || t::text FROM {table} AS t ORDER BY 1");
        rows.extend(column_of(db, &query));
    }
    rows
}

/// Returns the rights, triggers and versions, and the differences of the schema.
pub fn rights_and_triggers(db: &mut Client) -> Vec<String> {
    // The owner's rights differ between versions of PostgreSQL.
    let acl = "CASE WHEN acl IS NULL AND classid <> 'pg_class'::regclass THEN 'default' ELSE coalesce((SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(acl) AS a WHERE a::text NOT LIKE 'postgres=%' AND a::text NOT LIKE 'vetassist_owner=%/vetassist_owner'), 'nobody') END";
    let mut found = column_of(
        db,
        &format!(
            "WITH members AS (
                 SELECT classid, objid, (SELECT proacl FROM pg_proc WHERE oid = objid AND classid = 'pg_proc'::regclass) AS acl FROM pg_depend
                 WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e' AND classid <> 'pg_class'::regclass
                   AND classid <> 'pg_type'::regclass AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'vetassist')
                 UNION ALL
                 SELECT 'pg_class'::regclass, oid, relacl FROM pg_class WHERE relname LIKE 'vetassist%'
                 UNION ALL
                 SELECT 'pg_namespace'::regclass, oid, nspacl FROM pg_namespace WHERE nspname = 'public')
             SELECT pg_describe_object(classid, objid, 0) || ': ' || {acl} FROM members ORDER BY 1"
        ),
    );
    found.extend(column_of(
        db,
        "SELECT format('%s %s %s %s', tgrelid::regclass, CASE WHEN NOT tgisinternal THEN tgname END, tgenabled, tgfoid::regproc)
         FROM pg_trigger WHERE tgrelid::regclass::text LIKE 'vetassist%' ORDER BY 1",
    ));
    found.extend(column_of(db, "SELECT extname || ' ' || extversion FROM pg_extension ORDER BY 1"));
    found.extend(column_of(db, "SELECT object || ' ' || problem FROM vetassist_check_schema()"));
    found
}

/// Asserts that a copied database can be used: the next event has the next id, apart from the number that may be
/// skipped, a sign-in adds one user, one token, one session and one event, and the triggers work.
pub fn assert_use_continues(db: &mut Client, skipped: i64) {
    let ids = "SELECT (SELECT max(id) FROM vetassist_auth_audit), vetassist_log_event('after')";
    let row = db.query_one(ids, &[]).unwrap();
    let next = row.get::<_, Option<i64>>(0).unwrap_or(0) + 1;
    assert!((next..=next + skipped).contains(&row.get(1)), "{next}: {row:?}");
    let count = "SELECT (SELECT count(*) FROM vetassist_users), (SELECT count(*) FROM vetassist_va_tokens),
                        (SELECT count(*) FROM vetassist_sessions), (SELECT count(*) FROM vetassist_auth_audit)";
    let counts = |db: &mut Client| {
        let row = db.query_one(count, &[]).unwrap();
        [0, 1, 2, 3].map(|column| row.get::<_, i64>(column))
    };
    let before = counts(db);
    db.batch_execute("SELECT vetassist_login('ICN after', 'access', now() + '1 h', 'jti after', now() + '1 h', ip => '203.0.113.7')").unwrap();
    assert_eq!(counts(db), before.map(|number| number + 1));
    let changed =
        "UPDATE vetassist_users SET email = 'new@example.com' WHERE va_icn = 'ICN after' RETURNING updated_at >= created_at";
    assert!(db.query_one(changed, &[]).unwrap().get::<_, bool>(0));
    assert!(db.batch_execute("DELETE FROM vetassist_auth_audit").is_err());
}

/// Asserts that the tokens of [`fill`] open, and returns their number.
pub fn opened_tokens(db: &mut Client) -> usize {
    let opened = column_of(
        db,
        "SELECT u.va_icn || ' ' || vetassist_decrypt_token(t.access_token_encrypted, u.id)
         FROM vetassist_va_tokens AS t JOIN vetassist_users AS u ON u.id = t.user_id WHERE u.va_icn ~ '^ICN[0-9]+$' ORDER BY 1",
    );
    for pair in &opened {
        let (icn, token) = pair.split_once(' ').unwrap();
        let expected = match icn.strip_prefix("ICN1") {
            Some(_) => "newer".to_owned(),
            None => icn.replace("ICN", "access "),
        };
        assert_eq!(token, expected, "{icn}");
    }
    opened.len()
}

impl KeyedServer {
    /// Starts a server whose database [`fill`] has filled.
    #[must_use]
    pub fn filled(settings: &[(&str, &str)]) -> Self {
        let mut server = Self::start_with(settings);
        fill(&mut server.db);
        assert_eq!(opened_tokens(&mut server.db), 39);
        server
    }
}
