//! Tests functions, operators and types with the names of vetassist's and PostgreSQL's, for every type that casts to the
//! right one: none of them is called, whenever they were created.

use postgres::Client;
use vetassist_server_tests::column_of;

use super::{look_alike, plant, reference, trap, Function, Refused, Victim, MALLORY, TIERS};

/// Returns the types that PostgreSQL casts implicitly to or from this one, and the pseudo-types.
fn castable_types(db: &mut Client, kind: &str) -> Vec<String> {
    let mut found = column_of(
        db,
        &format!(
            "SELECT DISTINCT t.typname::text FROM pg_cast c JOIN pg_type t ON t.oid IN (c.castsource, c.casttarget)
             WHERE '{kind}'::regtype IN (c.castsource, c.casttarget) AND c.castcontext IN ('i', 'a') AND t.typname <> '{kind}'
               AND t.typtype = 'b'"
        ),
    );
    found.extend(["anyelement".to_owned(), format!("public.of_{kind}")]);
    if kind.starts_with('_') {
        found.push("anyarray".to_owned());
    }
    found
}

/// Returns overloads of vetassist's functions, with each argument of another type, and with variadic arguments. (One more
/// argument with a default makes every call ambiguous, so the call fails and no function runs.)
fn functions(reference: &mut Client) -> Vec<String> {
    let mut statements = Vec::new();
    for kind in column_of(reference, "SELECT DISTINCT typname::text FROM pg_type WHERE typname IN ('text', 'uuid', 'bytea', 'jsonb', 'inet', 'interval', 'timestamptz', 'int4', 'int8', 'bool', 'regrole')") {
        statements.push(format!("CREATE DOMAIN public.of_{kind} AS pg_catalog.{kind}"));
    }
    for function in Function::all(reference) {
        let Function { name, is_procedure, arguments, result } = &function;
        for (index, kind) in arguments.iter().enumerate() {
            for other in castable_types(reference, kind) {
                let mut changed = arguments.clone();
                changed[index] = other;
                statements.push(look_alike(
                    "public",
                    name,
                    &changed.join(", "),
                    result,
                    *is_procedure,
                ));
                // All arguments of the type change.
                let all: Vec<_> = arguments
                    .iter()
                    .map(|argument| if argument == kind { &changed[index] } else { argument })
                    .map(String::as_str)
                    .collect();
                statements.push(look_alike("public", name, &all.join(", "), result, *is_procedure));
            }
        }
        if let Some((last, first)) =
            arguments.split_last().filter(|(last, _)| !last.starts_with('_'))
        {
            let many = [first, &[format!("VARIADIC {last}[]")]].concat();
            statements.push(look_alike("public", name, &many.join(", "), result, *is_procedure));
        }
        // A cast to a type looks like a call of a function with one argument.
        statements.push(format!("CREATE DOMAIN public.{name} AS pg_catalog.text"));
    }
    statements
}

/// Returns overloads of the PostgreSQL functions that vetassist's functions call.
fn catalog_functions(reference: &mut Client) -> Vec<String> {
    let mut statements = Vec::new();
    let called = "SELECT DISTINCT p.proname::text, ARRAY(SELECT typname::text FROM unnest(p.proargtypes) WITH ORDINALITY AS a (t, n)
                      JOIN pg_type ON pg_type.oid = a.t ORDER BY n), format_type(p.prorettype, NULL), p.proretset
         FROM pg_proc p
         WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f' AND p.pronargs < 5
           AND (p.proname IN ('gen_random_uuid', 'now', 'to_char', 'statement_timestamp', 'quote_ident', 'jsonb_build_object')
                OR p.proname IN (SELECT m[1] FROM pg_proc o, regexp_matches(o.prosrc, '([a-z_0-9]+)\\(', 'g') AS m WHERE o.proname LIKE 'vetassist%'))";
    let rows = reference.query(called, &[]).unwrap();
    assert!(rows.len() > 40, "{}", rows.len());
    for row in &rows {
        let (name, arguments): (String, Vec<String>) = (row.get(0), row.get(1));
        let result: String = row.get(2);
        let result = if row.get(3) { format!("SETOF {result}") } else { result };
        statements.push(look_alike("public", &name, &arguments.join(", "), &result, false));
        for other in ["varchar", "name", "text", "anyelement"] {
            let changed: Vec<_> = arguments
                .iter()
                .map(|argument| match argument.as_str() {
                    "text" | "any" | "anyelement" => other,
                    same => same,
                })
                .collect();
            statements.push(look_alike("public", &name, &changed.join(", "), &result, false));
        }
    }
    for kind in ["text", "jsonb", "uuid", "bytea", "inet", "regclass", "regrole", "name", "oid"] {
        statements.push(format!("CREATE DOMAIN public.{kind} AS pg_catalog.varchar"));
    }
    statements.push(look_alike("public", "step", "int8", "int8", false));
    statements.push("CREATE AGGREGATE public.count(*) (SFUNC = public.step, STYPE = pg_catalog.int8, INITCOND = '0')".into());
    statements
}

/// Returns operators that match the types of vetassist's arguments better than PostgreSQL's do.
fn operators(reference: &mut Client) -> Vec<String> {
    let rows = reference
        .query(
            "WITH types AS (
                 SELECT oid, typname FROM pg_type WHERE typname IN ('text', 'varchar', 'name', 'bpchar', 'uuid', 'bytea', 'jsonb',
                     'timestamptz', 'timestamp', 'date', 'interval', 'int2', 'int4', 'int8', 'numeric', 'float8', 'bool', 'inet',
                     'oid', 'regclass', '_text', '_uuid', '_oid')),
             casts AS (
                 SELECT oid AS source, oid AS target FROM types
                 UNION SELECT c.castsource, c.casttarget FROM pg_cast c WHERE c.castcontext = 'i')
             SELECT DISTINCT o.oprname::text, l.typname::text, r.typname::text
             FROM pg_operator o JOIN casts cl ON cl.target = o.oprleft JOIN casts cr ON cr.target = o.oprright
             JOIN types l ON l.oid = cl.source JOIN types r ON r.oid = cr.source
             WHERE o.oprname IN ('=', '<>', '<', '>', '<=', '>=', '||', '->', '->>', '#>>', '~', '~~', '-', '+', '*', '/', '?', '@>')",
            &[],
        )
        .unwrap();
    assert!(rows.len() > 500, "{}", rows.len());
    let mut statements = Vec::new();
    for row in &rows {
        let [name, left, right]: [String; 3] = [row.get(0), row.get(1), row.get(2)];
        let arguments = format!("pg_catalog.{left}, pg_catalog.{right}");
        let result = match name.as_str() {
            "||" | "->>" | "#>>" => "pg_catalog.text",
            "->" => "pg_catalog.jsonb",
            "-" | "+" | "*" | "/" => "pg_catalog.timestamptz",
            _ => "pg_catalog.bool",
        };
        let said = trap(&format!("{left} {name} {right}"));
        let function = format!("op_{}", statements.len());
        statements.push(format!(
            "CREATE FUNCTION public.{function}({arguments}) RETURNS {result} LANGUAGE plpgsql AS $body$ BEGIN {said} RETURN NULL; END $body$"
        ));
        statements.push(format!(
            "CREATE OPERATOR public.{name} (LEFTARG = pg_catalog.{left}, RIGHTARG = pg_catalog.{right}, FUNCTION = public.{function})"
        ));
    }
    statements
}

/// Creates all of them, as the owner of the database.
fn plant_all(victim: &Victim, reference: &mut Client) {
    let mut mallory = victim.connect(MALLORY);
    assert!(plant(&mut mallory, &operators(reference)) > 1000);
    assert!(plant(&mut mallory, &catalog_functions(reference)) > 100);
    // The search path keeps the types of the new functions from being found in public.
    mallory.batch_execute("SET search_path = pg_catalog").unwrap();
    assert!(plant(&mut mallory, &functions(reference)) > 200);
}

/// Calls every function as each role, with and without the privilege, on data that gives every function work.
fn call_everything(victim: &mut Victim, reference: &mut Client) {
    let calls: Vec<(bool, String)> = Function::all(reference)
        .iter()
        .map(|function| (function.is_procedure, function.call(reference)))
        .collect();
    // The data has tokens of the second key, and plain hashes.
    let old_key =
        "pg_catalog.decode(pg_catalog.repeat('11'::pg_catalog.text, 32), 'hex'::pg_catalog.text)";
    victim
        .db
        .batch_execute(&format!(
            "SET search_path = pg_catalog;
             INSERT INTO public.vetassist_users (va_icn) VALUES ('old'), ('erased');
             INSERT INTO public.vetassist_va_tokens (user_id, access_token_encrypted, refresh_token_encrypted, expires_at)
             SELECT id, public.vetassist_encrypt('access'::text, public.vetassist_derive_user_key({old_key}, id), ''::bytea),
                    public.vetassist_encrypt('refresh'::text, public.vetassist_derive_user_key({old_key}, id), ''::bytea), now()
             FROM public.vetassist_users WHERE va_icn = 'old';
             INSERT INTO public.vetassist_sessions (user_id, jwt_id, device_info, expires_at)
             SELECT id, 'old', jsonb_build_object('ip_hash', public.vetassist_hash_ip('203.0.113.9'::inet)), now() - interval '1 year' FROM public.vetassist_users WHERE va_icn = 'old';
             INSERT INTO public.vetassist_auth_audit (event_type, ip_hash) VALUES ('old', public.vetassist_hash_ip('203.0.113.8'::inet));
             INSERT INTO public.vetassist_auth_audit (event_type, created_at) VALUES ('older', now() - interval '3 years');"
        ))
        .unwrap();
    let mut succeeded = 0;
    for role in ["postgres", "app", "auditor", "admin", MALLORY] {
        for path in ["pg_catalog", "public, pg_catalog"] {
            let mut db = victim.connect(role);
            db.batch_execute(&format!("SET search_path = {path}")).unwrap();
            for (is_procedure, call) in &calls {
                let outcome = if *is_procedure {
                    db.batch_execute(call)
                } else {
                    let outcome = db.batch_execute(&format!("BEGIN; {call}"));
                    db.batch_execute("ROLLBACK").unwrap();
                    outcome
                };
                succeeded += usize::from(outcome.is_ok());
            }
        }
    }
    assert!(succeeded > 150, "only {succeeded} calls succeeded");
    for (role, call) in [
        ("app", "SELECT * FROM public.vetassist_login('1012667145V762142'::pg_catalog.text, 'access'::pg_catalog.text, '2100-01-01'::pg_catalog.timestamptz,
             'jti'::pg_catalog.text, '2100-01-01'::pg_catalog.timestamptz, 'refresh'::pg_catalog.text, 'confirmed'::pg_catalog.text, 'a@example.com'::pg_catalog.text,
             'Tamara'::pg_catalog.text, 'Ellis'::pg_catalog.text, 'Bearer'::pg_catalog.text, 'openid'::pg_catalog.text,
             '{\"os\": [{\"ip\": \"203.0.113.7\"}]}'::pg_catalog.jsonb, '203.0.113.7'::pg_catalog.inet)"),
        ("app", "SELECT public.vetassist_log_event('x'::pg_catalog.text, NULL::pg_catalog.uuid, '{\"a\": [1, \"b\"]}'::pg_catalog.jsonb, '203.0.113.6'::pg_catalog.inet)"),
        ("app", "SELECT public.vetassist_session_active('jti'::pg_catalog.text)"),
        ("postgres", "SELECT public.vetassist_access_token(u.id), public.vetassist_refresh_token(u.id) FROM public.vetassist_users AS u"),
        ("postgres", "SELECT public.vetassist_erase_user(u.id) FROM public.vetassist_users AS u WHERE u.va_icn OPERATOR(pg_catalog.=) 'erased'::pg_catalog.text"),
        ("admin", "CALL public.vetassist_rotate_tokens(10::pg_catalog.int4)"),
        ("admin", "SELECT * FROM public.vetassist_rotation_status()"),
        ("admin", "CALL public.vetassist_upgrade_ip_hashes(10::pg_catalog.int4)"),
        ("admin", "SELECT public.vetassist_purge_audit('2 years'::pg_catalog.interval, 10::pg_catalog.int4)"),
        ("admin", "SELECT public.vetassist_purge_sessions('1 day'::pg_catalog.interval, 10::pg_catalog.int4)"),
        ("admin", "SELECT * FROM public.vetassist_check_schema()"),
    ] {
        // The first call has work to do. The second has none.
        for path in ["public, pg_catalog", "pg_catalog"] {
            let mut db = victim.connect(role);
            db.batch_execute(&format!("SET search_path = {path}")).unwrap();
            if let Err(error) = db.batch_execute(call) {
                let Refused { state, text } = Refused::of(&error);
                let is_second = call.contains("login") && state == "23505";
                assert!(is_second, "{call}: {state} {text}, trapped {:?}", victim.trapped());
            }
        }
    }
}

/// Installs or updates the extension next to the attacker's objects. The installation may be refused if the error names
/// functions with vetassist's names. They are then dropped, and created again afterwards.
fn install(victim: &mut Victim, reference: &mut Client, installs: &str) {
    victim.db.batch_execute("SET search_path = pg_catalog").unwrap();
    if let Err(error) = victim.db.batch_execute(installs) {
        let Refused { state, text } = Refused::of(&error);
        assert!(
            state == "55000" && text.contains("vetassist_login(") && text.contains(MALLORY),
            "{state} {text}"
        );
        victim.must(
            MALLORY,
            "SET search_path = pg_catalog; DO $$ DECLARE r text; BEGIN
                 FOR r IN SELECT p.oid::regprocedure FROM pg_proc p WHERE proname LIKE 'vetassist%' AND proowner = 'mallory'::regrole LOOP EXECUTE 'DROP ROUTINE ' || r; END LOOP;
                 FOR r IN SELECT t.oid::regtype FROM pg_type t WHERE typname LIKE 'vetassist%' AND typowner = 'mallory'::regrole AND typtype = 'd' LOOP EXECUTE 'DROP DOMAIN ' || r; END LOOP;
             END $$",
        );
        victim.db.batch_execute(installs).unwrap();
    }
    for tier in TIERS {
        let grant = format!("SELECT public.vetassist_grant('{tier}'::pg_catalog.regrole, '{tier}'::pg_catalog.text)");
        victim.db.batch_execute(&grant).unwrap();
    }
    plant(&mut victim.connect(MALLORY), &functions(reference));
}

/// Asserts that no trap was called, and that the check finds nothing.
fn assert_no_trap_was_called(victim: &mut Victim) {
    assert_eq!(victim.trapped(), Vec::<String>::new());
    let row =
        // The check also shows the privileges that this test granted.
        victim.db.query_one("SELECT pg_catalog.count(*) FROM public.vetassist_check_schema() WHERE problem <> 'rights of auditor'", &[]);
    assert_eq!(row.unwrap().get::<_, i64>(0), 0);
}

#[test]
#[ignore = "takes seconds"]
fn the_attackers_functions_log_their_calls() {
    // Without working traps the other tests would prove nothing.
    let mut victim = Victim::start(&[]);
    let mut reference = reference(&victim);
    plant_all(&victim, &mut reference);
    let asked = "SET search_path = public, pg_catalog; SELECT 'a'::pg_catalog.varchar = 'a'::pg_catalog.varchar, public.now()";
    victim.db.batch_execute(asked).unwrap();
    victim
        .db
        .batch_execute("SELECT public.vetassist_upgrade_ip_hash('a'::pg_catalog.varchar)")
        .unwrap();
    assert_eq!(
        victim.trapped(),
        [
            "now() as postgres",
            "varchar = varchar as postgres",
            "vetassist_upgrade_ip_hash(varchar) as postgres",
        ]
    );
}

#[test]
#[ignore = "takes seconds"]
fn overloads_from_before_the_installation_are_not_called() {
    let mut victim = Victim::start(&[("vetassist.ip_hash", "keyed")]);
    let mut reference = reference(&victim);
    plant_all(&victim, &mut reference);
    install(&mut victim, &mut reference, "CREATE EXTENSION vetassist SCHEMA public");
    call_everything(&mut victim, &mut reference);
    assert_no_trap_was_called(&mut victim);
    // The same with adopted tables.
    let detach =
        Function::all(&mut reference).into_iter().find(|f| f.name == "vetassist_detach").unwrap();
    victim
        .db
        .batch_execute(&format!("{}; DROP EXTENSION vetassist", detach.call(&mut reference)))
        .unwrap();
    install(&mut victim, &mut reference, "CREATE EXTENSION vetassist SCHEMA public");
    assert_no_trap_was_called(&mut victim);
}

#[test]
#[ignore = "takes seconds"]
fn overloads_from_before_an_update_are_not_called() {
    for version in ["0.1.0", "0.2.0"] {
        let mut victim = Victim::start(&[("vetassist.ip_hash", "keyed")]);
        let mut reference = reference(&victim);
        victim
            .db
            .batch_execute(&format!("CREATE EXTENSION vetassist VERSION '{version}'"))
            .unwrap();
        plant_all(&victim, &mut reference);
        install(&mut victim, &mut reference, "ALTER EXTENSION vetassist UPDATE");
        call_everything(&mut victim, &mut reference);
        assert_no_trap_was_called(&mut victim);
    }
}

#[test]
#[ignore = "takes seconds"]
fn overloads_from_after_the_installation_are_not_called() {
    let mut victim = Victim::installed(&[("vetassist.ip_hash", "keyed")]);
    let mut reference = reference(&victim);
    plant_all(&victim, &mut reference);
    call_everything(&mut victim, &mut reference);
    assert_no_trap_was_called(&mut victim);
}
