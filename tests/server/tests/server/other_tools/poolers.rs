//! Tests PgBouncer in transaction mode.

use std::{fs, path::PathBuf};

use postgres::{Client, Config, NoTls, SimpleQueryMessage};
use vetassist_server_tests::{debian_file, sqlstate, wait, KeyedServer};

/// The port in the name of the pooler's socket.
const PORT: u16 = 6432;

/// A running PgBouncer, which ends when it is dropped.
struct Pooler<'a> {
    server: &'a KeyedServer,
    /// The folder of its socket, which belongs to the server's user.
    run: PathBuf,
}

impl<'a> Pooler<'a> {
    /// Starts a pooler with this number of connections to the server.
    fn start(server: &'a KeyedServer, connections: u32) -> Self {
        let folder = server.key_dir().join(format!("pooler-{connections}"));
        server.run_as_server_user(&format!("mkdir -m 777 {}", folder.display()));
        // The server's user may not have access to the downloaded files.
        fs::copy(debian_file("pgbouncer", "usr/sbin/pgbouncer"), folder.join("pgbouncer")).unwrap();
        for package in ["libc-ares2", "libevent-2.1-7"] {
            for folders in fs::read_dir(debian_file(package, "usr/lib")).unwrap().flatten() {
                for library in fs::read_dir(folders.path()).unwrap().flatten() {
                    fs::copy(library.path(), folder.join(library.file_name())).unwrap();
                }
            }
        }
        let run = folder.join("run");
        let settings = [
            "[databases]".to_owned(),
            format!("postgres = host={} port=5432", server.socket_dir().display()),
            "[pgbouncer]".to_owned(),
            "pool_mode = transaction".to_owned(),
            format!("default_pool_size = {connections}"),
            format!("unix_socket_dir = {}", run.display()),
            format!("listen_port = {PORT}"),
            "listen_addr =".to_owned(),
            "auth_type = trust".to_owned(),
            format!("auth_file = {}/users", folder.display()),
            format!("logfile = {}/log", run.display()),
            format!("pidfile = {}/pid", run.display()),
        ];
        fs::write(folder.join("users"), "\"app\" \"\"\n\"admin\" \"\"\n").unwrap();
        fs::write(folder.join("settings.ini"), settings.join("\n")).unwrap();
        server.run_as_server_user(&format!(
            "mkdir {} && cd {} && LD_LIBRARY_PATH=. ./pgbouncer -q -d settings.ini",
            run.display(),
            folder.display()
        ));
        let socket = run.join(format!(".s.PGSQL.{PORT}"));
        wait(|| socket.exists());
        Self { server, run }
    }

    fn connect(&self, role: &str) -> Client {
        Config::new()
            .host_path(&self.run)
            .port(PORT)
            .user(role)
            .dbname("postgres")
            .connect(NoTls)
            .unwrap()
    }
}

impl Drop for Pooler<'_> {
    fn drop(&mut self) {
        self.server.run_as_server_user(&format!("kill $(cat {}/pid)", self.run.display()));
    }
}

/// Returns the first row of a statement in the simple protocol. PgBouncer 1.18 does not support prepared statements.
fn row(db: &mut Client, statement: &str) -> Vec<String> {
    let messages = db.simple_query(statement).unwrap();
    let rows: Vec<_> = messages
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        })
        .collect();
    let Some(row) = rows.first() else { panic!("{statement}: no row") };
    (0..row.len()).map(|column| row.get(column).unwrap_or_default().to_owned()).collect()
}

fn server() -> KeyedServer {
    KeyedServer::start_with_tiers(&["app", "admin"])
}

#[test]
#[ignore = "takes seconds"]
fn a_lease_is_taken_by_one_connection_of_a_pooler_and_finished_by_another() {
    let server = server();
    let pooler = Pooler::start(&server, 2);
    let (mut first, mut second) = (pooler.connect("app"), pooler.connect("app"));
    let user = &row(&mut first, "SELECT user_id FROM vetassist_login('ICN', 'a', now() - interval '1 h', 'jti', now() + interval '1 h', 'r', ip => '203.0.113.7')")[0];
    assert_eq!(row(&mut second, "SELECT vetassist_session_active('jti')"), ["t"]);
    let backend = "SELECT pg_backend_pid()";
    let taken_by = row(&mut first, backend);
    let lease = row(
        &mut first,
        &format!("SELECT state, lease_id, refresh_token FROM vetassist_use_token('{user}')"),
    );
    assert_eq!((&*lease[0], &*lease[2]), ("refresh", "r"));

    // The first client holds one connection in a transaction, so the second gets another one.
    first.batch_execute("BEGIN").unwrap();
    let held = row(&mut first, backend);
    assert_ne!(row(&mut second, backend), held);
    let finish = format!(
        "SELECT vetassist_finish_refresh('{}', 'b', now() + interval '1 h', 's')",
        lease[1]
    );
    assert_eq!(row(&mut second, &finish), ["stored"]);
    first.batch_execute("COMMIT").unwrap();
    assert_eq!(taken_by.len(), 1);
    for client in [&mut first, &mut second] {
        assert_eq!(row(client, &format!("SELECT vetassist_access_token('{user}')")), ["b"]);
    }

    // A lease is not finished in the transaction that took it.
    let again = row(
        &mut first,
        &format!("BEGIN; SELECT lease_id FROM vetassist_use_token('{user}', '2 hours')"),
    );
    let finish = finish.replace(&lease[1], &again[0]);
    assert_eq!(sqlstate(&first.simple_query(&finish).unwrap_err()), "25001");
    first.batch_execute("ROLLBACK").unwrap();

    let mut admin = pooler.connect("admin");
    for call in [
        "vetassist_rotate_tokens()",
        "vetassist_upgrade_ip_hashes()",
        "vetassist_seal_audit()",
        "vetassist_sign_everybody_out()",
    ] {
        admin.batch_execute(&format!("CALL {call}")).unwrap();
    }
    assert_eq!(row(&mut second, "SELECT vetassist_session_active('jti')"), ["f"]);
}

#[test]
#[ignore = "takes seconds"]
fn a_setting_stays_with_the_connection_of_a_pooler_unless_it_is_local() {
    let server = server();
    let pooler = Pooler::start(&server, 1);
    let (mut first, mut second) = (pooler.connect("app"), pooler.connect("app"));
    let show = "SHOW work_mem";
    let usual = row(&mut second, show);
    first.batch_execute("BEGIN; SET LOCAL work_mem = '7MB'").unwrap();
    assert_eq!(row(&mut first, show), ["7MB"]);
    first.batch_execute("COMMIT").unwrap();
    assert_eq!(row(&mut second, show), usual);
    first.batch_execute("SET work_mem = '7MB'").unwrap();
    assert_eq!(row(&mut second, show), ["7MB"]);
}
