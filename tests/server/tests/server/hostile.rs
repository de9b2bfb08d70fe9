//! Tests functions that run as their owner: other objects of the same names exist, and arguments hold SQL.

use vetassist_server_tests::KeyedServer;

#[test]
fn objects_of_the_same_name_in_other_schemas_are_not_called() {
    let mut server = KeyedServer::start();
    server
        .db
        .batch_execute(
            "CREATE ROLE app LOGIN; CREATE ROLE mallory LOGIN;
             SELECT vetassist_grant('app', 'app'), vetassist_grant('mallory', 'app'), vetassist_grant('mallory', 'admin'), vetassist_grant('mallory', 'auditor');
             GRANT CREATE ON SCHEMA public TO mallory; CREATE SCHEMA evil AUTHORIZATION mallory;",
        )
        .unwrap();
    let mut mallory = server.connect_as("mallory");
    // A call of one of these objects would raise an error.
    for schema in ["public", "evil", "pg_temp"] {
        mallory
            .batch_execute(&format!(
                "CREATE FUNCTION {schema}.trap() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped'; END $$;
                 CREATE FUNCTION {schema}.now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT {schema}.trap(); SELECT NULL::timestamptz $$;
                 CREATE FUNCTION {schema}.length(text) RETURNS int LANGUAGE sql AS $$ SELECT {schema}.trap(); SELECT 0 $$;
                 CREATE FUNCTION {schema}.btrim(text) RETURNS text LANGUAGE sql AS $$ SELECT {schema}.trap(); SELECT ''::text $$;
                 CREATE FUNCTION {schema}.format(text, text) RETURNS text LANGUAGE sql AS $$ SELECT {schema}.trap(); SELECT ''::text $$;
                 CREATE FUNCTION {schema}.vetassist_encrypt_token(text, text) RETURNS bytea LANGUAGE sql AS $$ SELECT {schema}.trap(); SELECT ''::bytea $$;
                 CREATE FUNCTION {schema}.compare(text, varchar) RETURNS boolean LANGUAGE sql AS $$ SELECT {schema}.trap() $$;
                 CREATE OPERATOR {schema}.= (LEFTARG = text, RIGHTARG = varchar, FUNCTION = {schema}.compare);
                 CREATE FUNCTION {schema}.compare2(varchar, text) RETURNS boolean LANGUAGE sql AS $$ SELECT {schema}.trap() $$;
                 CREATE OPERATOR {schema}.= (LEFTARG = varchar, RIGHTARG = text, FUNCTION = {schema}.compare2);
                 CREATE FUNCTION {schema}.never(boolean) RETURNS boolean LANGUAGE sql AS $$ SELECT {schema}.trap() $$;
                 CREATE TYPE {schema}.bool AS (x int); CREATE TYPE {schema}.jsonb AS (x int);"
            ))
            .unwrap();
        if schema != "public" {
            for table in [
                "vetassist_users",
                "vetassist_va_tokens",
                "vetassist_sessions",
                "vetassist_auth_audit",
            ] {
                mallory
                    .batch_execute(&format!("CREATE TABLE {schema}.{table} (trap int)"))
                    .unwrap();
            }
        }
    }
    mallory.batch_execute("SET search_path = pg_temp, evil, public, pg_catalog").unwrap();
    mallory
        .batch_execute(
            "SELECT * FROM public.vetassist_login('ICN1', 'access', pg_catalog.now() + '1 h', 'jti', pg_catalog.now() + '1 h',
                 refresh_token => 'refresh', email => 'x@example.com', device_info => '{\"ip\": \"203.0.113.7\"}'::pg_catalog.jsonb, ip => '203.0.113.7');
             SELECT public.vetassist_session_active('jti');
             SELECT public.vetassist_log_event('x', NULL, '{\"a\": 1}'::pg_catalog.jsonb, '203.0.113.7');
             SELECT * FROM public.vetassist_tokens_expiring('2 h');
             SELECT * FROM public.vetassist_rotation_status();
             SELECT public.vetassist_purge_sessions('1 day'), public.vetassist_purge_audit('2 years');
             SELECT * FROM public.vetassist_check_schema();",
        )
        .unwrap();
    // The procedures run with the caller's search_path.
    mallory.batch_execute("CALL public.vetassist_rotate_tokens()").unwrap();
    mallory.batch_execute("CALL public.vetassist_upgrade_ip_hashes()").unwrap();
    mallory.batch_execute("CALL public.vetassist_seal_audit()").unwrap();
    mallory.batch_execute("SELECT * FROM public.vetassist_verify_audit(); SELECT * FROM public.vetassist_audit_entries(0, 100)").unwrap();
    let mut app = server.connect_as("app");
    app.batch_execute("SET search_path = evil, public").unwrap();
    let row = app
        .query_one(
            "SELECT public.vetassist_session_active('jti'),
                    public.vetassist_revoke_session('jti', (SELECT u.user_id FROM public.vetassist_login('ICN1', 'a', pg_catalog.now(), 'jti 2', pg_catalog.now()) AS u))",
            &[],
        )
        .unwrap();
    assert!(row.get::<_, bool>(0) && row.get::<_, bool>(1));
}

#[test]
fn sql_in_arguments_is_treated_as_text() {
    let mut server = KeyedServer::start();
    let attacks = [
        "'; DROP TABLE vetassist_users; --",
        "$$; DROP TABLE vetassist_users; --",
        "\\'; DROP TABLE vetassist_users; --",
        "\"; DROP TABLE vetassist_users; --",
        "%s %I %L %",
        "'||pg_sleep(10)||'",
        "\u{1f985}' OR 1=1",
    ];
    for attack in attacks {
        let row = server
            .db
            .query_one(
                "SELECT user_id, session_id FROM vetassist_login(left($1, 50), $1, now() + '1 h', $1, now() + '1 h', $1, left($1, 20), $1, $1, $1, left($1, 20), $1,
                     jsonb_build_object($1, $1))",
                &[&attack],
            )
            .unwrap();
        let user: uuid::Uuid = row.get(0);
        let row = server
            .db
            .query_one(
                "SELECT va_icn, email, vetassist_access_token(id), vetassist_refresh_token(id), vetassist_session_active($2),
                        (SELECT device_info ->> $2 FROM vetassist_sessions WHERE jwt_id = $2),
                        vetassist_revoke_all_sessions(id, $2), vetassist_log_event(left($2, 50), id, jsonb_build_object('note', $2)) > 0,
                        vetassist_revoke_session($2, id)
                 FROM vetassist_users WHERE id = $1",
                &[&user, &attack],
            )
            .unwrap();
        for column in [1, 2, 3, 5] {
            assert_eq!(row.get::<_, &str>(column), attack);
        }
        assert!(row.get::<_, bool>(4) && row.get::<_, bool>(7) && row.get::<_, bool>(8));
        assert_eq!(row.get::<_, i32>(6), 0);
        assert!(server
            .db
            .query_one("SELECT vetassist_grant($1::text::regrole, 'app')", &[&attack])
            .is_err());
        assert!(server.db.query_one("SELECT vetassist_grant('postgres', $1)", &[&attack]).is_err());
    }
    // The name of this role needs quotes.
    server
        .db
        .batch_execute(r#"CREATE ROLE "a'b""; DROP ROLE x"; SELECT vetassist_grant('"a''b""; DROP ROLE x"'::regrole, 'app'); SELECT vetassist_revoke('"a''b""; DROP ROLE x"'::regrole)"#)
        .unwrap();
    assert!(server.db.query("SELECT * FROM vetassist_check_schema()", &[]).unwrap().is_empty());
}
