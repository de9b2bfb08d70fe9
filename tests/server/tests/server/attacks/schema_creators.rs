//! Tests roles that may create in the extension's schema. They can create overloads that callers with other argument types
//! would call. The check warns of them, and the documentation says how an application avoids it.

use super::{trap, Victim, MALLORY};

#[test]
fn the_check_warns_of_roles_that_may_create_in_the_schema() {
    let mut victim = Victim::installed(&[]);
    let warns = "SELECT severity || ' ' || subject || ' ' || message || ' ' || coalesce(hint, '') FROM vetassist_check() WHERE subject || message ~* 'schema' AND message || coalesce(hint, '') ~* 'create'";
    // The owner of the database owns `public`.
    let found = victim.column(warns);
    assert!(found.iter().any(|row| row.contains("public")), "{found:?}");
    for (allows, takes_back) in [
        ("GRANT CREATE ON SCHEMA public TO PUBLIC", "REVOKE CREATE ON SCHEMA public FROM PUBLIC"),
        ("GRANT CREATE ON SCHEMA public TO app", "REVOKE CREATE ON SCHEMA public FROM app"),
        (
            "GRANT CREATE ON SCHEMA public TO app WITH GRANT OPTION",
            "REVOKE CREATE ON SCHEMA public FROM app",
        ),
        ("ALTER SCHEMA public OWNER TO reporting", "ALTER SCHEMA public OWNER TO postgres"),
        (
            "CREATE ROLE creators ROLE reporting; GRANT CREATE ON SCHEMA public TO creators",
            "DROP OWNED BY creators; DROP ROLE creators",
        ),
    ] {
        victim.db.batch_execute("ALTER SCHEMA public OWNER TO postgres; REVOKE CREATE ON SCHEMA public FROM PUBLIC, app").unwrap();
        assert_eq!(victim.column(warns), Vec::<String>::new());
        victim.db.batch_execute(allows).unwrap();
        assert_ne!(victim.column(warns), Vec::<String>::new(), "{allows}");
        victim.db.batch_execute(takes_back).unwrap();
    }
    // A superuser may create in any schema, so the check does not warn.
    victim
        .db
        .batch_execute(
            "CREATE ROLE other_admin SUPERUSER; ALTER SCHEMA public OWNER TO other_admin",
        )
        .unwrap();
    assert_eq!(victim.column(warns), Vec::<String>::new());
}

#[test]
fn no_overload_precedes_the_function_in_a_schema_of_its_own() {
    let said = trap("vetassist_session_active");
    let mut victim = Victim::start(&[]);
    victim.db.batch_execute("CREATE SCHEMA vet; CREATE EXTENSION vetassist SCHEMA vet; SELECT vet.vetassist_grant('app', 'app'), vet.vetassist_grant('mallory', 'app')").unwrap();
    for attack in [
        "CREATE FUNCTION vet.vetassist_session_active(varchar) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
        "CREATE TABLE vet.mine (x int)",
        "CREATE TYPE vet.text AS (x int)",
        "CREATE OPERATOR vet.= (LEFTARG = text, RIGHTARG = varchar, FUNCTION = texteq)",
    ] {
        assert_eq!(victim.run(MALLORY, attack).expect_err(attack).state, "42501", "{attack}");
    }
    // A caller that writes the schema does not find functions in other schemas, whatever type the driver sends.
    victim.must(MALLORY, &format!("CREATE FUNCTION public.vetassist_session_active(varchar) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN {said} RETURN true; END $$"));
    let mut app = victim.connect("app");
    for kind in ["varchar", "text", "bpchar", "name"] {
        let row = app
            .query_one(&format!("SELECT vet.vetassist_session_active('none'::{kind})"), &[])
            .unwrap();
        assert!(!row.get::<_, bool>(0), "{kind}");
    }
    assert_eq!(victim.trapped(), Vec::<String>::new());
}
