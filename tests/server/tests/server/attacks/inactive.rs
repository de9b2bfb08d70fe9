//! Tests that the statement that stores tokens itself refuses an inactive account. It does not rely on a helper function
//! that raises an error.

use vetassist_server_tests::column_of;

use super::{Refused, Victim};

/// Replaces each function that returns void by one that does nothing, and returns their names.
fn silence(victim: &mut Victim) -> Vec<String> {
    let functions = column_of(
        &mut victim.db,
        "SELECT p.oid::regprocedure::text FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'vetassist'
         JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
         WHERE d.deptype = 'e' AND p.prorettype = 'void'::regtype AND p.proname NOT IN ('vetassist_store_tokens', 'vetassist_store_tokens_sealed', 'vetassist_grant', 'vetassist_detach', 'vetassist_mark_keyed')",
    );
    for function in &functions {
        victim
            .db
            .batch_execute(&format!(
                "DO $do$ DECLARE d text; BEGIN
                     d := pg_get_functiondef('{function}'::regprocedure);
                     EXECUTE regexp_replace(d, ' LANGUAGE .*', ' LANGUAGE plpgsql AS $f$ BEGIN END $f$');
                 END $do$"
            ))
            .unwrap();
    }
    functions
}

#[test]
fn an_inactive_account_cannot_sign_in_even_if_helpers_do_nothing() {
    let mut victim = Victim::installed(&[]);
    victim
        .db
        .batch_execute("SELECT vetassist_login('ICN ' || i, 'access', now() + '1 h', 'jti ' || i, now() + '1 h', refresh_token => 'refresh') FROM generate_series(1, 2) AS i; UPDATE vetassist_users SET is_active = false")
        .unwrap();
    let calls = [
        "SELECT vetassist_login('ICN 1', 'stolen', now() + '1 h', 'jti 3', now() + '1 h')",
        "SELECT vetassist_login('ICN 2', 'stolen', now() + '1 h', 'jti 4', now() + '1 h', email => 'x@example.com', ip => '203.0.113.7')",
        "SELECT vetassist_store_tokens(id, 'stolen', now() + '1 h', 'stolen') FROM vetassist_users",
    ];
    let state = "SELECT t::text FROM vetassist_va_tokens AS t UNION ALL SELECT s::text FROM vetassist_sessions AS s UNION ALL SELECT u::text FROM vetassist_users AS u ORDER BY 1";
    let before = victim.column(state);
    for silenced in [false, true] {
        if silenced {
            silence(&mut victim);
        }
        for call in calls {
            let role = if call.contains("FROM") { "postgres" } else { "app" };
            let Refused { state, text } = victim.run(role, call).expect_err(call);
            assert_eq!(state, "VA001", "silenced {silenced}: {call}: {text}");
        }
        assert_eq!(victim.column(state), before, "silenced {silenced}");
    }
    // An account whose is_active is NULL is not active.
    victim.db.batch_execute("UPDATE vetassist_users SET is_active = NULL").unwrap();
    assert_eq!(victim.run("app", calls[0]).unwrap_err().state, "VA001");
    assert_eq!(victim.column("SELECT vetassist_session_active('jti 1')::text"), ["false"]);
}
