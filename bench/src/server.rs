//! The measured server.

use anyhow::{anyhow, Context, Error, Result};
use pg_scratch::{Cluster, Scratch, PORT};
use postgres::{Client, Config, NoTls};
use vetassist_core::MasterKey;

/// The variable with the path of the library of `identity`.
pub(crate) const IDENTITY: &str = "VETASSIST_BENCH_IDENTITY";

pub(crate) struct Server {
    pub(crate) cluster: Cluster,
}

impl Server {
    /// Starts a server in the scratch installation that the environment names, with a ring of one key.
    pub(crate) fn start() -> Result<Self> {
        let scratch = Scratch::from_env()?;
        let folder = scratch.root().join("bench");
        let ring = folder.join("keys/ring");
        let settings = [
            ("vetassist.master_key_file", &*ring.to_string_lossy()),
            ("shared_buffers", "1GB"),
            ("max_wal_size", "8GB"),
            ("checkpoint_timeout", "1h"),
            ("autovacuum", "off"),
            ("jit", "off"),
            ("max_parallel_workers_per_gather", "0"),
            ("maintenance_work_mem", "512MB"),
        ];
        let server = Self { cluster: Cluster::start_at(scratch.postgres(), &folder, &settings)? };
        server.ring(&[1])?;
        Ok(server)
    }

    /// Writes a ring whose keys are 32 equal bytes each, the newest first; backends read it again after
    /// `vetassist_reload_keys()`.
    pub(crate) fn ring(&self, keys: &[u8]) -> Result<()> {
        let lines: Vec<String> = keys.iter().map(|byte| format!("{byte:02x}").repeat(32)).collect();
        self.cluster.write_key_file("ring", &lines.join("\n"), 0o600).map(|_| ())
    }

    /// Returns the first key of [`Server::start`]'s ring.
    pub(crate) fn master_key() -> MasterKey {
        MasterKey::from_bytes(&[1; 32])
    }

    /// Creates a database with the extension and connects to it.
    pub(crate) fn database(&self, name: &str) -> Result<Client> {
        execute(&mut self.connect("postgres")?, &format!("CREATE DATABASE {name}"))?;
        let mut db = self.connect(name)?;
        execute(&mut db, "CREATE EXTENSION vetassist")?;
        Ok(db)
    }

    pub(crate) fn connect(&self, database: &str) -> Result<Client> {
        let mut config = Config::new();
        config.host_path(self.cluster.socket_dir()).port(PORT).user("postgres").dbname(database);
        config.connect(NoTls).map_err(sql_error)
    }

    /// Returns the folder of its socket, for clients in other languages.
    pub(crate) fn socket(&self) -> String {
        self.cluster.socket_dir().to_string_lossy().into_owned()
    }
}

/// Runs statements.
pub(crate) fn execute(db: &mut Client, sql: &str) -> Result<()> {
    db.batch_execute(sql).map_err(sql_error)
}

/// Removes dead rows of tables, and updates the statistics of the planner.
pub(crate) fn vacuum(db: &mut Client, tables: &[&str]) -> Result<()> {
    // Each VACUUM is sent alone, because several statements at once are a transaction, in which it cannot run.
    tables.iter().try_for_each(|table| execute(db, &format!("VACUUM ANALYZE {table}")))
}

/// Returns an error of one line with the server's message.
#[allow(clippy::needless_pass_by_value)] // for map_err
pub(crate) fn sql_error(error: postgres::Error) -> Error {
    match error.as_db_error() {
        Some(said) => anyhow!("the server says: {said}"),
        None => anyhow!("{error}"),
    }
}

/// Returns the path of the library of `identity`.
pub(crate) fn identity_library() -> Result<String> {
    std::env::var(IDENTITY).map_err(std::io::Error::other).context(format!("{IDENTITY} is not set"))
}
