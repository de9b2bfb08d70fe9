//! Calls every function with extreme arguments: the backend keeps running, and no error is one that means a defect.

use std::collections::BTreeMap;

use vetassist_server_tests::{column_of, sqlstate, KeyedServer};

/// Returns values of a type. The first is harmless, the others are extreme.
pub(crate) fn values(kind: &str) -> &'static [&'static str] {
    match kind {
        "text" => &[
            "'203.0.113.7'",
            "''",
            "repeat('x', 3000000)",
            "E'\\x01\\u00ff\\u2028'",
            "'fec52565aa0cf18f57d7cf5b3ac728503b8992d2d6f7d46da1d1201090902b02'",
            "'%s%n''; --'",
        ],
        "bytea" => &[
            "sha256('k')",
            "''",
            "'\\x00'",
            "decode(repeat('ff', 28), 'hex')",
            "decode(repeat('00', 3000000), 'hex')",
        ],
        "uuid" => &[
            "'1266421b-a944-46cc-bc26-e3e89453b8cd'",
            "'00000000-0000-0000-0000-000000000000'",
            "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
        ],
        "inet" => &[
            "'203.0.113.7'",
            "'0.0.0.0/0'",
            "'::ffff:203.0.113.7'",
            "'::/0'",
            "'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'",
        ],
        "timestamp with time zone" => {
            &["now()", "'infinity'", "'-infinity'", "'4714-11-24 BC'", "'294276-12-31'"]
        }
        "interval" => &[
            "'1 day'",
            "'0'",
            "'-1 s'",
            "'178000000 years'",
            "'-178000000 years'",
            "'2147483647 months 2147483647 days'",
        ],
        "jsonb" => &[
            "'{\"a\": 1}'",
            "'null'",
            "'[]'",
            "'\"\\u0001\"'",
            "('[' || repeat('[', 3000) || repeat(']', 3000) || ']')::jsonb",
            "jsonb_build_object('ip', repeat('1', 100000), repeat('k', 100000), 1e-300)",
            "jsonb_build_object(repeat('eyJ', 300000), repeat('eyJ', 1000000), repeat('t-', 500000), '')",
        ],
        "integer" => &["1", "0", "-1", "2147483647", "-2147483648"],
        "bigint" => &["1", "0", "-9223372036854775808", "9223372036854775807"],
        "boolean" => &["true", "false"],
        "regrole" => &["'postgres'", "0", "4294967295"],
        "regclass" => &["'vetassist_users'", "'pg_class'", "0", "4294967295"],
        "text[]" => &["'{a}'", "'{}'", "'{NULL,\"\"}'", "array_fill('x'::text, ARRAY[3, 3])"],
        "bigint[]" | "int8[]" => &["'{1}'", "'{}'", "'{NULL}'", "array_fill(1::bigint, ARRAY[3, 3])"],
        "uuid[]" => &["'{1266421b-a944-46cc-bc26-e3e89453b8cd}'", "'{}'", "'{NULL}'"],
        "bytea[]" => &["ARRAY[sha256('k')]", "'{}'", "'{NULL}'", "array_fill(''::bytea, ARRAY[3, 3])"],
        "name" => &["'a'", "''"],
        "record" | "" => &[],
        other => panic!("the test has no values of the type {other}"),
    }
}

#[test]
#[ignore = "takes seconds"]
fn no_argument_crashes_a_backend() {
    let mut server = KeyedServer::filled(&[]);
    let db = &mut server.db;
    let functions = column_of(
        db,
        "SELECT CASE prokind WHEN 'p' THEN 'CALL ' ELSE 'SELECT ' END || p.oid::regproc || '|' ||
                coalesce((SELECT string_agg(format_type(t, NULL), ',' ORDER BY n) FROM unnest(proargtypes) WITH ORDINALITY AS a (t, n)), '')
         FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid AND d.classid = 'pg_proc'::regclass
         WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'vetassist')
           AND prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
         ORDER BY 1",
    );
    assert!(functions.len() > 40, "{functions:?}");
    let pid = |db: &mut postgres::Client| -> i32 {
        db.query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0)
    };
    let before = pid(db);
    let mut answers: BTreeMap<String, u32> = BTreeMap::new();
    for function in &functions {
        let (call, types) = function.split_once('|').unwrap();
        let types: Vec<&str> = types.split(',').filter(|kind| !kind.is_empty()).collect();
        let with = |changed: usize, value: &str| {
            let arguments: Vec<_> = types
                .iter()
                .enumerate()
                .map(|(index, kind)| {
                    let value = if index == changed { value } else { values(kind)[0] };
                    format!("({value})::{kind}")
                })
                .collect();
            format!("{call}({})", arguments.join(", "))
        };
        let mut calls = vec![with(types.len(), "")];
        for (index, kind) in types.iter().enumerate() {
            calls.push(with(index, "NULL"));
            calls.extend(values(kind)[1..].iter().map(|value| with(index, value)));
        }
        for call in calls {
            db.batch_execute("BEGIN; SET LOCAL statement_timeout = '20s'").unwrap();
            let state = match db.simple_query(&call) {
                Ok(_) => "ok".to_owned(),
                Err(error) => {
                    let state = sqlstate(&error).to_owned();
                    assert!(!error.is_closed() && state != "none", "{call}: {error:?}");
                    // These are internal errors, timeouts and calls of undefined functions.
                    assert!(
                        !state.starts_with("XX") && !["57014", "42883"].contains(&&*state),
                        "{call}: {error:?}"
                    );
                    state
                }
            };
            *answers.entry(state).or_default() += 1;
            db.batch_execute("ROLLBACK").unwrap();
        }
    }
    assert_eq!(pid(db), before);
    assert!(answers["ok"] > 50 && answers["22023"] > 5, "{answers:?}");
    assert!(!server.log().contains("PANIC:"));
}
