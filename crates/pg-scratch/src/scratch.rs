//! A temporary copy of a PostgreSQL installation, so that the system's stays unchanged.

use std::{
    env, fs,
    os::unix::fs::{symlink, PermissionsExt},
    path::{Path, PathBuf},
    process::{self, Command},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

use anyhow::{ensure, Context, Result};

use crate::{
    bundled::bind,
    postgres::Postgres,
    process::{capture, run},
    server_user::run_as_server_user,
};

const PREFIX: &str = "vetassist-";

/// The file system in memory, where the servers are if it has room. A new server is a copy of 990 files: on a disk that
/// took most of a quick test's time, and 260 tests took 174 s instead of 94 s.
const MEMORY: &str = "/dev/shm";

/// The room in memory that the servers of the tests need at the same time, with the largest rows, in KiB.
const ROOM: u64 = 8 << 20;

/// The name of the folder of the servers in the folder of the copy.
const SERVERS: &str = "servers";

/// The variable that names the copy to tests, which another process made.
pub const VARIABLE: &str = "VETASSIST_TEST_PG";

/// The variable that names a second copy of a newer version, for tests of two versions.
pub const NEWER_VARIABLE: &str = "VETASSIST_TEST_NEWER_PG";

/// The variable that makes tests run their long form, which takes minutes.
pub const ALL_VARIABLE: &str = "VETASSIST_TEST_ALL";

/// A relocated PostgreSQL, which finds its libraries and shared files relative to its programs. Its folder and the folder of
/// its servers are removed when this value is dropped.
#[derive(Debug)]
pub struct Scratch {
    root: PathBuf,
    postgres: Postgres,
    owned: bool,
}

impl Scratch {
    /// Copies an installation without the extension, even if the installation has it.
    ///
    /// # Errors
    /// If the files cannot be copied.
    pub fn create(postgres: &Postgres) -> Result<Self> {
        remove_stale();
        // The folder is outside the repository, because the server's user may not have access to that.
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{number}", process::id());
        let root = env::temp_dir().join(&name);
        create_dir(&root)?;
        let mut scratch = Self { root: root.clone(), postgres: postgres.clone(), owned: true };
        if has_room_in_memory() {
            let servers = Path::new(MEMORY).join(&name);
            create_dir(&servers)?;
            symlink(servers, root.join(SERVERS))?;
        } else {
            create_dir(&root.join(SERVERS))?;
        }
        let home = postgres.bin.parent().unwrap_or(&postgres.bin);
        scratch.copy(home)?;
        // A Python package has the needed libraries in a folder next to the package.
        if let Some(beside) = home.parent().map(|package| package.with_extension("libs")) {
            if beside.is_dir() {
                scratch.copy(&beside)?;
            }
        }
        for folder in [&postgres.lib, &postgres.share] {
            if !folder.starts_with(home) {
                scratch.copy(folder)?;
            }
        }
        bind(&scratch.relocated(home))?;
        let pg_config = scratch.relocated(&postgres.bin).join("pg_config");
        scratch.postgres = Postgres::from_pg_config(&pg_config)?;
        let is_here = scratch.postgres.share.starts_with(&root);
        ensure!(is_here, "{} cannot be relocated", home.display());
        for folder in [scratch.postgres.lib.clone(), scratch.postgres.scripts()] {
            for entry in fs::read_dir(&folder)?.flatten() {
                if entry.file_name().to_string_lossy().starts_with("vetassist") {
                    fs::remove_file(entry.path())?;
                }
            }
        }
        fs::write(root.join("pg_config"), pg_config.to_string_lossy().as_bytes())?;
        Ok(scratch)
    }

    /// Returns the copy that the environment names.
    ///
    /// # Errors
    /// If it names no copy.
    pub fn from_env() -> Result<Self> {
        Self::named_by(VARIABLE)
    }

    /// Returns the copy that a variable of the environment names.
    ///
    /// # Errors
    /// If the variable names no copy.
    pub fn named_by(variable: &str) -> Result<Self> {
        let root = env::var_os(variable)
            .with_context(|| format!("{variable} is not set: run `cargo xtask test server`"))?;
        let root = PathBuf::from(root);
        let pg_config = fs::read_to_string(root.join("pg_config"))
            .with_context(|| format!("{variable} names no scratch installation"))?;
        let postgres = Postgres::from_pg_config(Path::new(&pg_config))?;
        Ok(Self { root, postgres, owned: false })
    }

    /// Returns the folder of the copy.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the folder of its servers, which may be in memory.
    pub(crate) fn servers(&self) -> Result<PathBuf> {
        let servers = self.root.join(SERVERS);
        fs::canonicalize(&servers).with_context(|| format!("cannot find {}", servers.display()))
    }

    /// Returns the copied installation.
    #[must_use]
    pub fn postgres(&self) -> &Postgres {
        &self.postgres
    }

    fn relocated(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    fn copy(&self, folder: &Path) -> Result<()> {
        let target = self.relocated(folder.parent().unwrap_or(folder));
        fs::create_dir_all(&target)
            .with_context(|| format!("cannot create {}", target.display()))?;
        run(Command::new("cp").args(["-r", "--preserve=mode"]).arg(folder).arg(&target))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.owned {
            remove(&self.root);
        }
    }
}

/// Creates a folder that every user may read, because the server's user is another one.
fn create_dir(folder: &Path) -> Result<()> {
    fs::create_dir(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?)
}

/// Returns true if both the file system in memory and the memory have room for the servers.
fn has_room_in_memory() -> bool {
    let free = capture(Command::new("df").args(["-k", "--output=avail", MEMORY]));
    let free = free.ok().and_then(|text| text.lines().last()?.trim().parse().ok());
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let available = memory.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let available = available.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse().ok());
    free.min(available) >= Some(ROOM)
}

/// Stops every server of a copy, then removes the folders of the servers and of the copy. The next run removes files that
/// cannot be removed now.
fn remove(root: &Path) {
    if let Ok(servers) = fs::canonicalize(root.join(SERVERS)) {
        stop_servers(&servers);
        let _ = fs::remove_dir_all(servers);
    }
    stop_servers(root);
    let _ = fs::remove_dir_all(root);
}

/// Stops every server with a folder in this folder.
fn stop_servers(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let pid_file = entry.path().join("data/postmaster.pid");
        let Ok(text) = fs::read_to_string(&pid_file) else { continue };
        let Some(pid) = text.lines().next().filter(|pid| is_alive(pid)) else { continue };
        // The server's user sends the signal, because the number may belong to another process by now.
        let _ = run_as_server_user(&format!("kill -QUIT {pid}"));
        // A server removes the file when it ends. Its number stays until its parent notices, which may be seconds.
        for _ in 0..100 {
            if !pid_file.exists() || !is_alive(pid) {
                break;
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}

fn is_alive(pid: &str) -> bool {
    pid.parse::<u32>().is_ok() && Path::new("/proc").join(pid).exists()
}

/// Removes the folders of earlier runs that were killed.
fn remove_stale() {
    for entry in fs::read_dir(env::temp_dir()).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else { continue };
        let pid = rest.split('-').next().unwrap_or_default();
        if pid.parse::<u32>().is_ok() && !is_alive(pid) {
            remove(&entry.path());
        }
    }
}
