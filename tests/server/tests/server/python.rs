//! Tests backends in Python: one with asyncpg and `cryptography`, like the deployed backend, and the example.

use std::{env, process::Command};

use vetassist_server_tests::{hex_key, repository, KeyedServer};

/// Runs a script of `tests/python` on a server, and asserts that it succeeds and prints this text.
fn succeeds(script: &str, server: &KeyedServer, arguments: &[&str], says: &str) {
    let python = env::var_os("VETASSIST_TEST_PYTHON")
        .expect("VETASSIST_TEST_PYTHON is set by cargo xtask test server");
    let output = Command::new(python)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(repository().join("tests/python").join(script))
        .arg(server.socket_dir())
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains(says), "{said}");
}

#[test]
#[ignore = "takes seconds"]
fn a_python_backend_and_the_extension_open_each_others_tokens() {
    succeeds("backend.py", &KeyedServer::start(), &[&hex_key(0x11)], "agree");
}

#[test]
#[ignore = "takes seconds"]
fn the_python_example_works() {
    succeeds("service_test.py", &KeyedServer::start(), &[], "the service works");
}
