//! Scripts in Python.

use std::{env, process::Command};

use crate::{repository, KeyedServer};

/// Runs a script of `tests/python` on a server, and asserts that it succeeds and prints this text.
pub fn python_succeeds(script: &str, server: &KeyedServer, arguments: &[&str], says: &str) {
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
