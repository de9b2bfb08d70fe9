//! Test servers with a key file.

use std::{
    env, fs,
    ops::{Deref, DerefMut},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use pg_scratch::{as_root, quote, run};
use postgres::{Client, NoTls};

use crate::{key::hex_key, number::next, server::Server, wait::wait};

/// A server with a key file, and a connection to a database with the extension.
#[derive(Debug)]
pub struct KeyedServer {
    server: Server,
    key_file: PathBuf,
    /// The connection, as the superuser.
    pub db: Connection,
}

/// A client that implements `Debug`.
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
    /// Starts a server with a ring of one key.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server with these settings and a ring of one key.
    #[must_use]
    pub fn start_with(settings: &[(&str, &str)]) -> Self {
        let mut key_file = PathBuf::new();
        let server = Server::start_prepared(settings, |cluster| {
            key_file = cluster.write_key_file("ring", &hex_key(0x11), 0o600)?;
            cluster.alter_system("vetassist.master_key_file", &key_file.to_string_lossy())
        });
        let db = Connection(server.database());
        Self { server, key_file, db }
    }

    /// Starts a server with a ring of one key and a role for each of these tiers, which has its name and may log in.
    #[must_use]
    pub fn start_with_tiers(tiers: &[&str]) -> Self {
        let mut server = Self::start();
        for tier in tiers {
            let role =
                format!("CREATE ROLE {tier} LOGIN; SELECT vetassist_grant('{tier}', '{tier}')");
            server.db.batch_execute(&role).unwrap();
        }
        server
    }

    /// Starts a server without a ring.
    #[must_use]
    pub fn start_without_key() -> Self {
        let server = Server::start(&[], &[]);
        let db = Connection(server.database());
        let key_file = server.key_dir().join("ring");
        Self { server, key_file, db }
    }

    /// Connects again, after a crash of the server.
    pub fn reconnect(&mut self) {
        // Until the server notices the crash, it accepts connections and then ends them with all others.
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
            // The server starts only when all processes that used its shared memory have ended.
            if self.server.cluster.start_server().is_ok() {
                return self.reconnect();
            }
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
        panic!("the server does not start again");
    }

    /// Returns the folder of the server's socket.
    #[must_use]
    pub fn socket_dir(&self) -> &Path {
        self.server.cluster.socket_dir()
    }

    /// Waits until the only subscription has received all changes that the publisher has made until now.
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

    /// Replaces the key file, without a reload.
    pub fn write_key_file(&self, ring: &str, mode: u32) {
        let _ = self.server.write_key_file("ring", ring, mode);
    }

    /// Returns the path of the key file.
    #[must_use]
    pub fn key_file(&self) -> &Path {
        &self.key_file
    }

    /// Connects as the superuser.
    #[must_use]
    pub fn connect(&self) -> Client {
        self.connect_as("postgres")
    }

    /// Connects with options as in `PGOPTIONS`.
    #[must_use]
    pub fn connect_with_options(&self, role: &str, options: &str) -> Client {
        self.server.config(role, "postgres").options(options).connect(NoTls).unwrap()
    }

    /// Returns the ids of the server's user and group.
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

    /// Returns the warnings that a statement raises, and asserts that it raises them only once.
    #[must_use]
    pub fn warnings_of(&mut self, statement: &str) -> Vec<String> {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&heard);
        let mut config = self.server.config("postgres", "postgres");
        let mut db = config
            .notice_callback(move |notice| sink.lock().unwrap().push(notice.message().to_owned()))
            .connect(NoTls)
            .unwrap();
        // Uses the key file of `self.db`.
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

    /// Dumps the extension's tables as a role that is not a superuser.
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

    /// Runs a statement by psql in the database with the extension, and returns its output and messages.
    #[must_use]
    pub fn psql(&self, statement: &str) -> String {
        let output = self.server.cluster.psql("postgres", &["-c", statement]).unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    }

    /// Runs a script by psql in a new database, and returns its output and messages.
    #[must_use]
    pub fn psql_script(&self, script: &str) -> String {
        let database = format!("golden_{}", next());
        let mut db = self.connect();
        db.batch_execute(&format!("CREATE DATABASE {database}")).unwrap();
        // Output and messages use one stream, so that they stay in order.
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
