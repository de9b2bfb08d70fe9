//! Test servers that one test starts for itself.

use std::path::PathBuf;

use pg_scratch::{Cluster, Scratch, NEWER_VARIABLE, PORT};
use postgres::{config::Config, Client, NoTls};

use crate::{installation::scratch, wait::wait};

/// A server that one test starts for itself. It has a key ring only if its settings name one.
#[derive(Debug)]
pub struct Server {
    pub(crate) cluster: Cluster,
}

impl Server {
    /// Starts a server with these settings and environment variables.
    #[must_use]
    pub fn start(settings: &[(&str, &str)], environment: &[(&str, &str)]) -> Self {
        Self { cluster: Cluster::start(scratch(), settings, environment).unwrap() }
    }

    /// Starts a server with these settings, after `prepare` has written its files.
    pub(crate) fn start_prepared(
        settings: &[(&str, &str)],
        prepare: impl FnOnce(&Cluster) -> pg_scratch::Result<()>,
    ) -> Self {
        Self { cluster: Cluster::start_prepared(scratch(), settings, &[], prepare).unwrap() }
    }

    /// Returns the configuration with which a role connects to one of the server's databases.
    #[must_use]
    pub fn config(&self, user: &str, database: &str) -> Config {
        let mut config = Config::new();
        config.host_path(self.cluster.socket_dir()).port(PORT).user(user).dbname(database);
        config
    }

    /// Creates the extension in the database `postgres`, and connects to it.
    #[must_use]
    pub fn database(&self) -> Client {
        let mut db = self.config("postgres", "postgres").connect(NoTls).unwrap();
        db.batch_execute("CREATE EXTENSION IF NOT EXISTS vetassist").unwrap();
        db
    }

    /// Returns those of these libraries that the installation has. An installation without contrib lacks them.
    #[must_use]
    pub fn libraries<'a>(names: &[&'a str]) -> Vec<&'a str> {
        let folder = &scratch().postgres().lib;
        names
            .iter()
            .copied()
            .filter(|name| {
                let is_there = folder.join(format!("{name}.so")).exists();
                if !is_there {
                    println!("this PostgreSQL does not have {name}");
                }
                is_there
            })
            .collect()
    }

    /// Connects to the database `postgres` as a role.
    #[must_use]
    pub fn connect_as(&self, role: &str) -> Client {
        self.config(role, "postgres").connect(NoTls).unwrap()
    }

    /// Connects to another of the server's databases.
    #[must_use]
    pub fn connect_to(&self, database: &str) -> Client {
        self.config("postgres", database).connect(NoTls).unwrap()
    }

    /// Connects to another of the server's databases as a role.
    #[must_use]
    pub fn connect_to_as(&self, database: &str, role: &str) -> Client {
        self.config(role, database).connect(NoTls).unwrap()
    }

    /// Returns the command of one of PostgreSQL's client programs, with the arguments to connect to the server.
    #[must_use]
    pub fn client(&self, program: &str) -> std::process::Command {
        self.cluster.client(program)
    }

    /// Starts a standby of the server.
    #[must_use]
    pub fn standby(&self) -> Self {
        Self { cluster: Cluster::standby_of(scratch(), &self.cluster).unwrap() }
    }

    /// Stops the server, and upgrades it to the newer version with `pg_upgrade`.
    #[must_use]
    pub fn upgraded(&mut self, mode: &str) -> Self {
        if self.cluster.is_running() {
            self.cluster.stop("fast").unwrap();
        }
        let newer = Scratch::named_by(NEWER_VARIABLE).unwrap();
        Self { cluster: self.cluster.upgraded(&newer, mode).unwrap() }
    }

    /// Promotes a standby.
    pub fn promote(&mut self) {
        self.cluster.promote().unwrap();
    }

    /// Waits until the standby has replayed all changes that the primary has made until now.
    pub fn wait_for(&self, primary: &mut Client) {
        let position: String =
            primary.query_one("SELECT pg_current_wal_lsn()::text", &[]).unwrap().get(0);
        let mut db = self.connect_as("postgres");
        wait(|| {
            let asks = format!("SELECT pg_last_wal_replay_lsn() >= '{position}'::pg_lsn");
            db.query_one(&asks, &[]).unwrap().get(0)
        });
    }

    /// Returns the content of the server's log.
    #[must_use]
    pub fn log(&self) -> String {
        self.cluster.log()
    }

    /// Makes the server read its settings again.
    pub fn reload(&self) {
        self.cluster.reload().unwrap();
    }

    /// Returns the folder for key files.
    #[must_use]
    pub fn key_dir(&self) -> PathBuf {
        self.cluster.key_dir()
    }

    /// Returns the server's data directory.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.cluster.data()
    }

    /// Writes a key file, and returns its path.
    #[must_use]
    pub fn write_key_file(&self, name: &str, content: &str, mode: u32) -> PathBuf {
        self.cluster.write_key_file(name, content, mode).unwrap()
    }

    /// Runs a shell script as the server's user.
    pub fn run_as_server_user(&self, script: &str) {
        self.cluster.run_as_server_user(script).unwrap();
    }
}
