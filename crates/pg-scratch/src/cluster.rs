//! PostgreSQL servers, each with a data directory, a socket and a log in one folder.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

use anyhow::{bail, Context, Result};

use crate::{
    postgres::Postgres,
    process::{output, quote, run},
    scratch::Scratch,
    server_user::{give, run_as_server_user},
};

/// The port in the name of the socket. The server does not listen on the network.
pub const PORT: u16 = 5432;

/// A PostgreSQL server, which is stopped when dropped.
#[derive(Debug)]
pub struct Cluster {
    postgres: Postgres,
    folder: PathBuf,
    environment: Vec<(String, String)>,
    running: bool,
}

impl Cluster {
    /// Starts a server in the scratch installation with these settings, and these variables in its
    /// environment.
    ///
    /// # Errors
    /// If the server cannot be created or does not start.
    pub fn start(
        scratch: &Scratch,
        settings: &[(&str, &str)],
        environment: &[(&str, &str)],
    ) -> Result<Self> {
        Self::start_prepared(scratch, settings, environment, |_| Ok(()))
    }

    /// Starts a server in the same way, after `prepare` has written its files.
    ///
    /// # Errors
    /// If the server cannot be created or does not start.
    pub fn start_prepared(
        scratch: &Scratch,
        settings: &[(&str, &str)],
        environment: &[(&str, &str)],
        prepare: impl FnOnce(&Self) -> Result<()>,
    ) -> Result<Self> {
        let mut cluster = Self::new_in(scratch)?;
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        cluster.environment = environment.iter().map(owned).collect();
        cluster.copy_template(&scratch.servers()?)?;
        cluster.configure(settings)?;
        prepare(&cluster)?;
        cluster.start_server()?;
        Ok(cluster)
    }

    /// Sets a setting of a server that is stopped, as ALTER SYSTEM does.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn alter_system(&self, name: &str, value: &str) -> Result<()> {
        self.append("postgresql.auto.conf", &[(name, value)])
    }

    /// Creates a server with a data directory of its own in a new folder, and starts it.
    ///
    /// # Errors
    /// If the server cannot be created or does not start.
    pub fn start_at(postgres: &Postgres, folder: &Path, settings: &[(&str, &str)]) -> Result<Self> {
        let mut cluster = Self::new_at(postgres, folder)?;
        cluster.initdb(&cluster.data())?;
        cluster.configure(settings)?;
        cluster.start_server()?;
        Ok(cluster)
    }

    /// Creates a folder for a server in the scratch installation, without a data directory.
    pub(crate) fn new_in(scratch: &Scratch) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = scratch.servers()?.join(format!("c{}-{number}", std::process::id()));
        Self::new_at(scratch.postgres(), &folder)
    }

    fn new_at(postgres: &Postgres, folder: &Path) -> Result<Self> {
        let cluster = Self {
            postgres: postgres.clone(),
            folder: folder.to_owned(),
            environment: Vec::new(),
            running: false,
        };
        for folder in [folder, &cluster.key_dir()] {
            fs::create_dir(folder)
                .with_context(|| format!("cannot create {}", folder.display()))?;
            give(folder, 0o755)?;
        }
        Ok(cluster)
    }

    pub(crate) fn initdb(&self, data: &Path) -> Result<()> {
        // Checksums are the default since 18, and pg_upgrade needs the same setting in both servers.
        let checksums = if self.postgres.major >= 18 { "--no-data-checksums" } else { "" };
        let (initdb, data) = (quote(self.postgres.program("initdb")), quote(data));
        let options = "-U postgres -A trust --no-sync -E UTF8 --locale=C.UTF-8";
        run_as_server_user(&format!("{initdb} -D {data} {options} {checksums}")).map(|_| ())
    }

    /// Copies a data directory that the first server in a scratch installation makes, because initdb takes seconds and a copy
    /// does not. Several test processes may do this at the same time.
    fn copy_template(&self, servers: &Path) -> Result<()> {
        let (template, ready) = (servers.join("template"), servers.join("template/data"));
        if fs::create_dir(&template).is_ok() {
            give(&template, 0o755)?;
            let new = template.join("new");
            self.initdb(&new)?;
            fs::rename(&new, &ready)?;
        }
        for _ in 0..600 {
            if ready.exists() {
                return run(Command::new("cp").arg("-a").arg(&ready).arg(self.data()));
            }
            thread::sleep(Duration::from_millis(100));
        }
        bail!("another process did not finish initdb within a minute")
    }

    pub(crate) fn configure(&self, settings: &[(&str, &str)]) -> Result<()> {
        let socket = self.folder.to_string_lossy();
        let base = [
            ("listen_addresses", ""),
            ("unix_socket_directories", &*socket),
            // The server trusts every connection, so only its own user may use the socket.
            ("unix_socket_permissions", "0700"),
            ("fsync", "off"),
        ];
        self.append("postgresql.conf", &[&base, settings].concat())
    }

    fn append(&self, file: &str, settings: &[(&str, &str)]) -> Result<()> {
        let path = self.data().join(file);
        let write = || {
            let mut file = OpenOptions::new().append(true).open(&path)?;
            for (name, value) in settings {
                writeln!(file, "{name} = '{}'", value.replace('\'', "''"))?;
            }
            Ok::<_, std::io::Error>(())
        };
        write().with_context(|| format!("cannot write to {}", path.display()))
    }

    /// Starts the server if it is stopped.
    ///
    /// # Errors
    /// If the server does not start; the error has the end of its log.
    pub fn start_server(&mut self) -> Result<()> {
        let environment = self.environment.iter();
        let environment: String =
            environment.map(|(name, value)| format!("{name}={} ", quote(value))).collect();
        let log_file = quote(self.log_file());
        self.pg_ctl(&format!("env {environment}"), &format!("-l {log_file} -w start")).map_err(
            |error| {
                let log = self.log();
                let lines: Vec<_> = log.lines().collect();
                let end = &lines[lines.len().saturating_sub(5)..];
                error.context(format!("the server does not start: {}", end.join(" / ")))
            },
        )?;
        self.running = true;
        Ok(())
    }

    /// Stops the server in a mode, `fast` or `immediate`.
    ///
    /// # Errors
    /// If the server does not stop.
    pub fn stop(&mut self, mode: &str) -> Result<()> {
        self.running = false;
        self.pg_ctl("", &format!("-m {mode} -w stop"))
    }

    /// Sends SIGHUP, so that the server reads its settings again.
    ///
    /// # Errors
    /// If the server is not running.
    pub fn reload(&self) -> Result<()> {
        self.pg_ctl("", "reload")
    }

    /// Promotes a standby.
    ///
    /// # Errors
    /// If it is no standby.
    pub fn promote(&mut self) -> Result<()> {
        self.pg_ctl("", "-w promote")
    }

    fn pg_ctl(&self, prefix: &str, arguments: &str) -> Result<()> {
        let (pg_ctl, data) = (quote(self.postgres.program("pg_ctl")), quote(self.data()));
        run_as_server_user(&format!("{prefix}{pg_ctl} -D {data} {arguments}")).map(|_| ())
    }

    /// Consumes the value and leaves the server running.
    pub fn leave_running(mut self) {
        self.running = false;
    }

    /// Stops the server in a folder, if it runs, and removes the folder.
    ///
    /// # Errors
    /// If the folder cannot be removed.
    pub fn remove(postgres: &Postgres, folder: &Path) -> Result<()> {
        let (pg_ctl, data) = (quote(postgres.program("pg_ctl")), quote(folder.join("data")));
        // The server may have been stopped, or never started.
        let _ = run_as_server_user(&format!("{pg_ctl} -D {data} -m immediate -w stop"));
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))
    }

    /// Returns true if the server was started and not stopped.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.running
    }

    /// Returns its data directory.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Returns the folder of its socket.
    #[must_use]
    pub fn socket_dir(&self) -> &Path {
        &self.folder
    }

    /// Returns a folder for key files, outside the data directory.
    #[must_use]
    pub fn key_dir(&self) -> PathBuf {
        self.folder.join("keys")
    }

    /// Returns the path of its log.
    #[must_use]
    pub fn log_file(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// Returns the text of its log.
    #[must_use]
    pub fn log(&self) -> String {
        let log = fs::read(self.log_file()).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// Returns the installation that it runs.
    #[must_use]
    pub fn postgres(&self) -> &Postgres {
        &self.postgres
    }

    pub(crate) fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    pub(crate) fn set_environment(&mut self, environment: &[(String, String)]) {
        self.environment = environment.to_vec();
    }

    /// Writes a key file with this mode, owned by the server's user.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_key_file(&self, name: &str, content: &str, mode: u32) -> Result<PathBuf> {
        let path = self.key_dir().join(name);
        let new = self.key_dir().join(format!("{name}.new"));
        fs::write(&new, content).with_context(|| format!("cannot write {}", new.display()))?;
        give(&new, mode)?;
        fs::rename(&new, &path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// Returns the arguments that connect a PostgreSQL client to the server.
    #[must_use]
    pub fn connection_arguments(&self) -> Vec<String> {
        let folder = self.folder.to_string_lossy().into_owned();
        vec!["-h".into(), folder, "-p".into(), PORT.to_string(), "-U".into(), "postgres".into()]
    }

    /// Returns a command that runs a PostgreSQL client with a connection to the server.
    #[must_use]
    pub fn client(&self, program: &str) -> Command {
        let mut client = Command::new(self.postgres.program(program));
        client.args(self.connection_arguments());
        client
    }

    /// Runs psql and returns its output, also if it failed.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn psql(&self, database: &str, arguments: &[&str]) -> Result<Output> {
        output(self.client("psql").args(["-X", "-d", database]).args(arguments))
    }

    /// Runs a shell script as the server's user and returns its output.
    ///
    /// # Errors
    /// If the script fails.
    pub fn run_as_server_user(&self, script: &str) -> Result<String> {
        run_as_server_user(script)
    }
}

/// Returns a random master key in the format of a key file.
///
/// # Errors
/// If the system gives no randomness.
pub fn random_key() -> Result<String> {
    let mut random = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut random)?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.running {
            let _ = self.stop("immediate");
            // Hundreds of folders would fill the disk. The folder of a failed test is kept for debugging.
            if !thread::panicking() {
                let _ = fs::remove_dir_all(&self.folder);
            }
        }
    }
}
