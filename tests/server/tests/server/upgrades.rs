//! Tests the upgrade from every released version.

use std::{collections::BTreeSet, fs};

use postgres::Client;
use vetassist_server_tests::{
    catalog::catalog,
    contents::{assert_use_continues, fill, opened_tokens, rights_and_triggers, rows},
    repository, KeyedServer,
};

/// Returns the released versions, from the names of the scripts.
fn released() -> Vec<String> {
    let entries = fs::read_dir(repository().join("sql/released")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut versions: Vec<_> = names
        .filter_map(|name| {
            let versions = name.strip_prefix("vetassist--")?.strip_suffix(".sql")?;
            Some(versions.rsplit("--").next().unwrap_or(versions).to_owned())
        })
        .collect();
    versions.sort();
    assert!(versions.len() > 1);
    versions
}

fn version(db: &mut Client) -> String {
    let query = "SELECT extversion FROM pg_extension WHERE extname = 'vetassist'";
    db.query_one(query, &[]).unwrap().get(0)
}

/// Creates a database with a released version of the extension. Roles belong to the server, so each server has one such
/// database at a time.
fn with_version(server: &mut KeyedServer, database: &str, version: &str) -> Client {
    server.db.batch_execute(&format!("CREATE DATABASE {database}")).unwrap();
    let mut db = server.connect_to(database);
    db.batch_execute(&format!("CREATE EXTENSION vetassist VERSION '{version}'")).unwrap();
    db
}

#[test]
#[ignore = "takes seconds"]
fn an_upgraded_installation_equals_a_fresh_one() {
    let mut server = KeyedServer::start();
    let fresh = catalog(&mut server.db);
    assert!(fresh.len() > 200, "{}", fresh.len());
    for (number, old) in released().iter().enumerate() {
        let mut db = with_version(&mut server, &format!("upgraded_{number}"), old);
        assert_ne!(catalog(&mut db), fresh, "nothing changed since {old}, not even the version");
        db.batch_execute("ALTER EXTENSION vetassist UPDATE").unwrap();
        let upgraded = catalog(&mut db);
        // One line is easier to read than two lists of hundreds.
        let lacking = fresh.iter().find(|line| !upgraded.contains(line));
        assert_eq!(lacking, None, "an upgraded {old} lacks it");
        let left_over = upgraded.iter().find(|line| !fresh.contains(line));
        assert_eq!(left_over, None, "an upgraded {old} has it");
        assert_eq!(upgraded, fresh);
    }
}

/// The new library is installed before ALTER EXTENSION runs, so it must work with the old definitions.
#[test]
#[ignore = "takes seconds"]
fn the_library_works_with_the_sql_of_each_released_version() {
    for old in released() {
        let mut server = KeyedServer::start();
        server.db.batch_execute("DROP EXTENSION vetassist").unwrap();
        server.db.batch_execute(&format!("CREATE EXTENSION vetassist VERSION '{old}'")).unwrap();
        let db = &mut server.db;
        fill(db);
        assert_eq!(opened_tokens(db), 39, "{old}");
        assert!(db.query("SELECT * FROM vetassist_check_schema()", &[]).unwrap().is_empty());
        db.batch_execute("CALL vetassist_rotate_tokens()").unwrap();
        assert_use_continues(db, 0);
        // The upgrade keeps all rows and the granted privileges.
        let (before, around) = (rows(db), rights_and_triggers(db));
        db.batch_execute("ALTER EXTENSION vetassist UPDATE").unwrap();
        assert_ne!(version(db), old);
        assert_eq!(rows(db), before);
        let (kept, granted) = (granted_to_app(&rights_and_triggers(db)), granted_to_app(&around));
        // The tier may have more privileges now.
        assert!(granted.len() > 10 && kept.is_superset(&granted), "{granted:?} {kept:?}");
        let log = "SELECT vetassist_log_event('after the upgrade') > 0";
        assert!(db.query_one(log, &[]).unwrap().get::<_, bool>(0));
        let mut app = server.connect_as("app");
        let active = "SELECT vetassist_session_active('jti 1')";
        assert!(app.query_one(active, &[]).unwrap().get::<_, bool>(0));
        app.batch_execute("SELECT vetassist_login('ICN of later', 'access', now() + '1 h', 'jti of later', now() + '1 h')")
            .unwrap();
    }
}

/// Returns each object with the privileges of the role `app`, without their grantor.
fn granted_to_app(rights_and_triggers: &[String]) -> BTreeSet<String> {
    let lines = rights_and_triggers.iter().filter_map(|line| {
        let (object, rights) = line.rsplit_once(": ")?;
        let right = rights.split(' ').find(|right| right.starts_with("app="))?;
        Some(format!("{object} {}", right.split('/').next()?))
    });
    lines.collect()
}

#[test]
#[ignore = "takes seconds"]
fn a_failed_upgrade_changes_nothing() {
    let mut server = KeyedServer::start();
    for (number, old) in released().iter().enumerate() {
        let mut db = with_version(&mut server, &format!("failed_{number}"), old);
        let before = catalog(&mut db);
        db.batch_execute("BEGIN; ALTER EXTENSION vetassist UPDATE; ROLLBACK").unwrap();
        assert_eq!(catalog(&mut db), before);
        assert_eq!(version(&mut db), *old);
    }
}
