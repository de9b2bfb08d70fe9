//! Tests that a command cannot drop the extension with its data by mistake.

use postgres::Client;
use vetassist_server_tests::{database, empty_database, sqlstate};

const USER: &str = "INSERT INTO vetassist_users (va_icn) VALUES ('somebody')";

fn rows(db: &mut Client, table: &str) -> i64 {
    db.query_one(&format!("SELECT count(*) FROM {table}"), &[]).unwrap().get(0)
}

fn has_extension(db: &mut Client) -> bool {
    let asks = "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'vetassist')";
    db.query_one(asks, &[]).unwrap().get(0)
}

fn assert_refused(db: &mut Client, command: &str) {
    let error = db.batch_execute(command).unwrap_err();
    assert_eq!(sqlstate(&error), "2BP01", "{command}: {error:?}");
    let said = error.as_db_error().unwrap();
    assert!(said.message().contains("would destroy the rows of"), "{command}: {said:?}");
    assert!(said.hint().unwrap().contains("vetassist_detach()"), "{command}");
    assert!(has_extension(db), "{command}");
}

#[test]
fn every_form_of_dropping_an_extension_with_data_is_refused() {
    let mut db = database();
    db.batch_execute(USER).unwrap();
    for command in [
        "DROP EXTENSION vetassist",
        "DROP EXTENSION vetassist CASCADE",
        "DROP EXTENSION IF EXISTS vetassist RESTRICT",
        "drop extension \"vetassist\"",
        "DROP EXTENSION IF EXISTS nothing, vetassist CASCADE",
        "DO $$ BEGIN EXECUTE 'DROP EXTENSION vetassist CASCADE'; END $$",
        "BEGIN; SAVEPOINT s; DROP EXTENSION vetassist",
        "DROP SCHEMA public CASCADE",
        "DROP SCHEMA IF EXISTS nothing, public CASCADE",
        "DROP OWNED BY postgres CASCADE",
        "DROP OWNED BY current_user",
        // Most functions of the extension depend on this language.
        "DROP EXTENSION plpgsql CASCADE",
    ] {
        assert_refused_in_a_transaction(&mut db, command);
    }
    assert_eq!(rows(&mut db, "vetassist_users"), 1);
    assert_eq!(rows(&mut db, "vetassist_check_schema()"), 0);
}

fn assert_refused_in_a_transaction(db: &mut Client, command: &str) {
    if let Some((before, drop)) = command.rsplit_once("; DROP") {
        db.batch_execute(before).unwrap();
        let error = db.batch_execute(&format!("DROP{drop}")).unwrap_err();
        assert_eq!(sqlstate(&error), "2BP01", "{command}");
        db.batch_execute("ROLLBACK").unwrap();
    } else {
        assert_refused(db, command);
    }
}

/// PostgreSQL drops an extension if it has to drop one of its objects.
#[test]
fn dropping_a_schema_or_role_of_a_table_is_refused() {
    let mut db = database();
    db.batch_execute(USER).unwrap();
    let role: String = db.query_one("SELECT 'holder_' || current_database()", &[]).unwrap().get(0);
    db.batch_execute(&format!(
        "CREATE ROLE {role}; CREATE SCHEMA held AUTHORIZATION {role};
         ALTER EVENT TRIGGER vetassist_guard_schema DISABLE; ALTER TABLE vetassist_sessions SET SCHEMA held"
    ))
    .unwrap();
    assert_refused(&mut db, "DROP SCHEMA held CASCADE");
    assert_refused(&mut db, &format!("DROP OWNED BY {role} CASCADE"));
    // Without CASCADE, PostgreSQL itself refuses the command with its own message.
    for command in ["DROP SCHEMA held".to_owned(), format!("DROP OWNED BY {role}")] {
        let error = db.batch_execute(&command).unwrap_err();
        assert_eq!(sqlstate(&error), "2BP01", "{command}: {error:?}");
    }
    db.batch_execute("ALTER TABLE held.vetassist_sessions SET SCHEMA public").unwrap();
    db.batch_execute(&format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}")).unwrap();
    assert_eq!(rows(&mut db, "vetassist_users"), 1);
}

#[test]
fn rows_of_any_table_prevent_the_drop() {
    for (fill, table) in [
        (USER, "vetassist_users"),
        ("SELECT vetassist_log_event('an event')", "vetassist_auth_audit"),
    ] {
        let mut db = database();
        db.batch_execute(fill).unwrap();
        let error = db.batch_execute("DROP EXTENSION vetassist").unwrap_err();
        assert!(error.as_db_error().unwrap().message().contains(table), "{error:?}");
    }
}

#[test]
fn an_empty_or_detached_extension_can_be_dropped() {
    let mut db = database();
    db.batch_execute("DROP EXTENSION vetassist").unwrap();
    assert!(!has_extension(&mut db));
    db.batch_execute("CREATE EXTENSION vetassist").unwrap();
    db.batch_execute(USER).unwrap();
    db.batch_execute("SELECT vetassist_detach()").unwrap();
    db.batch_execute("DROP EXTENSION vetassist").unwrap();
    assert_eq!(rows(&mut db, "vetassist_users"), 1);
    db.batch_execute("CREATE EXTENSION vetassist").unwrap();
    assert_eq!(rows(&mut db, "vetassist_users"), 1);
    assert_refused(&mut db, "DROP EXTENSION vetassist");
}

#[test]
fn the_setting_drop_with_data_allows_the_drop() {
    let mut db = database();
    db.batch_execute(USER).unwrap();
    db.batch_execute(
        "BEGIN; SET LOCAL vetassist.drop_with_data = on; DROP EXTENSION vetassist; ROLLBACK",
    )
    .unwrap();
    assert_refused(&mut db, "DROP EXTENSION vetassist");
    db.batch_execute("SET vetassist.drop_with_data = on").unwrap();
    db.batch_execute("DROP EXTENSION vetassist").unwrap();
    assert!(!has_extension(&mut db));
    let left = "SELECT count(*) FROM pg_class WHERE relname LIKE 'vetassist%'";
    assert_eq!(db.query_one(left, &[]).unwrap().get::<_, i64>(0), 0);
}

#[test]
fn unrelated_objects_can_be_dropped() {
    let mut db = empty_database();
    db.batch_execute(
        "CREATE SCHEMA \"own; schema\"; CREATE EXTENSION vetassist SCHEMA \"own; schema\"",
    )
    .unwrap();
    db.batch_execute("INSERT INTO \"own; schema\".vetassist_users (va_icn) VALUES ('somebody')")
        .unwrap();
    let role =
        db.query_one("SELECT 'somebody_' || current_database()", &[]).unwrap().get::<_, String>(0);
    db.batch_execute(&format!(
        "CREATE ROLE {role}; CREATE SCHEMA theirs AUTHORIZATION {role}; CREATE TABLE theirs.t ()"
    ))
    .unwrap();
    for command in [
        "CREATE SCHEMA other; CREATE TABLE other.t (); DROP SCHEMA other CASCADE",
        "DROP SCHEMA IF EXISTS nothing CASCADE",
        "DROP EXTENSION IF EXISTS nothing",
        "CREATE TABLE t (); DROP TABLE t",
        &format!("DROP OWNED BY {role} CASCADE"),
        &format!("DROP ROLE {role}"),
    ] {
        db.batch_execute(command).unwrap();
    }
    // PostgreSQL itself refuses to drop a schema with objects without CASCADE.
    let error = db.batch_execute("DROP SCHEMA \"own; schema\"").unwrap_err();
    assert!(
        error.as_db_error().unwrap().message().contains("other objects depend on it"),
        "{error:?}"
    );
    assert_refused(&mut db, "DROP SCHEMA \"own; schema\" CASCADE");
    // PostgreSQL itself refuses to drop a table of an extension.
    let error = db.batch_execute("DROP TABLE \"own; schema\".vetassist_users CASCADE").unwrap_err();
    assert_eq!(sqlstate(&error), "2BP01");
    assert_eq!(rows(&mut db, "\"own; schema\".vetassist_users"), 1);
}

#[test]
fn the_guard_function_can_only_run_as_a_trigger() {
    let mut db = database();
    assert!(db.batch_execute("SELECT vetassist_guard_drop()").is_err());
    assert_eq!(rows(&mut db, "vetassist_users"), 0);
}
