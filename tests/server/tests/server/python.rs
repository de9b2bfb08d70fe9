//! Tests backends in Python: one with asyncpg and `cryptography`, like the deployed backend, and the example.

use vetassist_server_tests::{hex_key, python_succeeds, KeyedServer};

#[test]
#[ignore = "takes seconds"]
fn a_python_backend_and_the_extension_open_each_others_tokens() {
    python_succeeds("backend.py", &KeyedServer::start(), &[&hex_key(0x11)], "agree");
}

#[test]
#[ignore = "takes seconds"]
fn the_python_example_works() {
    python_succeeds("service_test.py", &KeyedServer::start(), &[], "the service works");
}
