//! Tests that a superuser can run the plain file safely if tables or functions of these names exist.

use vetassist_core::schema::Guards;
use vetassist_server_tests::{differences, plain_sql};

use super::{trap, Refused, Victim, MALLORY};

#[test]
#[ignore = "takes seconds"]
fn the_plain_file_uses_no_object_of_another_owner() {
    let plain = plain_sql();
    let guard = trap("vetassist_audit_guard");
    let mut victim = Victim::start(&[]);
    // The attacker ran the file before, and one object of each kind is left.
    for kept in [
        "vetassist_users",
        "vetassist_va_tokens",
        "vetassist_sessions",
        "vetassist_auth_audit",
        "vetassist_keyed_ip_hashes",
        "vetassist_auth_audit_id_seq",
    ] {
        victim.empty();
        victim.must(MALLORY, &plain);
        for table in [
            "vetassist_keyed_ip_hashes",
            "vetassist_auth_audit",
            "vetassist_sessions",
            "vetassist_va_tokens",
            "vetassist_users",
        ] {
            if table != kept {
                // CASCADE drops the foreign keys, which the file does not create again.
                let drop = format!("DROP TABLE IF EXISTS {table} CASCADE");
                victim.must(MALLORY, &drop);
            }
        }
        if kept == "vetassist_auth_audit_id_seq" {
            victim.must(MALLORY, "CREATE SEQUENCE vetassist_auth_audit_id_seq MAXVALUE 3");
        }
        victim.must(MALLORY, "DROP FUNCTION vetassist_audit_guard() CASCADE");
        let Refused { text, .. } = Refused::of(&victim.db.batch_execute(&plain).expect_err(kept));
        assert!(text.contains(kept), "{kept}: {text}");
    }
    for function in [
        format!("CREATE FUNCTION vetassist_audit_guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {guard} RETURN NEW; END $$"),
        format!("CREATE FUNCTION vetassist_audit_guard() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN {guard} RETURN NEW; END $$"),
    ] {
        victim.empty();
        victim.must(MALLORY, &function);
        let Refused { text, .. } = Refused::of(&victim.db.batch_execute(&plain).expect_err(&function));
        assert!(text.contains("vetassist_audit_guard"), "{text}");
    }
    // The failed run left nothing.
    assert_eq!(
        victim.column("SELECT relname::text FROM pg_class WHERE relname LIKE 'vetassist%'"),
        Vec::<String>::new()
    );
    assert_eq!(victim.trapped(), Vec::<String>::new());
    // The attacker can run the file herself, and run it again.
    victim.empty();
    victim.must(MALLORY, &format!("{plain}; {plain}"));
}

#[test]
#[ignore = "takes seconds"]
fn the_comparison_of_the_tables_names_other_owners() {
    let plain = plain_sql();
    let mut victim = Victim::start(&[]);
    for object in [
        "TABLE vetassist_users",
        "TABLE vetassist_va_tokens",
        "TABLE vetassist_sessions",
        "TABLE vetassist_auth_audit",
        "TABLE vetassist_keyed_ip_hashes",
        "FUNCTION vetassist_audit_guard()",
    ] {
        victim.empty();
        victim.db.batch_execute(&plain).unwrap();
        assert_eq!(differences(&mut victim.db, "public", Guards::Required), []);
        victim.db.batch_execute(&format!("ALTER {object} OWNER TO mallory")).unwrap();
        let found = differences(&mut victim.db, "public", Guards::Required);
        assert!(
            found.iter().any(|difference| difference.problem.contains("owner")),
            "{object}: {found:?}"
        );
    }
}
