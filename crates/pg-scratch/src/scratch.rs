//! A temporary copy of a PostgreSQL installation, so that the system's stays unchanged.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{self, Command},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

use anyhow::{ensure, Context, Result};

use crate::{bundled::bind, postgres::Postgres, process::run, server_user::run_as_server_user};

const PREFIX: &str = "vetassist-";

/// The variable that names the copy to tests, which another process made.
pub const VARIABLE: &str = "VETASSIST_TEST_PG";

/// The variable that names a second copy of a newer version, for tests of two versions.
pub const NEWER_VARIABLE: &str = "VETASSIST_TEST_NEWER_PG";

/// The variable that makes tests run their long form, which takes minutes.
pub const ALL_VARIABLE: &str = "VETASSIST_TEST_ALL";

/// A relocated PostgreSQL, which finds its libraries and shared files relative to its programs. Its servers are in the same
/// folder, which is removed when this value is dropped.
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
        let root = env::temp_dir().join(format!("{PREFIX}{}-{number}", process::id()));
        fs::create_dir(&root).with_context(|| format!("cannot create {}", root.display()))?;
        let mut scratch = Self { root: root.clone(), postgres: postgres.clone(), owned: true };
        fs::set_permissions(&root, fs::Permissions::from_mode(0o755))?;
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

    /// Returns the folder of the copy and its servers.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
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

/// Stops every server in the folder, then removes the folder. The next run removes files that cannot be removed now.
fn remove(root: &Path) {
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
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
    let _ = fs::remove_dir_all(root);
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
