//! Tests that each event names the session user, and that no role can forge that name.

use super::{Victim, MALLORY};

#[test]
fn every_event_names_the_session_user() {
    let mut victim = Victim::installed(&[]);
    victim.must("postgres", "SELECT vetassist_grant('mallory', 'app')");
    victim.must("postgres", "GRANT app TO mallory");
    let by = "SELECT event_type || ' ' || coalesce(event_data ->> 'by', 'nobody') FROM vetassist_auth_audit WHERE event_type <> 'tier_granted' ORDER BY id DESC LIMIT 1";
    for (role, call, said) in [
        ("app", "SELECT vetassist_login('ICN', 'access', now() + '1 h', 'jti', now() + '1 h')", "login app"),
        (MALLORY, "SELECT vetassist_login('ICN', 'access', now() + '1 h', 'jti 2', now() + '1 h')", "login mallory"),
        (MALLORY, "SET ROLE app; SELECT vetassist_login('ICN', 'access', now() + '1 h', 'jti 3', now() + '1 h')", "login mallory"),
        (MALLORY, "SELECT vetassist_revoke_all_sessions(user_id) FROM vetassist_login('ICN', 'access', now() + '1 h', 'jti 4', now() + '1 h')", "sessions_revoked mallory"),
        (MALLORY, "SELECT vetassist_erase_user(user_id) FROM vetassist_login('other', 'access', now() + '1 h', 'jti 5', now() + '1 h')", "user_erased mallory"),
        ("admin", "CALL vetassist_rotate_tokens()", "keys_rotated admin"),
        ("admin", "CALL vetassist_upgrade_ip_hashes()", "ip_hashes_upgraded admin"),
    ] {
        victim.must(role, call);
        assert_eq!(victim.column(by), [said], "{call}");
    }
    victim.must("postgres", "SELECT vetassist_grant('reporting', 'auditor')");
    assert_eq!(victim.column("SELECT event_type || ' ' || (event_data ->> 'by') FROM vetassist_auth_audit ORDER BY id DESC LIMIT 1"), ["tier_granted postgres"]);
    // No role can write another name there.
    for forged in [
        "{\"by\": \"postgres\"}",
        "{\"by\": null}",
        "{\"by\": [\"admin\"]}",
        "{\"BY\": 1, \"by\": \"admin\"}",
    ] {
        let call = format!("SELECT vetassist_log_event('note', NULL, '{forged}')");
        if victim.run(MALLORY, &call).is_ok() {
            let said = victim.column("SELECT coalesce(event_data ->> 'by', 'mallory') FROM vetassist_auth_audit ORDER BY id DESC LIMIT 1");
            assert_eq!(said, ["mallory"], "{forged}");
        }
    }
}
