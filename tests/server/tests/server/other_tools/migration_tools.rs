//! Tests migration tools, as a role that does not own the tables, without and with the filter that the page has.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use pg_scratch::{cache, run};
use postgres::Client;
use vetassist_server_tests::{
    column_of, contents::TABLES, python_succeeds, repository, KeyedServer,
};

use super::{page, SHOWN};

fn server() -> KeyedServer {
    let mut server = KeyedServer::start();
    server
        .db
        .batch_execute(
            "CREATE ROLE migrator LOGIN; CREATE SCHEMA app AUTHORIZATION migrator; GRANT USAGE ON SCHEMA public TO migrator;
             SELECT vetassist_login('ICN', 'a', now() + interval '1 h', 'jti', now() + interval '1 h')",
        )
        .unwrap();
    server
}

/// Returns the code of the page that begins with this, which must be there once.
fn filter(beginning: &str) -> String {
    let page = page();
    let mut found = page.split('`').skip(1).step_by(2).filter(|code| code.starts_with(beginning));
    let filter = found.next().unwrap_or_else(|| panic!("no {beginning} on the page"));
    assert_eq!(found.next(), None, "{beginning}");
    filter.to_owned()
}

/// Asserts that the tool has made its own table and changed nothing of vetassist.
fn assert_only_own_tables_changed(db: &mut Client) {
    assert_eq!(column_of(db, SHOWN), [""; 0]);
    assert_eq!(column_of(db, "SELECT count(*)::text FROM vetassist_check_schema()"), ["0"]);
    assert_eq!(column_of(db, "SELECT va_icn::text FROM vetassist_users"), ["ICN"]);
    let own = "SELECT relname::text FROM pg_class WHERE relnamespace = 'app'::regnamespace AND relname LIKE '%note%' AND relkind = 'r'";
    assert_eq!(column_of(db, own).len(), 1);
}

fn said(output: &Output) -> String {
    (String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr)).into_owned()
}

#[test]
#[ignore = "takes seconds"]
fn alembic_leaves_the_tables_alone() {
    let mut server = server();
    let filter = filter("include_object=");
    let tables = TABLES.len().to_string();
    python_succeeds("alembic_test.py", &server, &[&tables, &filter], "only its own tables");
    assert_only_own_tables_changed(&mut server.db);
}

#[test]
#[ignore = "takes seconds"]
fn django_leaves_the_tables_alone() {
    let mut server = server();
    let meta = filter("class Meta");
    python_succeeds("django_test.py", &server, &[&meta], "only its own tables");
    assert_only_own_tables_changed(&mut server.db);
}

/// Installs the packages of `tests/other_tools` and returns the folder with the scripts.
fn node_tools() -> PathBuf {
    let folder = cache().unwrap().join("other_tools");
    fs::create_dir_all(&folder).unwrap();
    let from = repository().join("tests/other_tools");
    let copy = |name: &Path| fs::copy(from.join(name), folder.join(name)).unwrap();
    let lock = Path::new("package-lock.json");
    let stamp = folder.join("installed.json");
    for entry in fs::read_dir(&from).unwrap().flatten().filter(|entry| entry.path().is_file()) {
        copy(Path::new(&entry.file_name()));
    }
    if fs::read(&stamp).ok() != fs::read(from.join(lock)).ok() {
        run(Command::new("npm").current_dir(&folder).args([
            "ci",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ]))
        .unwrap();
        fs::copy(from.join(lock), &stamp).unwrap();
    }
    folder
}

/// Both tools are in one test, because they are installed together.
#[test]
#[ignore = "takes seconds"]
fn drizzle_and_typeorm_leave_the_tables_alone() {
    let mut server = server();
    let (folder, socket) = (node_tools(), server.socket_dir().to_owned());
    let node = |program: &str, arguments: &[&str], filter: &str| {
        let mut node = Command::new("node");
        node.current_dir(&folder).arg(program).args(arguments);
        node.env("SOCKET", &socket).env("FILTER", filter);
        node
    };
    let push = |filter: &str| {
        let options = ["push", "--force", "--config=drizzle.config.mjs"];
        let output = node("node_modules/drizzle-kit/bin.cjs", &options, filter).output().unwrap();
        (output.status.success(), said(&output))
    };
    let (succeeds, output) = push(&filter("schemaFilter:"));
    assert!(succeeds && output.contains("Changes applied"), "{output}");
    // Without the filter, or with the one that is not enough.
    let incomplete = filter("tablesFilter");
    let everything = "schemaFilter: ['app', 'public']";
    for (filter, refused) in [
        (everything.to_owned(), "permission denied for table vetassist_"),
        (
            format!("{everything}, {incomplete}"),
            "must be owner of sequence vetassist_auth_audit_id_seq",
        ),
    ] {
        let (_, output) = push(&filter);
        assert!(output.contains(refused) && output.contains("42501"), "{filter}: {output}");
    }
    assert_only_own_tables_changed(&mut server.db);
    server
        .db
        .batch_execute("DROP TABLE app.notes; ALTER ROLE migrator SET search_path = app, public")
        .unwrap();

    let filter = filter("schema: 'app'");
    for (filter, drop) in [("", false), (&*filter, false), (&*filter, true)] {
        let mut typeorm = node("typeorm.mjs", &[], filter);
        if drop {
            typeorm.env("DROP", "1");
        }
        let output = typeorm.output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        assert_only_own_tables_changed(&mut server.db);
    }
}
