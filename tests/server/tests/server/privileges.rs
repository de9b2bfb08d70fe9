//! Tests the functions and settings that a role without privileges can use.

use vetassist_server_tests::{sqlstate, KeyedServer, RING_SETTINGS};

const OPEN_TO_ALL: [&str; 8] = [
    "vetassist_encrypt('x', decode(repeat('00', 32), 'hex'))",
    "vetassist_encrypt('x'::bytea, decode(repeat('00', 32), 'hex'))",
    "vetassist_decrypt(vetassist_encrypt('x', k), k)",
    "vetassist_decrypt_text(vetassist_encrypt('x', k), k)",
    "vetassist_derive_user_key(k, gen_random_uuid())",
    "vetassist_generate_key()",
    "vetassist_hash_ip('203.0.113.7')",
    "vetassist_version()",
];

#[test]
#[ignore = "takes seconds"]
fn a_role_without_privileges_can_call_only_the_listed_functions() {
    let mut server = KeyedServer::start();
    server.db.batch_execute("CREATE ROLE nobody LOGIN").unwrap();
    let mut nobody = server.connect_as("nobody");
    for call in OPEN_TO_ALL {
        nobody.batch_execute(&format!("SELECT {call} FROM vetassist_generate_key() AS k")).unwrap();
    }
    // The catalog shows every function, so a new one must be closed or listed.
    let open: Vec<String> = nobody
        .query(
            "SELECT DISTINCT proname::text FROM pg_proc
             WHERE proname LIKE 'vetassist%' AND has_function_privilege(oid, 'EXECUTE') ORDER BY 1",
            &[],
        )
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    let named = [
        "vetassist_decrypt",
        "vetassist_decrypt_text",
        "vetassist_derive_user_key",
        "vetassist_encrypt",
        "vetassist_generate_key",
        "vetassist_hash_ip",
        "vetassist_version",
    ];
    assert_eq!(open, named);
    for statement in [
        "SELECT vetassist_encrypt_token('x', gen_random_uuid())",
        "SELECT vetassist_decrypt_token('', gen_random_uuid())",
        "SELECT vetassist_hash_ip_keyed('203.0.113.7')",
        "SELECT vetassist_upgrade_ip_hash('')",
        "SELECT * FROM vetassist_keys()",
        "SELECT vetassist_reload_keys()",
        "SELECT * FROM vetassist_check_schema()",
        "SELECT * FROM vetassist_users",
        "SELECT * FROM vetassist_va_tokens",
        "SELECT * FROM vetassist_sessions",
        "SELECT * FROM vetassist_auth_audit",
        "SELECT nextval('vetassist_auth_audit_id_seq')",
        "INSERT INTO vetassist_auth_audit (event_type) VALUES ('x')",
    ] {
        let error = nobody.simple_query(statement).unwrap_err();
        assert_eq!(sqlstate(&error), "42501", "{statement}");
    }
}

#[test]
#[ignore = "takes seconds"]
fn a_role_without_privileges_cannot_set_or_read_the_ring_settings() {
    let mut server = KeyedServer::start();
    server.db.batch_execute("CREATE ROLE nobody LOGIN").unwrap();
    for setting in RING_SETTINGS {
        // Before the library is loaded the name is unknown and may be set; the value must not survive.
        let mut early = server.connect_as("nobody");
        early.batch_execute(&format!("SET {setting} = '/tmp/elsewhere'")).unwrap();
        early.batch_execute("SELECT vetassist_version()").unwrap();
        let error = early.simple_query(&format!("SHOW {setting}")).unwrap_err();
        assert_eq!(sqlstate(&error), "42501");
        let error = early.simple_query(&format!("SET {setting} = '/tmp/elsewhere'")).unwrap_err();
        assert_eq!(sqlstate(&error), "42501");
        let error = early
            .simple_query(&format!("ALTER SYSTEM SET {setting} = '/tmp/elsewhere'"))
            .unwrap_err();
        assert_eq!(sqlstate(&error), "42501");
        let error = early
            .simple_query(&format!("ALTER ROLE nobody SET {setting} = '/tmp/elsewhere'"))
            .unwrap_err();
        assert_eq!(sqlstate(&error), "42501");
        let shown = early
            .query_one("SELECT count(*) FROM pg_settings WHERE name LIKE 'vetassist.master%'", &[])
            .unwrap();
        assert_eq!(shown.get::<_, i64>(0), 0);

        // The options of the connection set the value.
        let mut optioned =
            server.connect_with_options("nobody", &format!("-c {setting}=/tmp/elsewhere"));
        optioned.batch_execute("SELECT vetassist_version()").unwrap();
        assert_eq!(
            sqlstate(&optioned.simple_query(&format!("SHOW {setting}")).unwrap_err()),
            "42501"
        );
    }
    server.db.batch_execute("GRANT EXECUTE ON FUNCTION vetassist_encrypt_token TO nobody").unwrap();
    let seal = "SELECT vetassist_encrypt_token('x', gen_random_uuid())";
    for setting in RING_SETTINGS {
        // After a refused value, the server's value applies.
        let mut db = server.connect_as("nobody");
        db.batch_execute(&format!("SET {setting} = '/tmp/elsewhere'")).unwrap();
        db.batch_execute(seal).unwrap();
    }
    // A value from the connection's options replaces the server's before the library can refuse it. That session has no
    // ring, not another ring.
    let mut db =
        server.connect_with_options("nobody", "-c vetassist.master_key_file=/tmp/elsewhere");
    assert_eq!(sqlstate(&db.simple_query(seal).unwrap_err()), "F0000");
    let error =
        server.connect_as("nobody").simple_query("SET vetassist.ip_hash = 'keyed'; SELECT vetassist_version(); SET vetassist.ip_hash = 'sha256'").unwrap_err();
    assert_eq!(sqlstate(&error), "42501");
}

#[test]
#[ignore = "takes seconds"]
fn unknown_settings_and_values_are_refused() {
    let mut server = KeyedServer::start();
    let error = server.db.simple_query("SET vetassist.master_key = 'x'").unwrap_err();
    assert_eq!(sqlstate(&error), "42602");
    let error = server.db.simple_query("SET vetassist.ip_hash = 'md5'").unwrap_err();
    assert_eq!(sqlstate(&error), "22023");
}
