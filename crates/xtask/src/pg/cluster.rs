//! Servers of their own, each with a data directory, a socket and a log in one folder.

use std::{
    fs,
    os::unix::fs::{chown, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::atomic::{AtomicU32, Ordering},
};

use super::{Postgres, Scratch};
use crate::{
    command::{self, capture, is_root, output, quote},
    Context, Error, Result,
};

static COUNT: AtomicU32 = AtomicU32::new(0);

/// The port that names the socket; the network is never listened to.
pub const PORT: u16 = 5432;

/// A PostgreSQL server, stopped when dropped.
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
    /// If it cannot be made or does not start.
    pub fn start(
        scratch: &Scratch,
        settings: &[(&str, &str)],
        environment: &[(&str, &str)],
    ) -> Result<Self> {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = scratch.root().join(format!("c{}-{number}", std::process::id()));
        let template = scratch.root().join("template");
        let mut cluster = Self::make(scratch.postgres(), &folder, environment)?;
        // initdb takes seconds, a copy of what it made does not. Tests may be several processes.
        let lock = fs::create_dir(scratch.root().join("template.lock"));
        if lock.is_ok() {
            cluster.initdb()?;
            let (new, ready) = (template.join("new"), template.join("data"));
            fs::create_dir(&template).context("cannot create the template's folder")?;
            own(&template)?;
            let (data, new, ready) = (q(&cluster.data()), q(&new), q(&ready));
            cluster.run_as_server_user(&format!("cp -a {data} {new} && mv {new} {ready}"))?;
        } else {
            cluster.copy_template(&template)?;
        }
        cluster.configure(settings)?;
        cluster.start_server()?;
        Ok(cluster)
    }

    /// Makes a server with a data directory of its own in a folder that does not exist yet, and
    /// starts it.
    ///
    /// # Errors
    /// If it cannot be made or does not start.
    pub fn start_at(postgres: &Postgres, folder: &Path, settings: &[(&str, &str)]) -> Result<Self> {
        let mut cluster = Self::make(postgres, folder, &[])?;
        cluster.initdb()?;
        cluster.configure(settings)?;
        cluster.start_server()?;
        Ok(cluster)
    }

    /// Makes a standby of another server from a base backup, and starts it.
    ///
    /// # Errors
    /// If the backup cannot be taken or the standby does not start.
    pub fn standby_of(scratch: &Scratch, primary: &Self) -> Result<Self> {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = scratch.root().join(format!("c{}-{number}", std::process::id()));
        let mut cluster = Self::make(scratch.postgres(), &folder, &[])?;
        cluster.environment.clone_from(&primary.environment);
        let backup = primary.client("pg_basebackup");
        let words: Vec<String> = std::iter::once(backup.get_program())
            .chain(backup.get_args())
            .map(|word| quote(&word.to_string_lossy()))
            .collect();
        cluster.run_as_server_user(&format!(
            "{} -R -X stream -c fast --no-sync -D {}",
            words.join(" "),
            q(&cluster.data())
        ))?;
        cluster.configure(&[])?;
        cluster.start_server()?;
        Ok(cluster)
    }

    /// Makes a server of a newer version from this one, which is stopped, and starts it.
    ///
    /// # Errors
    /// If `pg_upgrade` refuses, or the new server does not start.
    pub fn upgraded(&self, newer: &Scratch, mode: &str) -> Result<Self> {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = newer.root().join(format!("c{}-{number}", std::process::id()));
        let mut cluster = Self::make(newer.postgres(), &folder, &[])?;
        cluster.environment.clone_from(&self.environment);
        cluster.initdb()?;
        let program = q(&newer.postgres().program("pg_upgrade"));
        let (old, new) = (q(&self.postgres.bin), q(&newer.postgres().bin));
        let (from, to, here) = (q(&self.data()), q(&cluster.data()), q(&folder));
        // It writes into the folder where it is run, and its sockets' names must be short.
        let said = cluster.run_as_server_user(&format!(
            "cd {here} && {program} {mode} -U postgres -b {old} -B {new} -d {from} -D {to} -s {here} > pg_upgrade.log 2>&1 || {{ cat pg_upgrade.log; grep -h . {to}/pg_upgrade_output.d/*/*.txt {to}/pg_upgrade_output.d/*/log/*.log | grep -i -A3 error; echo failed; }}"
        ))?;
        if said.trim_end().ends_with("failed") {
            return Err(Error::new(said));
        }
        cluster.configure(&[])?;
        // The settings that were changed by SQL are not taken along.
        let settings = "postgresql.auto.conf";
        let (from, to) = (self.data().join(settings), cluster.data().join(settings));
        cluster.run_as_server_user(&format!("cp {} {}", q(&from), q(&to)))?;
        cluster.start_server()?;
        Ok(cluster)
    }

    /// Ends a standby's following.
    ///
    /// # Errors
    /// If it is no standby.
    pub fn promote(&mut self) -> Result<()> {
        self.pg_ctl("-w promote")
    }

    /// Stops the server in a folder, if it runs, and removes the folder.
    ///
    /// # Errors
    /// If the folder cannot be removed.
    pub fn remove(postgres: &Postgres, folder: &Path) -> Result<()> {
        let data = folder.join("data");
        let stop =
            format!("{} -D {} -m immediate -w stop", q(&postgres.program("pg_ctl")), q(&data));
        // It may have been stopped, or never started.
        let _ = capture(&mut as_server_user(&stop));
        fs::remove_dir_all(folder)
            .or_else(|_| {
                capture(&mut as_server_user(&format!("rm -rf {}/*", q(folder)))).ok();
                fs::remove_dir_all(folder)
            })
            .context(format!("cannot remove {}", folder.display()))
    }

    fn make(postgres: &Postgres, folder: &Path, environment: &[(&str, &str)]) -> Result<Self> {
        fs::create_dir(folder).context(format!("cannot create {}", folder.display()))?;
        let cluster = Self {
            postgres: postgres.clone(),
            folder: folder.to_owned(),
            environment: environment
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            running: false,
        };
        own(folder)?;
        fs::create_dir(cluster.key_dir()).context("cannot create the folder of the keys")?;
        own(&cluster.key_dir())?;
        Ok(cluster)
    }

    fn initdb(&self) -> Result<()> {
        // Checksums are the default from 18 on, and pg_upgrade wants the same of both servers.
        let checksums = if self.postgres.major >= 18 { "--no-data-checksums" } else { "" };
        self.run_as_server_user(&format!(
            "{} -D {} -U postgres -A trust --no-sync -E UTF8 --locale=C.UTF-8 {checksums}",
            q(&self.postgres.program("initdb")),
            q(&self.data()),
        ))
        .map(|_| ())
    }

    fn copy_template(&self, template: &Path) -> Result<()> {
        let ready = template.join("data");
        for _ in 0..600 {
            if self.run_as_server_user(&format!("test -e {}", q(&ready))).is_ok() {
                let copy = format!("cp -a {} {}", q(&ready), q(&self.data()));
                return self.run_as_server_user(&copy).map(|_| ());
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        Err(Error::new("another process did not finish initdb within a minute"))
    }

    fn configure(&self, settings: &[(&str, &str)]) -> Result<()> {
        let mut text = String::new();
        let socket = self.folder.to_string_lossy();
        let base = [
            ("listen_addresses", ""),
            ("unix_socket_directories", &*socket),
            // Whoever gets to the socket is let in, so nobody else gets to it.
            ("unix_socket_permissions", "0700"),
            ("fsync", "off"),
        ];
        for (name, value) in base.iter().chain(settings) {
            text += &format!("{name} = '{}'\n", value.replace('\'', "''"));
        }
        let path = self.data().join("postgresql.conf");
        let script = format!("printf %s {} >> {}", quote(&text), q(&path));
        self.run_as_server_user(&script).map(|_| ())
    }

    /// Starts it, if it is stopped.
    ///
    /// # Errors
    /// If it does not start; the end of its log is in the error.
    pub fn start_server(&mut self) -> Result<()> {
        let environment: String = self
            .environment
            .iter()
            .map(|(name, value)| format!("{name}={} ", quote(value)))
            .collect();
        let script = format!(
            "env {environment}{} -D {} -l {} -w start",
            q(&self.postgres.program("pg_ctl")),
            q(&self.data()),
            q(&self.log_file()),
        );
        self.run_as_server_user(&script).map_err(|error| {
            let log = self.log();
            let end: Vec<_> = log.lines().rev().take(5).collect();
            Error::new(format!(
                "{error}: {}",
                end.into_iter().rev().collect::<Vec<_>>().join(" / ")
            ))
        })?;
        self.running = true;
        Ok(())
    }

    /// Stops it: `fast` or `immediate`.
    ///
    /// # Errors
    /// If it does not stop.
    pub fn stop(&mut self, mode: &str) -> Result<()> {
        self.running = false;
        self.pg_ctl(&format!("-m {mode} -w stop"))
    }

    /// Sends SIGHUP, so that it reads its settings again.
    ///
    /// # Errors
    /// If it does not run.
    pub fn reload(&self) -> Result<()> {
        self.pg_ctl("reload")
    }

    fn pg_ctl(&self, arguments: &str) -> Result<()> {
        let program = q(&self.postgres.program("pg_ctl"));
        self.run_as_server_user(&format!("{program} -D {} {arguments}", q(&self.data())))
            .map(|_| ())
    }

    /// Leaves it running when dropped.
    pub fn leave_running(mut self) {
        self.running = false;
    }

    /// Whether it was started and not stopped.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.running
    }

    /// Its data directory.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The folder of its socket.
    #[must_use]
    pub fn socket_dir(&self) -> &Path {
        &self.folder
    }

    /// A folder for key files, outside the data directory.
    #[must_use]
    pub fn key_dir(&self) -> PathBuf {
        self.folder.join("keys")
    }

    /// Its log.
    #[must_use]
    pub fn log_file(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// What its log says so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.run_as_server_user(&format!("cat {}", q(&self.log_file()))).unwrap_or_default()
    }

    /// The installation that it runs.
    #[must_use]
    pub fn postgres(&self) -> &Postgres {
        &self.postgres
    }

    /// Writes a key file with this mode, owned by the server's user.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_key_file(&self, name: &str, content: &str, mode: u32) -> Result<PathBuf> {
        let path = self.key_dir().join(name);
        let temporary = self.key_dir().join(format!("{name}.new"));
        let write = || {
            fs::write(&temporary, content)?;
            fs::set_permissions(&temporary, fs::Permissions::from_mode(mode))?;
            if let Some((user, group)) = server_user_ids() {
                chown(&temporary, Some(user), Some(group))?;
            }
            fs::rename(&temporary, &path)
        };
        write().context(format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// The arguments that connect one of PostgreSQL's clients to it.
    #[must_use]
    pub fn connection_arguments(&self) -> Vec<String> {
        vec![
            "-h".into(),
            self.folder.to_string_lossy().into_owned(),
            "-p".into(),
            PORT.to_string(),
            "-U".into(),
            "postgres".into(),
        ]
    }

    /// One of PostgreSQL's clients, connected to it.
    #[must_use]
    pub fn client(&self, program: &str) -> Command {
        let mut client = command::command(self.postgres.program(program));
        client.args(self.connection_arguments());
        client
    }

    /// Runs psql and returns what it printed, whether it failed or not.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn psql(&self, database: &str, arguments: &[&str]) -> Result<Output> {
        output(self.client("psql").args(["-X", "-d", database]).args(arguments))
    }

    /// Runs a shell script as the server's user.
    ///
    /// # Errors
    /// If it fails.
    pub fn run_as_server_user(&self, script: &str) -> Result<String> {
        capture(&mut as_server_user(script))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.running {
            let _ = self.stop("immediate");
        }
    }
}

/// A shell script as the user that may run PostgreSQL, which refuses to run as root.
pub(super) fn as_server_user(script: &str) -> Command {
    let mut command = if is_root() {
        let mut su = Command::new("su");
        su.args(["postgres", "-s", "/bin/sh", "-c", script]);
        su
    } else {
        let mut sh = Command::new("sh");
        sh.args(["-c", script]);
        sh
    };
    // The server's user may not be allowed where we are.
    command.current_dir("/");
    command
}

/// Gives a folder to the server's user.
fn own(folder: &Path) -> Result<()> {
    let change = || {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
        match server_user_ids() {
            Some((user, group)) => chown(folder, Some(user), Some(group)),
            None => Ok(()),
        }
    };
    change().context(format!("cannot hand {} to the server's user", folder.display()))
}

/// The server's user and group, where they are not ours.
fn server_user_ids() -> Option<(u32, u32)> {
    if !is_root() {
        return None;
    }
    let id = |flag| capture(Command::new("id").args([flag, "postgres"])).ok()?.trim().parse().ok();
    Some((id("-u")?, id("-g")?))
}

/// Stops every server whose data directory is below a folder, at once.
pub(super) fn stop_all_below(root: &Path) {
    let Ok(entries) = fs::read_dir(root) else { return };
    for entry in entries.flatten() {
        let pid_file = entry.path().join("data/postmaster.pid");
        let script = format!("head -n 1 {} 2>/dev/null", q(&pid_file));
        let Ok(pid) = capture(&mut as_server_user(&script)) else { continue };
        let Ok(pid) = pid.trim().parse::<u32>() else { continue };
        let _ = capture(&mut as_server_user(&format!("kill -QUIT {pid}")));
        for _ in 0..50 {
            if !Path::new("/proc").join(pid.to_string()).exists() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }
}

/// The user and group that own a file.
///
/// # Errors
/// If it is not there.
pub fn owner_of(path: &Path) -> Result<(u32, u32)> {
    let metadata = fs::metadata(path).context(format!("cannot look at {}", path.display()))?;
    Ok((metadata.uid(), metadata.gid()))
}

fn q(path: &Path) -> String {
    quote(&path.to_string_lossy())
}
