//! The backend of today: Python with asyncpg and `cryptography`.

use std::{env, process::Command};

use vetassist_server_tests::{hex_key, repository, KeyedServer};

#[test]
fn the_python_backend_and_the_extension_agree() {
    let python = env::var_os("VETASSIST_TEST_PYTHON")
        .expect("VETASSIST_TEST_PYTHON is set by cargo xtask test --only server");
    let server = KeyedServer::start();
    let output = Command::new(python)
        .arg(repository().join("tests/python/backend.py"))
        .arg(server.socket_dir())
        .arg(hex_key(0x11))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("agree"));
}
