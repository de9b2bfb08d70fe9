//! Tests the statements of `docs/beside-other-tools.md`, with the tools themselves.

mod libraries;
mod migration_tools;
mod poolers;
mod replication;

use vetassist_server_tests::{column_of, repository, sqlstate, KeyedServer};

const SHOWN: &str =
    "SELECT subject || ': ' || message FROM vetassist_check() WHERE subject <> 'shared_preload_libraries'";

/// Statements that the deployed backend runs at each start.
const MIGRATION: [&str; 4] = [
    "CREATE TABLE IF NOT EXISTS vetassist_users (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), va_icn varchar(50) UNIQUE)",
    "CREATE INDEX IF NOT EXISTS idx_vetassist_sessions_user ON vetassist_sessions (user_id)",
    "CREATE INDEX IF NOT EXISTS idx_vetassist_sessions_expires ON vetassist_sessions (expires_at) WHERE revoked_at IS NULL",
    "COMMENT ON TABLE vetassist_users IS 'VetAssist user accounts linked to VA identity'",
];

#[test]
fn repeating_the_backends_migration_changes_nothing() {
    let mut server = KeyedServer::start();
    server.db.batch_execute("CREATE ROLE migrator LOGIN; SELECT vetassist_login('ICN', 'a', now() + interval '1 h', 'jti', now() + interval '1 h')").unwrap();
    let mut migrator = server.connect_as("migrator");
    for statement in MIGRATION {
        server.db.batch_execute(statement).unwrap();
        let error = migrator.batch_execute(statement).unwrap_err();
        assert_eq!(sqlstate(&error), "42501", "{statement}");
    }
    assert_eq!(column_of(&mut server.db, SHOWN), [""; 0]);
}

#[test]
fn a_migration_tool_without_ownership_cannot_change_the_tables() {
    let mut server = KeyedServer::start();
    server
        .db
        .batch_execute("CREATE ROLE migrator LOGIN; CREATE SCHEMA app AUTHORIZATION migrator; GRANT USAGE ON SCHEMA public TO migrator")
        .unwrap();
    let mut migrator = server.connect_as("migrator");
    migrator.batch_execute("CREATE TABLE app.notes (id int); ALTER TABLE app.notes ADD COLUMN more text; DROP TABLE app.notes").unwrap();
    for statement in [
        "DROP TABLE public.vetassist_users",
        "DROP TABLE public.vetassist_audit_leaves",
        "DROP SEQUENCE public.vetassist_auth_audit_id_seq",
        "DROP INDEX public.idx_vetassist_sessions_expires",
        "ALTER TABLE public.vetassist_users ADD COLUMN more text",
        "ALTER TABLE public.vetassist_sessions ALTER COLUMN jwt_id TYPE text",
    ] {
        let error = migrator.batch_execute(statement).unwrap_err();
        assert_eq!(sqlstate(&error), "42501", "{statement}: {error:?}");
    }
    assert_eq!(column_of(&mut server.db, SHOWN), [""; 0]);
}

#[test]
fn pg_read_all_data_is_enough_for_a_dump() {
    let mut server = KeyedServer::filled(&[]);
    server.db.batch_execute("CREATE ROLE dumper LOGIN; GRANT pg_read_all_data TO dumper").unwrap();
    let mut dump = std::process::Command::new(server.client("pg_dump").get_program());
    dump.arg("-h").arg(server.socket_dir()).args(["-U", "dumper", "-d", "postgres"]);
    let output = dump.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let dumped = String::from_utf8(output.stdout).unwrap();
    for table in vetassist_server_tests::contents::TABLES {
        assert!(dumped.contains(&format!("COPY public.{table} (")), "{table}");
    }
    server.db.batch_execute("REVOKE pg_read_all_data FROM dumper").unwrap();
    assert!(!dump.output().unwrap().status.success());
}

fn page() -> String {
    std::fs::read_to_string(repository().join("docs/beside-other-tools.md")).unwrap()
}

#[test]
fn the_page_states_the_number_of_tables() {
    let page = page();
    let tables = vetassist_server_tests::contents::TABLES.len();
    assert!(page.contains(&format!("each of the {tables} tables")));
}
