//! Tests accounts and sessions as roles with the tiers `app` and `admin`, which have no privilege on a table.

use postgres::Client;
use vetassist_server_tests::{column_of, plain_sql, sqlstate, KeyedServer};

fn server() -> KeyedServer {
    KeyedServer::start_with_tiers(&["app", "admin"])
}

fn events(db: &mut Client) -> Vec<String> {
    column_of(
        db,
        "SELECT event_type || ' ' || coalesce((event_data - 'session_id' - 'by')::text, '') FROM vetassist_auth_audit
         WHERE event_type NOT LIKE 'tier%' ORDER BY id",
    )
}

fn code(db: &mut Client, statement: &str) -> String {
    sqlstate(&db.batch_execute(statement).expect_err(statement)).to_owned()
}

#[test]
fn the_tier_app_is_enough_for_a_service() {
    let mut server = server();
    let mut app = server.connect_as("app");
    let made = "SELECT is_new::text FROM vetassist_put_user('ICN', email => 'a@example.com')";
    assert_eq!(column_of(&mut app, made), ["true"]);
    assert_eq!(column_of(&mut app, made), ["false"]);
    let update =
        "SELECT vetassist_update_user(vetassist_find_user('ICN'), first_name => 'Tamara')::text";
    assert_eq!(column_of(&mut app, update), ["true"]);
    assert_eq!(column_of(&mut app, update), ["false"], "nothing changed");
    let profile = "SELECT concat_ws(' ', va_icn, email, first_name, is_active) FROM vetassist_user(vetassist_find_user('ICN'))";
    assert_eq!(column_of(&mut app, profile), ["ICN a@example.com Tamara t"]);
    app.batch_execute(
        "SELECT vetassist_login('ICN', 'a', now() + '1 h', 'first', now() + '1 h', 'r', ip => '203.0.113.7');
         SELECT vetassist_new_session(vetassist_find_user('ICN'), 'second', now() + '1 h', '{\"ip\": \"203.0.113.8\"}', '203.0.113.8')",
    )
    .unwrap();
    let device = "SELECT device_info ->> 'ip_hash' FROM vetassist_session('second')";
    assert_eq!(
        column_of(&mut app, device),
        column_of(&mut app, "SELECT vetassist_hash_ip('203.0.113.8')")
    );
    assert_eq!(
        code(&mut app, "SELECT vetassist_new_session(vetassist_find_user('ICN'), 'second', now())"),
        "23505"
    );
    assert_eq!(
        code(&mut app, "SELECT vetassist_new_session(vetassist_find_user('ICN'), ' ', now())"),
        "22023"
    );
    assert_eq!(
        code(&mut app, "SELECT vetassist_new_session(gen_random_uuid(), 'third', now())"),
        "23503"
    );
    assert_eq!(code(&mut app, "SELECT vetassist_new_session(NULL, 'third', now())"), "22004");

    let extend = |db: &mut Client, jti: &str, until: &str| -> String {
        column_of(db, &format!("SELECT vetassist_extend_session('{jti}', vetassist_find_user('ICN'), now() + '{until}')::text")).remove(0)
    };
    assert_eq!(extend(&mut app, "first", "2 h"), "true");
    assert_eq!(extend(&mut app, "first", "1 min"), "true");
    let lasts =
        "SELECT (expires_at > now() + '90 min'::interval)::text FROM vetassist_session('first')";
    assert_eq!(column_of(&mut app, lasts), ["true"], "a session is never shortened");
    assert_eq!(extend(&mut app, "none", "2 h"), "false");
    // A session of another user is not revoked, by its jti or by its id.
    app.batch_execute("SELECT vetassist_put_user('other')").unwrap();
    for call in ["session('first', vetassist_find_user('other'))", "session_by_id((SELECT session_id FROM vetassist_session('first')), vetassist_find_user('other'))"] {
        assert_eq!(column_of(&mut app, &format!("SELECT vetassist_revoke_{call}::text")), ["false"]);
    }
    let by_id = "SELECT vetassist_revoke_session_by_id(session_id, user_id)::text FROM vetassist_session('second')";
    assert_eq!(column_of(&mut app, by_id), ["true"]);
    assert!(column_of(&mut app, by_id).is_empty(), "the session has ended");
    assert_eq!(extend(&mut app, "second", "2 h"), "false", "an ended session is not extended");
    assert_eq!(
        column_of(
            &mut app,
            "SELECT vetassist_revoke_all_sessions(vetassist_find_user('ICN'))::text"
        ),
        ["1"]
    );
    assert_eq!(
        column_of(
            &mut app,
            "SELECT vetassist_revoke_all_sessions(vetassist_find_user('ICN'))::text"
        ),
        ["0"]
    );
    assert_eq!(
        column_of(&mut app, "SELECT vetassist_erase_user(vetassist_find_user('ICN'))::text"),
        ["true"]
    );
    for table in [
        "vetassist_users",
        "vetassist_va_tokens",
        "vetassist_sessions",
        "vetassist_auth_audit",
        "vetassist_refresh_leases",
        "vetassist_refresh_states",
        "vetassist_key_fingerprints",
    ] {
        assert_eq!(code(&mut app, &format!("SELECT FROM {table}")), "42501");
    }
    assert_eq!(code(&mut app, "SELECT vetassist_set_active(gen_random_uuid(), true)"), "42501");
    let types: Vec<_> = events(&mut server.db)
        .iter()
        .map(|event| event.split(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(
        types,
        [
            "user_updated",
            "user_updated",
            "login",
            "session_created",
            "user_updated",
            "session_revoked",
            "sessions_revoked",
            "user_erased"
        ]
    );
}

#[test]
fn a_deactivation_ends_every_session_of_the_user() {
    let mut server = server();
    let (mut app, mut admin) = (server.connect_as("app"), server.connect_as("admin"));
    app.batch_execute(
        "SELECT vetassist_login('ICN', 'a', now() + '1 h', 'first', now() + '1 h');
         SELECT vetassist_new_session(vetassist_find_user('ICN'), 'second', now() + '1 h')",
    )
    .unwrap();
    let id = column_of(&mut app, "SELECT vetassist_find_user('ICN')::text").remove(0);
    let set = |db: &mut Client, to: &str| {
        column_of(db, &format!("SELECT vetassist_set_active('{id}', {to})::text")).remove(0)
    };
    admin.batch_execute("BEGIN").unwrap();
    set(&mut admin, "false, 'x'");
    admin.batch_execute("ROLLBACK").unwrap();
    assert_eq!(set(&mut admin, "false, 'asked by phone'"), "true");
    assert_eq!(set(&mut admin, "false"), "false");
    assert_eq!(
        column_of(
            &mut app,
            "SELECT concat(vetassist_session_active('first'), vetassist_session_active('second'))"
        ),
        ["ff"]
    );
    for call in [
        "SELECT vetassist_login('ICN', 'a', now(), 'third', now())",
        &format!("SELECT vetassist_new_session('{id}', 'third', now())"),
        &format!("SELECT vetassist_update_user('{id}', email => 'b@example.com')"),
        &format!("SELECT vetassist_use_token('{id}')"),
        &format!("SELECT vetassist_store_tokens('{id}', 'a', now())"),
    ] {
        assert_eq!(code(&mut app, call), "VA001", "{call}");
    }
    assert_eq!(set(&mut admin, "true, 'was a mistake'"), "true");
    assert_eq!(
        column_of(&mut app, "SELECT vetassist_session_active('first')::text"),
        ["false"],
        "the session stays ended"
    );
    app.batch_execute("SELECT vetassist_login('ICN', 'a', now(), 'third', now())").unwrap();
    for (call, state) in [("NULL, true", "22004"), (&*format!("'{id}', NULL"), "22004")] {
        assert_eq!(code(&mut admin, &format!("SELECT vetassist_set_active({call})")), state);
    }
    let long = format!("SELECT vetassist_set_active('{id}', false, repeat('x', 201))");
    assert_eq!(code(&mut admin, &long), "22001");
    let secret = format!(
        "SELECT vetassist_set_active('{id}', false, 'Bearer eyJhbGciOiJSUzI1NiJ9.e30.c2ln')"
    );
    assert_eq!(code(&mut admin, &secret), "22023");
    let changes: Vec<_> =
        events(&mut server.db).into_iter().filter(|event| event.contains("activated")).collect();
    assert_eq!(
        changes,
        [
            r#"user_deactivated {"reason": "asked by phone", "sessions": 2}"#,
            r#"user_activated {"reason": "was a mistake"}"#
        ]
    );
    app.batch_execute(&format!("SELECT vetassist_erase_user('{id}')")).unwrap();
    assert_eq!(code(&mut admin, &format!("SELECT vetassist_set_active('{id}', true)")), "22023");
}

#[test]
fn all_users_are_signed_out_in_batches() {
    let mut server = server();
    server
        .db
        .batch_execute(
            "INSERT INTO vetassist_users (va_icn) SELECT 'u' || i FROM generate_series(1, 50) AS i;
             INSERT INTO vetassist_sessions (user_id, jwt_id, expires_at) SELECT id, va_icn, now() + '1 h'::interval FROM vetassist_users",
        )
        .unwrap();
    let mut admin = server.connect_as("admin");
    assert_eq!(code(&mut admin, "CALL vetassist_sign_everybody_out(0)"), "22023");
    assert_eq!(code(&mut admin, "BEGIN; CALL vetassist_sign_everybody_out()"), "25001");
    admin.batch_execute("ROLLBACK").unwrap();
    admin.batch_execute("CALL vetassist_sign_everybody_out(7)").unwrap();
    let left = "SELECT count(*)::text FROM vetassist_sessions WHERE revoked_at IS NULL";
    assert_eq!(column_of(&mut server.db, left), ["0"]);
    let said = "SELECT event_data::text FROM vetassist_auth_audit WHERE event_type = 'everybody_signed_out'";
    assert_eq!(column_of(&mut server.db, said), [r#"{"by": "admin", "count": 50}"#]);
}

/// Tests every call of a client that seals by itself, with the extension and with the plain file.
#[test]
fn sealed_functions_need_no_key_and_no_extension() {
    let mut server = KeyedServer::start_without_key();
    for is_plain in [false, true] {
        server.db.batch_execute("DROP SCHEMA IF EXISTS vet CASCADE; CREATE SCHEMA vet").unwrap();
        if is_plain {
            server.db.batch_execute("SET vetassist_plain.schema = 'vet'").unwrap();
            server.db.batch_execute(&plain_sql()).unwrap();
        } else {
            server
                .db
                .batch_execute("DROP EXTENSION vetassist; CREATE EXTENSION vetassist SCHEMA vet")
                .unwrap();
        }
        server.db.batch_execute("DROP ROLE IF EXISTS edge; CREATE ROLE edge LOGIN; SELECT vet.vetassist_grant('edge', 'app')").unwrap();
        let mut edge = server.connect_as("edge");
        edge.batch_execute("SET search_path = vet").unwrap();
        let sealed = |n: u8| format!("decode(repeat('{n:02x}ff', 30), 'hex')");
        let sign_in = |id: &str, icn: &str, jti: &str, more: &str| {
            format!(
                "SELECT user_id::text || ' ' || coalesce((session_id IS NOT NULL)::text, '') FROM vetassist_login_sealed({id}, '{icn}', {}, now() + '30 s', '{jti}', now() + '1 h', {}{more})",
                sealed(1),
                sealed(2)
            )
        };
        let id = "'00000000-0000-0000-0000-000000000001'";
        let other = "'00000000-0000-0000-0000-000000000002'";
        let hash = "repeat('ab', 32)";
        let first = column_of(&mut edge, &sign_in(id, "ICN", "jti 1", &format!(", ip_hash => {hash}, device_info => '{{\"os\": \"iOS\", \"ip_hash\": \"{}\"}}'", "cd".repeat(32))));
        assert_eq!(first, ["00000000-0000-0000-0000-000000000001 true"]);
        // These tokens are sealed for an id that is not the account's.
        assert_eq!(
            column_of(&mut edge, &sign_in(other, "ICN", "jti 2", "")),
            ["00000000-0000-0000-0000-000000000001 false"]
        );
        assert_eq!(code(&mut edge, &sign_in(id, "ICN of another", "jti 2", "")), "22023");
        assert_eq!(code(&mut edge, &sign_in(id, "ICN", "jti 1", "")), "23505");
        for (argument, state) in [
            (", device_info => '{\"ip\": \"203.0.113.7\"}'", "22023"),
            (", device_info => '{\"a\": [{\"b\": \"2001:db8::1\"}]}'", "22023"),
            (", device_info => '{\"203.0.113.7\": 1}'", "22023"),
            (", ip_hash => 'x'", "22023"),
            (", ip_hash => repeat('AB', 32)", "22023"),
            (", ip_hash_is_keyed => NULL", "22004"),
        ] {
            assert_eq!(
                code(&mut edge, &sign_in(id, "ICN", "jti 3", argument)),
                state,
                "{argument}"
            );
        }
        edge.batch_execute(&sign_in(
            id,
            "ICN",
            "jti 4",
            ", device_info => '{\"version\": \"1.2.3.4\", \"ua\": \"Chrome/120.0.0.0 at 10:30\"}'",
        ))
        .unwrap();
        for bad in [
            "'eyJhbGciOiJSUzI1NiJ9.e30.c2lnbmF0dXJlIG9mIGEgdG9rZW4'::bytea",
            "''",
            "decode(repeat('ff', 27), 'hex')",
            "decode(repeat('ff', 1048577), 'hex')",
        ] {
            for call in [
                format!("vetassist_store_tokens_sealed({id}, {bad}, now())"),
                format!("vetassist_store_tokens_sealed({id}, {}, now(), {bad})", sealed(1)),
                format!("vetassist_finish_refresh_sealed(gen_random_uuid(), {bad}, now())"),
            ] {
                assert_eq!(code(&mut edge, &format!("SELECT {call}")), "22023", "{call}");
            }
        }
        let keyed = "SELECT string_agg(left(ip_hash, 2), ',' ORDER BY ip_hash) FROM vet.vetassist_keyed_ip_hashes";
        assert_eq!(column_of(&mut server.db, keyed), ["ab,cd"]);

        let used = edge.query_one(&format!("SELECT state, lease_id::text, refresh_token FROM vetassist_use_token_sealed({id})"), &[]).unwrap();
        assert_eq!(used.get::<_, &str>(0), "refresh");
        assert_eq!(used.get::<_, Vec<u8>>(2)[..2], [2, 0xff]);
        let finish = format!(
            "SELECT vetassist_finish_refresh_sealed('{}', {}, now() + '1 h', {})",
            used.get::<_, &str>(1),
            sealed(3),
            sealed(4)
        );
        assert_eq!(column_of(&mut edge, &finish), ["stored"]);
        assert_eq!(column_of(&mut edge, &finish), ["stored"]);
        assert_eq!(column_of(&mut edge, &finish.replace("04ff", "05ff")), ["superseded"]);
        let page = column_of(&mut server.db, "SELECT vet.vetassist_reseal(user_id, access_token, decode(repeat('09ff', 30), 'hex'), refresh_token, decode(repeat('0aff', 30), 'hex'))::text FROM vet.vetassist_sealed_page()");
        assert_eq!(page, ["true"]);
        let event = "SELECT vetassist_log_event_sealed('seen', NULL, '{\"why\": \"because\"}', repeat('ef', 32)) > 0";
        edge.batch_execute(event).unwrap();
        assert_eq!(
            code(&mut edge, "SELECT vetassist_log_event_sealed('Token Refreshed')"),
            "42501"
        );
        assert_eq!(
            code(&mut edge, "SELECT vetassist_log_event_sealed('seen', NULL, '{\"by\": \"me\"}')"),
            "42501"
        );
        assert_eq!(
            code(
                &mut edge,
                "SELECT vetassist_log_event_sealed('seen', NULL, '{\"a\": \"203.0.113.7\"}')"
            ),
            "22023"
        );
        assert_eq!(column_of(&mut edge, &format!("SELECT (access_token = decode(repeat('09ff', 30), 'hex'))::text FROM vetassist_disconnect_sealed({id})")), ["true"]);
        assert_eq!(
            column_of(&mut edge, "SELECT vetassist_session_active('jti 1')::text"),
            ["true"]
        );
        assert_eq!(
            column_of(&mut edge, &format!("SELECT vetassist_erase_user({id})::text")),
            ["true"]
        );
        assert_eq!(
            column_of(&mut edge, "SELECT vetassist_session_active('jti 1')::text"),
            ["false"]
        );
        assert!(column_of(&mut server.db, "SELECT name FROM vet.vetassist_metrics()").len() > 8);
        server.db.batch_execute("CALL vet.vetassist_sign_everybody_out()").unwrap();
        server.db.batch_execute("SELECT vet.vetassist_revoke('edge')").unwrap();
        // The revoked role has no USAGE on the schema.
        assert_eq!(code(&mut edge, "SELECT vet.vetassist_session_active('jti 1')"), "42501");
        drop(edge);
        if !is_plain {
            server
                .db
                .batch_execute("SET vetassist.drop_with_data = on; DROP EXTENSION vetassist")
                .unwrap();
        }
        server.db.batch_execute("REASSIGN OWNED BY edge TO postgres; DROP OWNED BY edge").unwrap();
    }
}
