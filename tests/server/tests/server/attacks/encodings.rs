//! Tests databases in other encodings than UTF-8: no text causes an internal error.

use postgres::Client;

use super::{harmless, Function, Refused, Victim};

/// Texts with characters that are not ASCII, in the encoding of the database.
const TEXTS: [&str; 5] = [
    "convert_from('\\xe9'::bytea, getdatabaseencoding())",
    "repeat(convert_from('\\xe9ff'::bytea, getdatabaseencoding()), 40)",
    "convert_from('\\x80'::bytea, getdatabaseencoding())",
    "convert_from('\\xc3a9'::bytea, getdatabaseencoding())",
    "convert_from('\\xf09fa685c328'::bytea, getdatabaseencoding())",
];

/// Calls every function with each of these texts as each argument that takes text.
fn call_with_texts(db: &mut Client) -> usize {
    let mut calls = 0;
    for function in Function::all(db) {
        for (place, kind) in function.arguments.iter().enumerate() {
            for text in TEXTS {
                let value = match kind.as_str() {
                    "text" => format!("({text})"),
                    "jsonb" => format!(
                        "jsonb_build_object({text}, jsonb_build_array({text}), 'ip', {text})"
                    ),
                    "_text" => format!("ARRAY[{text}]"),
                    "bytea" => format!("({text})::text::bytea"),
                    _ => continue,
                };
                let arguments: Vec<String> = function
                    .arguments
                    .iter()
                    .enumerate()
                    .map(|(index, kind)| {
                        let value = if index == place { &value } else { harmless(kind) };
                        format!("({value})::{kind}")
                    })
                    .collect();
                let verb = if function.is_procedure { "CALL" } else { "SELECT * FROM" };
                let call = format!("{verb} {}({})", function.name, arguments.join(", "));
                let _ = db.batch_execute("ROLLBACK");
                db.batch_execute("BEGIN").unwrap();
                let outcome = db.batch_execute(&call);
                db.batch_execute("ROLLBACK").unwrap();
                calls += 1;
                if let Err(error) = outcome {
                    let Refused { state, text } = Refused::of(&error);
                    assert!(!state.starts_with("XX") && state != "none", "{call}: {state} {text}");
                    assert!(
                        !text.contains("stack")
                            && !text.contains("panick")
                            && !text.contains(".rs:"),
                        "{call}: {text}"
                    );
                }
            }
        }
    }
    calls
}

#[test]
#[ignore = "takes seconds"]
fn no_text_in_any_encoding_causes_an_internal_error() {
    let victim = Victim::start(&[("vetassist.ip_hash", "keyed")]);
    for (encoding, locale) in [
        ("LATIN1", "C"),
        ("SQL_ASCII", "C"),
        ("WIN1252", "C"),
        ("EUC_JP", "C"),
        ("UTF8", "C.UTF-8"),
    ] {
        let mut admin = victim.server.connect_to("postgres");
        admin
            .batch_execute(&format!("CREATE DATABASE encoded_{encoding} ENCODING '{encoding}' LC_COLLATE '{locale}' LC_CTYPE '{locale}' TEMPLATE template0"))
            .unwrap();
        let mut db = victim.server.connect_to(&format!("encoded_{}", encoding.to_lowercase()));
        db.batch_execute("CREATE EXTENSION vetassist").unwrap();
        assert!(call_with_texts(&mut db) > 100);
        // Characters of the encoding are stored and returned unchanged.
        for (of, text) in [("LATIN1", TEXTS[0]), ("WIN1252", TEXTS[2]), ("SQL_ASCII", TEXTS[3])] {
            if encoding != of {
                continue;
            }
            db.batch_execute(&format!("SELECT vetassist_login('ICN', 'access', now() + '1 h', 'jti', now() + '1 h', first_name => {text}, device_info => jsonb_build_object('agent', {text}, 'ip', '203.0.113.7'), ip => '203.0.113.7')"))
                .unwrap();
            db.batch_execute(&format!(
                "SELECT vetassist_log_event('x', NULL, jsonb_build_object('note', {text}))"
            ))
            .unwrap();
            let kept = "SELECT count(*) FROM vetassist_sessions WHERE device_info ->> 'agent' = (SELECT first_name FROM vetassist_users) AND device_info::text !~ '203.0.113.7'";
            assert_eq!(db.query_one(kept, &[]).unwrap().get::<_, i64>(0), 1, "{encoding}");
        }
    }
}
