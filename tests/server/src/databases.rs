//! Creates databases on a server that the tests share.

use std::sync::OnceLock;

use postgres::{Client, NoTls};

use crate::{key::hex_key, number::next, server::Server};

/// Returns the server that tests share if they need only a database of their own. It has a ring.
fn shared() -> &'static Server {
    static SHARED: OnceLock<Server> = OnceLock::new();
    SHARED.get_or_init(|| {
        Server::start(&[("max_connections", "200")], &[("VETASSIST_MASTER_KEY", &hex_key(0x22))])
    })
}

/// Creates a database with the extension on the shared server.
#[must_use]
pub fn database() -> Client {
    let mut db = empty_database();
    db.batch_execute("CREATE EXTENSION vetassist").unwrap();
    db
}

/// Creates a database with these options and with the extension on the shared server.
#[must_use]
pub fn database_with(options: &str) -> Client {
    let mut db = new_database(options);
    db.batch_execute("CREATE EXTENSION vetassist").unwrap();
    db
}

/// Creates a database without the extension on the shared server.
#[must_use]
pub fn empty_database() -> Client {
    new_database("")
}

fn new_database(options: &str) -> Client {
    let name = format!("test_{}", next());
    let mut db = shared().connect_as("postgres");
    db.batch_execute(&format!("CREATE DATABASE {name} {options}")).unwrap();
    shared().config("postgres", &name).connect(NoTls).unwrap()
}
