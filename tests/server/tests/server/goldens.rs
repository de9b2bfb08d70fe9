//! Tests that psql prints `pg_test/expected/NAME.out` for each `pg_test/sql/NAME.sql`.

use std::fs;

use vetassist_server_tests::{compare_with_golden_at, repository, KeyedServer};

#[test]
#[ignore = "takes seconds"]
fn each_script_prints_its_golden_file() {
    let folder = repository().join("pg_test");
    let mut names: Vec<String> = fs::read_dir(folder.join("sql"))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert!(!names.is_empty());
    let server = KeyedServer::start();
    for name in names {
        let script = fs::read_to_string(folder.join("sql").join(format!("{name}.sql"))).unwrap();
        let output = server.psql_script(&script);
        compare_with_golden_at(&folder.join("expected").join(format!("{name}.out")), &output);
    }
}
