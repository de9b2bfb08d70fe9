//! Tests existing objects with names that the extension needs: the error names them, and no half installation stays.

use postgres::Client;
use vetassist_server_tests::column_of;

use super::{reference, Function, Refused, Victim, MALLORY};

/// Returns statements that create other objects with the name of a relation.
fn statements_that_take_the_name(name: &str) -> [String; 7] {
    [
        format!("CREATE TABLE public.{name} (x int)"),
        format!("CREATE VIEW public.{name} AS SELECT 1 AS x"),
        format!("CREATE MATERIALIZED VIEW public.{name} AS SELECT 1 AS x"),
        format!("CREATE SEQUENCE public.{name}"),
        format!("CREATE TYPE public.{name} AS (x int)"),
        format!("CREATE TABLE public.other (x int); CREATE INDEX {name} ON public.other (x)"),
        format!("CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE public.{name} (x int) SERVER s"),
    ]
}

#[test]
#[ignore = "takes seconds"]
fn an_existing_relation_with_a_needed_name_is_named_or_harmless() {
    let mut victim = Victim::start(&[]);
    let mut reference = reference(&victim);
    let inventory = inventory(&mut reference);
    let names = column_of(&mut reference, "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname LIKE '%vetassist%' ORDER BY 1");
    assert!(names.len() > 12, "{names:?}");
    let mut wrong = Vec::new();
    for name in names {
        for taker in statements_that_take_the_name(&name) {
            // The attacker creates the object, or a superuser if that is needed.
            for role in [MALLORY, "postgres"] {
                let mut lacking = Vec::new();
                let outcome = victim.with_planted(role, &taker, "CREATE EXTENSION vetassist", |db| {
                    let rows = db.query("SELECT object || ' ' || problem FROM vetassist_check_schema()", &[]).unwrap();
                    lacking.extend(rows.iter().map(|row| row.get::<_, String>(0)));
                    let members = "SELECT pg_describe_object(classid, objid, objsubid) FROM pg_depend WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
                                   AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'vetassist')";
                    let members: Vec<String> = db.query(members, &[]).unwrap().iter().map(|row| row.get(0)).collect();
                    lacking.extend(inventory.iter().filter(|object| !members.contains(object)).cloned());
                });
                match outcome {
                    None => continue,
                    Some(Err(Refused { text, .. })) if text.contains(&name) => {}
                    Some(Ok(())) if lacking.is_empty() => {}
                    other => wrong.push(format!("{role}: {taker}: {other:?} {lacking:?}")),
                }
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Returns the members of an extension, by name.
fn inventory(db: &mut Client) -> Vec<String> {
    column_of(
        db,
        "SELECT pg_describe_object(classid, objid, objsubid) FROM pg_depend WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
         AND classid <> 'pg_type'::regclass AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'vetassist')",
    )
}

#[test]
#[ignore = "takes seconds"]
fn an_existing_function_with_a_needed_signature_is_named() {
    let mut victim = Victim::start(&[]);
    let mut reference = reference(&victim);
    let functions = Function::all(&mut reference);
    let triggers = column_of(&mut reference, "SELECT proname::text FROM pg_proc WHERE proname LIKE 'vetassist%' AND prorettype IN ('trigger'::regtype, 'event_trigger'::regtype)");
    let plain = functions.iter().map(|f| (f.name.clone(), f.arguments.join(", ")));
    let all: Vec<_> = plain.chain(triggers.into_iter().map(|name| (name, String::new()))).collect();
    let mut wrong = Vec::new();
    for before in ["", "CREATE EXTENSION vetassist VERSION '0.2.0'"] {
        victim.db.batch_execute(before).unwrap();
        let installs = if before.is_empty() {
            "CREATE EXTENSION vetassist"
        } else {
            "ALTER EXTENSION vetassist UPDATE"
        };
        for (name, arguments) in &all {
            for planted in [
                format!("CREATE FUNCTION public.{name}({arguments}) RETURNS text LANGUAGE sql AS 'SELECT NULL::text'"),
                format!("CREATE PROCEDURE public.{name}({arguments}) LANGUAGE sql AS ''"),
            ] {
                match victim.with_planted(MALLORY, &planted, installs, |_| ()) {
                    // The old version has this function.
                    None => {}
                    Some(Err(Refused { text, .. })) if text.contains(name) => {}
                    other => wrong.push(format!("{planted}: {other:?}")),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    // The old version still works.
    victim
        .db
        .batch_execute("SELECT vetassist_login('ICN', 'access', now(), 'jti', now())")
        .unwrap();
}

#[test]
#[ignore = "takes seconds"]
fn overloads_of_the_attacker_do_not_prevent_granting() {
    for before in [true, false] {
        let mut victim = Victim::start(&[]);
        let mut reference = reference(&victim);
        let mut functions = Function::all(&mut reference);
        functions.dedup_by(|a, b| a.name == b.name);
        let overloads: String = functions
            .iter()
            .map(|f| {
                let verb =
                    if f.is_procedure { ("PROCEDURE", "") } else { ("FUNCTION", "RETURNS int") };
                format!(
                    "CREATE {} public.{}(pg_catalog.point) {} LANGUAGE sql AS 'SELECT 1';\n",
                    verb.0, f.name, verb.1
                )
            })
            .collect();
        if before {
            victim.must(MALLORY, &overloads);
        }
        if let Err(error) = victim.db.batch_execute("CREATE EXTENSION vetassist") {
            // The installation may be refused if the error names the functions.
            let Refused { state, text } = Refused::of(&error);
            let is_named = functions.iter().all(|function| text.contains(&function.name));
            assert!(before && state == "55000" && is_named, "{state} {text}");
            continue;
        }
        if !before {
            victim.must(MALLORY, &overloads);
        }
        victim.grant_tiers();
        for (role, call) in [
            ("app", "SELECT vetassist_login('ICN', 'access', now(), 'jti', now())"),
            ("app", "SELECT vetassist_session_active('jti'::text)"),
            ("admin", "CALL vetassist_rotate_tokens(10)"),
            ("auditor", "SELECT * FROM vetassist_users_masked()"),
        ] {
            victim.must(role, call);
            victim.must("postgres", &format!("SELECT vetassist_revoke('{role}'::regrole)"));
            assert_eq!(victim.run(role, call).expect_err(call).state, "42501");
            victim.must(
                "postgres",
                &format!("SELECT vetassist_grant('{role}'::regrole, '{role}'::text)"),
            );
        }
        // No function of the attacker was granted.
        assert_eq!(victim.count("SELECT count(*) FROM pg_proc WHERE proname LIKE 'vetassist%' AND pg_get_userbyid(proowner) = 'mallory' AND proacl IS NOT NULL"), 0);
    }
}

#[test]
fn an_existing_event_trigger_with_a_needed_name_is_named() {
    let mut victim = Victim::start(&[]);
    let mut reference = reference(&victim);
    for name in column_of(&mut reference, "SELECT evtname::text FROM pg_event_trigger") {
        victim.empty();
        victim
            .db
            .batch_execute(&format!(
                "CREATE FUNCTION public.f() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
                 CREATE EVENT TRIGGER {name} ON ddl_command_end EXECUTE FUNCTION public.f()"
            ))
            .unwrap();
        let Refused { text, .. } =
            Refused::of(&victim.db.batch_execute("CREATE EXTENSION vetassist").unwrap_err());
        assert!(text.contains(&name), "{text}");
    }
}
