//! Tests that the rows of an erased user stay in the audit trail without data of the user.

use super::Victim;

#[test]
#[ignore = "takes seconds"]
fn the_rows_of_an_erased_user_hold_no_data() {
    for kind in ["sha256", "keyed"] {
        let mut victim = Victim::installed(&[("vetassist.ip_hash", kind)]);
        victim
            .db
            .batch_execute(
                "SELECT vetassist_login('ICN ' || i, 'access', now() + '1 h', 'jti ' || i, now() + '1 h', ip => '203.0.113.7', email => 'somebody@example.com',
                     device_info => '{\"ip\": \"203.0.113.7\", \"name\": \"Tamara\"}') FROM generate_series(1, 2) AS i;
                 SELECT vetassist_log_event('note', id, '{\"email\": \"tamara@example.com\", \"name\": \"Tamara Ellis\"}', '203.0.113.8') FROM vetassist_users;
                 INSERT INTO vetassist_auth_audit (user_id, event_type, event_data, ip_hash) SELECT id, 'by another', '{\"icn\": \"1012667145V762142\"}', repeat('ab', 32) FROM vetassist_users;
                 INSERT INTO vetassist_auth_audit (user_id, event_type, event_data, created_at) SELECT id, 'old', '{\"icn\": \"1012667145V762142\"}', now() - interval '5 years' FROM vetassist_users;
                 INSERT INTO vetassist_auth_audit (event_type, event_data) VALUES ('of nobody', '{\"a\": 1}')",
            )
            .unwrap();
        let gone =
            victim.column("SELECT id::text FROM vetassist_users WHERE va_icn = 'ICN 1'").remove(0);
        let of = |said: &str| {
            format!("SELECT concat_ws(' ', event_type, event_data, ip_hash) FROM vetassist_auth_audit WHERE user_id IS DISTINCT FROM '{gone}' {said} ORDER BY id")
        };
        let others = victim.column(&of(""));
        let ids = victim.column(&format!("SELECT id || event_type || created_at FROM vetassist_auth_audit WHERE user_id = '{gone}' ORDER BY id"));
        assert_eq!(ids.len(), 4);
        victim.must("app", &format!("SELECT vetassist_erase_user('{gone}')"));
        // The rows keep their id, type and time, and nothing else.
        let left = format!("SELECT id || event_type || created_at FROM vetassist_auth_audit WHERE user_id = '{gone}' AND event_type <> 'user_erased' ORDER BY id");
        assert_eq!(victim.column(&left), ids);
        let said = format!("SELECT concat_ws(' ', event_type, event_data, ip_hash) FROM vetassist_auth_audit WHERE user_id = '{gone}' AND event_type <> 'user_erased' AND (event_data IS NOT NULL OR ip_hash IS NOT NULL)");
        assert_eq!(victim.column(&said), Vec::<String>::new(), "{kind}");
        assert_eq!(victim.column(&of("")), others);
        // Another backend may write a row later. A second erasure clears it.
        victim.db.batch_execute(&format!("INSERT INTO vetassist_auth_audit (user_id, event_type, event_data) VALUES ('{gone}', 'late', '{{\"name\": \"Tamara\"}}')")).unwrap();
        let _ = victim.run("app", &format!("SELECT vetassist_erase_user('{gone}')"));
        assert_eq!(victim.column(&said), Vec::<String>::new(), "{kind}");
        // No table has data of the user.
        let everywhere = "SELECT t::text FROM vetassist_users AS t UNION ALL SELECT t::text FROM vetassist_sessions AS t UNION ALL SELECT t::text FROM vetassist_va_tokens AS t
                          UNION ALL SELECT t::text FROM vetassist_auth_audit AS t";
        let rows = victim.column(everywhere);
        assert!(
            !rows.iter().any(|row| row.contains(&gone)
                && (row.contains("Tamara")
                    || row.contains("example.com")
                    || row.contains("1012667145V"))),
            "{rows:?}"
        );
    }
}
