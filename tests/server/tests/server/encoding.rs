//! Tests that sealed text is UTF-8, whatever the encoding of the database is.

use vetassist_server_tests::{column_of, database_with, hex_key, sqlstate, Server};

const KEY: &str = "decode(repeat('07', 32), 'hex')";

#[test]
fn latin1_text_is_sealed_as_utf8() {
    let mut db = database_with("ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
    let row = db
        .query_one(
            &format!(
                "SELECT encode(vetassist_decrypt(vetassist_encrypt('h\u{e9}'::text, {KEY}), {KEY}), 'hex'),
                        vetassist_decrypt_text(vetassist_encrypt('h\u{e9}'::text, {KEY}), {KEY}),
                        vetassist_decrypt_token(vetassist_encrypt_token('h\u{e9}', u), u)
                 FROM gen_random_uuid() AS u"
            ),
            &[],
        )
        .unwrap();
    assert_eq!(row.get::<_, &str>(0), "68c3a9");
    assert_eq!(row.get::<_, &str>(1), "h\u{e9}");
    assert_eq!(row.get::<_, &str>(2), "h\u{e9}");

    // A euro sign is text, but not in Latin 1. PostgreSQL's own error would quote its bytes.
    let error = db
        .simple_query(&format!(
            "SELECT vetassist_decrypt_text(vetassist_encrypt('\\xe282ac'::bytea, {KEY}), {KEY})"
        ))
        .unwrap_err();
    assert_eq!(sqlstate(&error), "22P05");
    assert!(!format!("{error:?}").contains("0xe2"), "{error:?}");
}

#[test]
fn invalid_text_in_sql_ascii_is_refused_and_not_quoted() {
    let mut db = database_with("ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0");
    let row = db
        .query_one(
            &format!(
                "SELECT vetassist_decrypt_text(vetassist_encrypt('plain'::text, {KEY}), {KEY})"
            ),
            &[],
        )
        .unwrap();
    assert_eq!(row.get::<_, &str>(0), "plain");
    let error = db
        .simple_query(&format!(
            "SELECT vetassist_encrypt(convert_from('\\xff41', 'SQL_ASCII'), {KEY})"
        ))
        .unwrap_err();
    assert_eq!(sqlstate(&error), "22P05");
    assert!(!format!("{error:?}").contains("0xff"), "{error:?}");
}

/// Tests a schema, roles, comments, errors and values that are not ASCII.
#[test]
#[ignore = "takes seconds"]
fn names_and_values_that_are_not_ascii_are_stored_and_returned() {
    // The test needs its own server, because databases of all encodings share the names of roles.
    let server = Server::start(&[], &[("VETASSIST_MASTER_KEY", &hex_key(0x22))]);
    for (encoding, locale) in [("UTF8", "C.UTF-8"), ("LATIN1", "C")] {
        let is_utf8 = encoding == "UTF8";
        server
            .connect_to("postgres")
            .batch_execute(&format!(
                "CREATE DATABASE {encoding} ENCODING '{encoding}' LOCALE '{locale}' TEMPLATE template0"
            ))
            .unwrap();
        let mut db = server.connect_to(&encoding.to_lowercase());
        db.batch_execute(
            "CREATE SCHEMA \"caf\u{e9} x\"; CREATE EXTENSION vetassist SCHEMA \"caf\u{e9} x\";
             SET search_path = \"caf\u{e9} x\", public;
             CREATE ROLE \"ren\u{e9}\" SUPERUSER",
        )
        .unwrap();
        let found = column_of(&mut db, "SELECT s::text FROM vetassist_check_schema() AS s");
        assert_eq!(found, Vec::<String>::new());
        db.batch_execute(
            "SET SESSION AUTHORIZATION \"ren\u{e9}\";
             SELECT vetassist_login('ICN', 'acc\u{e8}s', now() + '1 h', 'jti', now() + '1 h', 'refra\u{ee}chir',
                                    first_name => 'Ren\u{e9}', device_info => '{\"t\u{e9}l\u{e9}phone\": \"\u{e9}\", \"ip\": \"203.0.113.7\"}');
             SELECT vetassist_log_event('entr\u{e9}e', NULL, '{\"caf\u{e9}\": \"\u{e9}t\u{e9} 203.0.113.8\", \"ip\": \"203.0.113.8\"}');
             SELECT vetassist_purge_audit('2 years')",
        )
        .unwrap();
        for call in ["CALL vetassist_rotate_tokens()", "CALL vetassist_upgrade_ip_hashes()"] {
            db.batch_execute(call).unwrap();
        }
        db.batch_execute("RESET SESSION AUTHORIZATION").unwrap();
        let row = db
            .query_one(
                "SELECT vetassist_session_active('jti'), vetassist_access_token(u.id), vetassist_refresh_token(u.id), u.first_name::text,
                        s.device_info ->> 't\u{e9}l\u{e9}phone', s.device_info ? 'ip_hash',
                        (SELECT a.event_data ->> 'by' FROM vetassist_auth_audit AS a WHERE a.event_type = 'login'),
                        (SELECT (a.event_data -> 'caf\u{e9}')::text FROM vetassist_auth_audit AS a WHERE a.event_type = 'entr\u{e9}e')
                 FROM vetassist_users AS u JOIN vetassist_sessions AS s ON s.user_id = u.id",
                &[],
            )
            .unwrap();
        let text = |column| row.get::<_, &str>(column);
        assert!(row.get::<_, bool>(0) && row.get::<_, bool>(5));
        assert_eq!((text(1), text(2), text(3)), ("acc\u{e8}s", "refra\u{ee}chir", "Ren\u{e9}"));
        assert_eq!((text(4), text(6)), ("\u{e9}", "ren\u{e9}"));
        assert!(text(7).contains("\u{e9}t\u{e9}"), "{}", text(7));
        // The comparison of the tables returns text unchanged.
        db.batch_execute("COMMENT ON TABLE vetassist_users IS 'Comptes des \u{e9}l\u{e8}ves'; ALTER TABLE vetassist_sessions ADD \"\u{e9}t\u{e9}\" text")
            .unwrap();
        let found = column_of(
            &mut db,
            "SELECT object || coalesce(found, '') FROM vetassist_check_schema()",
        );
        assert!(
            found.iter().any(|line| line.contains("Comptes des \u{e9}l\u{e8}ves")),
            "{found:?}"
        );
        assert!(found.iter().any(|line| line.contains("\u{e9}t\u{e9}")), "{found:?}");
        let _ = column_of(&mut db, "SELECT c::text FROM vetassist_check() AS c");
        // Errors name their object. Characters that the encoding lacks are escaped as in JSON.
        for (statement, state, contains) in [
            (
                "SELECT vetassist_log_event('x', NULL, '{\"caf\u{e9}\": {\"password\": \"hunter2\"}}')",
                "22023",
                if is_utf8 { "event_data.caf\u{e9}.password" } else { "event_data.caf\\u00E9.password" },
            ),
            ("SELECT vetassist_upgrade_ip_hash('\u{e9}')", "22023", ""),
            ("DROP EXTENSION vetassist", "2BP01", if is_utf8 { "caf\u{e9}" } else { "caf\\u00E9" }),
            ("DROP SCHEMA \"caf\u{e9} x\" CASCADE", "2BP01", ""),
        ] {
            let error = db.batch_execute(statement).unwrap_err();
            assert_eq!(sqlstate(&error), state, "{statement}: {error:?}");
            assert!(error.as_db_error().unwrap().message().contains(contains), "{error:?}");
        }
        db.batch_execute("RESET ROLE; DROP OWNED BY \"ren\u{e9}\"; DROP ROLE \"ren\u{e9}\"")
            .unwrap();
    }
}

/// A schema with such bytes in its name is refused with an error of its own.
#[test]
fn bytes_of_no_known_encoding_are_stored_unchanged() {
    let mut db = database_with("ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0");
    // Latin 1, UTF-8, the characters that represent bytes internally, and truncated characters.
    for bytes in ["e9", "c3a9", "c3a9e9", "f48fbeb0", "f48fbfbf", "f48fbee9ff", "e9c3"] {
        let text = format!("convert_from('\\x41{bytes}42', 'SQL_ASCII')");
        let kept: bool = db
            .query_one(
                &format!(
                    "SELECT device_info ->> 'agent' = {text} AND device_info ? {text}
                     FROM jsonb_build_object('agent', {text}, {text}, '203.0.113.7') AS d
                     CROSS JOIN LATERAL vetassist_hash_device_ips(d) AS device_info"
                ),
                &[],
            )
            .unwrap()
            .get(0);
        // The value under this name is an address, so its hash is stored under another name.
        assert!(!kept, "{bytes}");
        let kept: bool = db
            .query_one(
                &format!(
                    "SELECT vetassist_hash_device_ips(d) = d FROM jsonb_build_object('agent', {text}, {text}, jsonb_build_array({text})) AS d"
                ),
                &[],
            )
            .unwrap()
            .get(0);
        assert!(kept, "{bytes}");
    }
    let moved = db.batch_execute(
        "DO $$ BEGIN EXECUTE format('CREATE SCHEMA %I', convert_from('\\x636166e9', 'SQL_ASCII')); END $$;
         DROP EXTENSION vetassist;
         DO $$ BEGIN EXECUTE format('CREATE EXTENSION vetassist SCHEMA %I; SET search_path = %1$I', convert_from('\\x636166e9', 'SQL_ASCII')); END $$;
         SELECT vetassist_login('ICN', 'access', now() + '1 h', 'jti', now() + '1 h')",
    );
    let error = moved.unwrap_err();
    assert_eq!(sqlstate(&error), "0A000", "{error:?}");
}
