//! Tests that revoking takes every privilege, and those that the role granted to others.

use postgres::Client;

use super::{assert_same, grants::rights, Victim, MALLORY};

#[test]
fn revoking_takes_every_privilege_and_those_granted_on() {
    let by_hand = [
        "",
        "GRANT SELECT ON vetassist_users TO app",
        "GRANT ALL ON ALL TABLES IN SCHEMA public TO app WITH GRANT OPTION",
        "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO app",
        "GRANT EXECUTE ON ALL ROUTINES IN SCHEMA public TO app WITH GRANT OPTION",
        "GRANT SELECT (email, va_icn), UPDATE (email) ON vetassist_users TO app WITH GRANT OPTION",
        "GRANT TRIGGER, REFERENCES, TRUNCATE ON vetassist_auth_audit TO app",
        "GRANT EXECUTE ON FUNCTION vetassist_decrypt_token(bytea, uuid) TO app",
        "GRANT EXECUTE ON FUNCTION vetassist_encrypt(text, bytea, bytea) TO app",
        "SELECT vetassist_grant('app', 'auditor'), vetassist_grant('app', 'admin')",
    ];
    // The role grants these privileges to others if it can.
    let passed_on = "
        GRANT SELECT ON vetassist_users TO reporting; GRANT SELECT (email) ON vetassist_users TO reporting;
        GRANT EXECUTE ON FUNCTION vetassist_access_token(uuid) TO reporting WITH GRANT OPTION";
    let mut victim = Victim::installed(&[]);
    let others = |db: &mut Client| -> Vec<String> {
        let theirs = [" to app", " to reporting", " to mallory"];
        rights(db)
            .into_iter()
            .filter(|right| !theirs.iter().any(|role| right.contains(role)))
            .collect()
    };
    let expected = others(&mut victim.db);
    for by_hand in by_hand {
        victim.must("postgres", by_hand);
        for statement in passed_on.split(';') {
            let _ = victim.run("app", statement);
            let _ = victim.run(
                "reporting",
                "GRANT EXECUTE ON FUNCTION vetassist_access_token(uuid) TO mallory",
            );
        }
        victim.must("postgres", "SELECT * FROM vetassist_revoke('app')");
        assert_same(&rights(&mut victim.db), &expected, by_hand);
        for attack in [
            "SELECT email FROM vetassist_users",
            "SELECT vetassist_access_token(gen_random_uuid())",
        ] {
            for role in ["app", "reporting", MALLORY] {
                assert_eq!(
                    victim.run(role, attack).expect_err(attack).state,
                    "42501",
                    "{role} after {by_hand}"
                );
            }
        }
        victim.must("postgres", "SELECT vetassist_grant('app', 'app')");
    }
}
