//! Servers and databases for the tests, and what the tests compare with.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc)] // a test that cannot go on has failed

pub mod audit_log;
pub mod catalog;
pub mod contents;

use std::{
    env, fs,
    ops::{Deref, DerefMut},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{
        atomic::{AtomicU32, Ordering},
        Arc, Mutex, OnceLock,
    },
};

use pg_scratch::{as_root, quote, run, Cluster, Scratch, NEWER_VARIABLE, PORT};
use postgres::{config::Config, Client, Error, NoTls};
use serde_json::Value;
use vetassist_core::schema::{compare, CatalogRow, Difference, Guards, CATALOG_QUERY};

/// The settings that say where the ring is.
pub const RING_SETTINGS: [&str; 2] = ["vetassist.master_key_file", "vetassist.master_key_command"];

/// The repository's top folder.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// A group of the reference vectors.
#[must_use]
pub fn vectors(group: &str) -> Vec<Value> {
    vectors_of("reference.json", group)
}

/// A group of a file of vectors.
#[must_use]
pub fn vectors_of(file: &str, group: &str) -> Vec<Value> {
    let text = fs::read_to_string(repository().join("tests/vectors").join(file)).unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    let cases = all[group].as_array().unwrap().clone();
    assert!(!cases.is_empty());
    cases
}

/// The SQLSTATE of an error that the server sent.
#[must_use]
pub fn sqlstate(error: &Error) -> &str {
    error.code().map_or("none", |code| code.code())
}

/// What the core's query finds of the tables in a schema: no extension takes part.
#[must_use]
pub fn catalog_rows(db: &mut Client, schema: &str) -> Vec<CatalogRow> {
    let mut transaction = db.transaction().unwrap();
    transaction.batch_execute("SET LOCAL search_path = pg_catalog").unwrap();
    transaction
        .query(CATALOG_QUERY, &[&schema])
        .unwrap()
        .iter()
        .map(|row| CatalogRow { object: row.get(0), attribute: row.get(1), value: row.get(2) })
        .collect()
}

/// How the tables in a schema differ from the core's description, by the core itself.
#[must_use]
pub fn differences(db: &mut Client, schema: &str, guards: Guards) -> Vec<Difference> {
    compare(&catalog_rows(db, schema), guards)
}

/// The first column of what a query returns, which is text.
#[must_use]
pub fn column_of(db: &mut Client, query: &str) -> Vec<String> {
    db.query(query, &[]).unwrap().iter().map(|row| row.get(0)).collect()
}

/// The objects that belong to the extension, each with what may be done to it. Not the tables' row types, which
/// are the extension's own in some versions of PostgreSQL and not in others.
#[must_use]
pub fn inventory(db: &mut Client) -> Vec<String> {
    column_of(
        db,
        "SELECT pg_describe_object(classid, objid, objsubid) ||
                coalesce((SELECT format(' [%s %s%s%s]',
                    CASE provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END,
                    CASE proparallel WHEN 's' THEN 'parallel safe' WHEN 'r' THEN 'parallel restricted' ELSE 'parallel unsafe' END,
                    CASE WHEN prosecdef THEN ' security definer' END,
                    CASE WHEN EXISTS (SELECT FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) WHERE grantee = 0)
                         THEN ' public' END)
                    FROM pg_proc p WHERE p.oid = objid AND classid = 'pg_proc'::regclass), '')
         FROM pg_depend
         WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e' AND classid <> 'pg_type'::regclass
           AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'vetassist')
         ORDER BY 1",
    )
}

/// A key of 32 equal bytes, in hex.
#[must_use]
pub fn hex_key(byte: u8) -> String {
    hex::encode([byte; 32])
}

/// The plain SQL file, as `cargo xtask sql` writes it.
#[must_use]
pub fn plain_sql() -> String {
    fs::read_to_string(scratch().root().join("vetassist.sql")).unwrap()
}

/// The installation that the tests run in.
#[must_use]
pub fn scratch() -> &'static Scratch {
    static SCRATCH: OnceLock<Scratch> = OnceLock::new();
    SCRATCH.get_or_init(|| Scratch::from_env().unwrap())
}

/// A server of a test's own, with no key ring but what its settings say.
#[derive(Debug)]
pub struct Server {
    cluster: Cluster,
}

impl Server {
    /// Starts one with these settings and environment variables.
    #[must_use]
    pub fn start(settings: &[(&str, &str)], environment: &[(&str, &str)]) -> Self {
        Self { cluster: Cluster::start(scratch(), settings, environment).unwrap() }
    }

    /// How a role connects to one of its databases.
    #[must_use]
    pub fn config(&self, user: &str, database: &str) -> Config {
        let mut config = Config::new();
        config.host_path(self.cluster.socket_dir()).port(PORT).user(user).dbname(database);
        config
    }

    /// Creates a database with the extension in it and connects to it.
    #[must_use]
    pub fn database(&self) -> Client {
        let mut db = self.config("postgres", "postgres").connect(NoTls).unwrap();
        db.batch_execute("CREATE EXTENSION IF NOT EXISTS vetassist").unwrap();
        db
    }

    /// Those of these libraries that the installation has. One that comes without contrib lacks them.
    #[must_use]
    pub fn libraries<'a>(names: &[&'a str]) -> Vec<&'a str> {
        let folder = &scratch().postgres().lib;
        names
            .iter()
            .copied()
            .filter(|name| {
                let is_there = folder.join(format!("{name}.so")).exists();
                if !is_there {
                    println!("this PostgreSQL comes without {name}");
                }
                is_there
            })
            .collect()
    }

    /// Connects as another role.
    #[must_use]
    pub fn connect_as(&self, role: &str) -> Client {
        self.config(role, "postgres").connect(NoTls).unwrap()
    }

    /// Connects to another of its databases.
    #[must_use]
    pub fn connect_to(&self, database: &str) -> Client {
        self.config("postgres", database).connect(NoTls).unwrap()
    }

    /// Connects to another of its databases as another role.
    #[must_use]
    pub fn connect_to_as(&self, database: &str, role: &str) -> Client {
        self.config(role, database).connect(NoTls).unwrap()
    }

    /// One of PostgreSQL's clients, connected to it.
    #[must_use]
    pub fn client(&self, program: &str) -> std::process::Command {
        self.cluster.client(program)
    }

    /// A standby that follows it.
    #[must_use]
    pub fn standby(&self) -> Self {
        Self { cluster: Cluster::standby_of(scratch(), &self.cluster).unwrap() }
    }

    /// Stops it and makes a server of the newer version from it by `pg_upgrade`.
    #[must_use]
    pub fn upgraded(&mut self, mode: &str) -> Self {
        if self.cluster.is_running() {
            self.cluster.stop("fast").unwrap();
        }
        let newer = Scratch::named_by(NEWER_VARIABLE).unwrap();
        Self { cluster: self.cluster.upgraded(&newer, mode).unwrap() }
    }

    /// Ends its following.
    pub fn promote(&mut self) {
        self.cluster.promote().unwrap();
    }

    /// Waits until a standby has what the primary has by now.
    pub fn wait_for(&self, primary: &mut Client) {
        let position: String =
            primary.query_one("SELECT pg_current_wal_lsn()::text", &[]).unwrap().get(0);
        let mut db = self.connect_as("postgres");
        wait(|| {
            let asks = format!("SELECT pg_last_wal_replay_lsn() >= '{position}'::pg_lsn");
            db.query_one(&asks, &[]).unwrap().get(0)
        });
    }

    /// What its log says so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.cluster.log()
    }

    /// Makes it read its settings again.
    pub fn reload(&self) {
        self.cluster.reload().unwrap();
    }

    /// A folder for key files.
    #[must_use]
    pub fn key_dir(&self) -> PathBuf {
        self.cluster.key_dir()
    }

    /// Its data directory.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.cluster.data()
    }

    /// Writes a key file.
    #[must_use]
    pub fn write_key_file(&self, name: &str, content: &str, mode: u32) -> PathBuf {
        self.cluster.write_key_file(name, content, mode).unwrap()
    }

    /// Runs a shell script as the server's user.
    pub fn run_as_server_user(&self, script: &str) {
        self.cluster.run_as_server_user(script).unwrap();
    }
}

/// A server with a key file, and a connection to a database with the extension.
#[derive(Debug)]
pub struct KeyedServer {
    server: Server,
    key_file: PathBuf,
    /// The connection, as the superuser.
    pub db: Connection,
}

/// A client that says nothing of itself.
pub struct Connection(Client);

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connection")
    }
}

impl Deref for Connection {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.0
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.0
    }
}

impl KeyedServer {
    /// Starts one, with a ring of one key.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one with these settings, and a ring of one key.
    #[must_use]
    pub fn start_with(settings: &[(&str, &str)]) -> Self {
        let server = Server::start(settings, &[]);
        let key_file = server.write_key_file("ring", &hex_key(0x11), 0o600);
        let mut db = server.database();
        let path = key_file.display();
        db.batch_execute(&format!("ALTER SYSTEM SET vetassist.master_key_file = '{path}'"))
            .unwrap();
        server.reload();
        // A new connection has what the server has read by then.
        let mut tries = 0;
        let db = loop {
            let mut db = server.database();
            if db.simple_query("SELECT vetassist_reload_keys()").is_ok() {
                break Connection(db);
            }
            tries += 1;
            assert!(tries < 100, "the server did not read its settings");
            std::thread::sleep(std::time::Duration::from_millis(50));
        };
        Self { server, key_file, db }
    }

    /// Starts one without a ring.
    #[must_use]
    pub fn start_without_key() -> Self {
        let server = Server::start(&[], &[]);
        let db = Connection(server.database());
        let key_file = server.key_dir().join("ring");
        Self { server, key_file, db }
    }

    /// Connects again, after a crash of the server.
    pub fn reconnect(&mut self) {
        // Until the server has noticed the crash, it lets clients in and then ends them like all others.
        for _ in 0..600 {
            if self.db.simple_query("SELECT").is_err() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        for _ in 0..600 {
            if let Ok(db) = self.server.config("postgres", "postgres").connect(NoTls) {
                self.db = Connection(db);
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        panic!("the server did not come back within a minute");
    }

    /// Kills the server and all its processes.
    pub fn kill(&self) {
        let pid_file = self.data_dir().join("postmaster.pid");
        self.run_as_server_user(&format!(
            "pid=$(head -n 1 {}); kill -9 $pid $(ps -o pid= --ppid $pid)",
            pid_file.display()
        ));
    }

    /// Starts the server again.
    pub fn start_again(&mut self) {
        for _ in 0..50 {
            // What it shared with its processes is taken only when all of them are gone.
            if self.server.cluster.start_server().is_ok() {
                return self.reconnect();
            }
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
        panic!("the server does not start again");
    }

    /// The folder of the server's socket.
    #[must_use]
    pub fn socket_dir(&self) -> &Path {
        self.server.cluster.socket_dir()
    }

    /// Waits until the only subscription has what the publisher has by now.
    pub fn wait_for_subscription(&mut self, publisher: &mut Client) {
        let ready = "SELECT count(*) > 0 AND bool_and(srsubstate = 'r') FROM pg_subscription_rel";
        wait(|| self.db.query_one(ready, &[]).unwrap().get(0));
        let position: String =
            publisher.query_one("SELECT pg_current_wal_lsn()::text", &[]).unwrap().get(0);
        let asks = format!(
            "SELECT count(*) > 0 AND bool_and(confirmed_flush_lsn >= '{position}'::pg_lsn) FROM pg_replication_slots"
        );
        wait(|| publisher.query_one(&asks, &[]).unwrap().get(0));
    }

    /// Replaces the ring and makes the connection read it.
    pub fn set_ring(&mut self, ring: &str) {
        self.write_key_file(ring, 0o600);
        self.db.simple_query("SELECT vetassist_reload_keys()").unwrap();
    }

    /// Replaces the key file; no server is told.
    pub fn write_key_file(&self, ring: &str, mode: u32) {
        let _ = self.server.write_key_file("ring", ring, mode);
    }

    /// The key file.
    #[must_use]
    pub fn key_file(&self) -> &Path {
        &self.key_file
    }

    /// Another connection as the superuser.
    #[must_use]
    pub fn connect(&self) -> Client {
        self.connect_as("postgres")
    }

    /// A connection with options from its environment, as `PGOPTIONS` gives them.
    #[must_use]
    pub fn connect_with_options(&self, role: &str, options: &str) -> Client {
        self.server.config(role, "postgres").options(options).connect(NoTls).unwrap()
    }

    /// The server's user and group.
    #[must_use]
    pub fn server_user_ids(&self) -> (u32, u32) {
        let key_file = fs::metadata(self.key_file()).unwrap();
        (key_file.uid(), key_file.gid())
    }

    /// Changes a file's mode.
    pub fn set_mode(&self, path: &Path, mode: u32) {
        run(as_root("chmod").unwrap().arg(format!("{mode:o}")).arg(path)).unwrap();
    }

    /// Changes a file's owner and group.
    pub fn set_owner(&self, path: &Path, (user, group): (u32, u32)) {
        run(as_root("chown").unwrap().arg(format!("{user}:{group}")).arg(path)).unwrap();
    }

    /// The warnings that a statement draws.
    #[must_use]
    pub fn warnings_of(&mut self, statement: &str) -> Vec<String> {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&heard);
        let mut config = self.server.config("postgres", "postgres");
        let mut db = config
            .notice_callback(move |notice| sink.lock().unwrap().push(notice.message().to_owned()))
            .connect(NoTls)
            .unwrap();
        // With the settings of our own connection.
        let path: String = self.db.query_one("SHOW vetassist.master_key_file", &[]).unwrap().get(0);
        db.batch_execute(&format!("LOAD 'vetassist'; SET vetassist.master_key_file = '{path}'"))
            .unwrap();
        db.simple_query(statement).unwrap();
        let heard_first = heard.lock().unwrap().clone();
        db.simple_query(statement).unwrap();
        assert_eq!(*heard.lock().unwrap(), heard_first, "a second call warns again");
        heard_first
    }

    /// Dumps the database, restores it into an empty one, and connects to that.
    #[must_use]
    pub fn dump_and_restore(&mut self) -> Client {
        self.db.batch_execute("CREATE DATABASE restored").unwrap();
        let cluster = &self.server.cluster;
        let folder =
            env::temp_dir().join(format!("vetassist-dump-{}-{}", std::process::id(), next()));
        run(cluster.client("pg_dump").args(["-Fc", "-d", "postgres", "-f"]).arg(&folder)).unwrap();
        run(cluster.client("pg_restore").args(["--exit-on-error", "-d", "restored"]).arg(&folder))
            .unwrap();
        fs::remove_file(&folder).unwrap();
        self.server.config("postgres", "restored").connect(NoTls).unwrap()
    }

    /// Dumps the four tables as a role that is no superuser.
    pub fn dump_as(&self, role: &str) {
        let mut dump =
            std::process::Command::new(self.server.cluster.client("pg_dump").get_program());
        dump.arg("-h").arg(self.socket_dir()).args([
            "-U",
            role,
            "-d",
            "postgres",
            "-t",
            "vetassist_*",
        ]);
        run(dump.stdout(std::process::Stdio::null())).unwrap();
    }

    /// Runs a statement by psql in the database with the extension, and returns what it printed, messages included.
    #[must_use]
    pub fn psql(&self, statement: &str) -> String {
        let output = self.server.cluster.psql("postgres", &["-c", statement]).unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    }

    /// Runs a script by psql and returns what it printed, messages included.
    #[must_use]
    pub fn psql_script(&self, script: &str) -> String {
        let database = format!("golden_{}", next());
        let mut db = self.connect();
        db.batch_execute(&format!("CREATE DATABASE {database}")).unwrap();
        // One stream, so that messages stand where they came.
        let mut psql = self.server.cluster.client("psql");
        let arguments: Vec<_> = psql.get_args().map(quote).collect();
        let program = quote(psql.get_program());
        psql = std::process::Command::new("sh");
        let line = format!(
            "printf %s {} | {program} {} -X -a -q -d {database} 2>&1",
            quote(script),
            arguments.join(" ")
        );
        let output = psql.args(["-c", &line]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }
}

impl DerefMut for KeyedServer {
    fn deref_mut(&mut self) -> &mut Server {
        &mut self.server
    }
}

impl Deref for KeyedServer {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

/// Waits for something that another process does.
///
/// # Panics
/// If it does not happen within a minute.
pub fn wait(mut done: impl FnMut() -> bool) {
    for _ in 0..1200 {
        if done() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("it did not happen within a minute");
}

fn next() -> u32 {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed)
}

/// The server that tests share when all they need is a database of their own. It has a ring.
fn shared() -> &'static Server {
    static SHARED: OnceLock<Server> = OnceLock::new();
    SHARED.get_or_init(|| {
        Server::start(&[("max_connections", "200")], &[("VETASSIST_MASTER_KEY", &hex_key(0x22))])
    })
}

/// A database with the extension, on the shared server.
#[must_use]
pub fn database() -> Client {
    let mut db = empty_database();
    db.batch_execute("CREATE EXTENSION vetassist").unwrap();
    db
}

/// A database with the extension, on the shared server, created with these options.
#[must_use]
pub fn database_with(options: &str) -> Client {
    let mut db = new_database(options);
    db.batch_execute("CREATE EXTENSION vetassist").unwrap();
    db
}

/// A database without the extension, on the shared server.
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

/// Compares with a golden file of this crate. `UPDATE_GOLDEN=1` writes it instead.
pub fn compare_with_golden(name: &str, found: &str) {
    compare_with_golden_at(&repository().join("tests/server/golden").join(name), found);
}

/// Compares with a golden file. `UPDATE_GOLDEN=1` writes it instead.
pub fn compare_with_golden_at(path: &Path, found: &str) {
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, found).unwrap();
        return;
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    for (number, pair) in found.lines().zip(expected.lines()).enumerate() {
        assert_eq!(pair.0, pair.1, "{} line {}", path.display(), number + 1);
    }
    assert_eq!(found, expected, "{}", path.display());
}
