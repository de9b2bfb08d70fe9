//! A copy of a PostgreSQL installation to try things in, so that the system's stays as it is.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{self, Command},
    sync::atomic::{AtomicU32, Ordering},
};

use super::{cluster, Extension, Postgres};
use crate::{
    command::{capture, run},
    setup, Context, Error, Result,
};

const PREFIX: &str = "vetassist-";

/// Names the copy for tests that another process made it for.
pub const VARIABLE: &str = "VETASSIST_TEST_PG";

/// Names another, of a newer version, where two are tested.
pub const NEWER_VARIABLE: &str = "VETASSIST_TEST_NEWER_PG";

/// Set where the tests are to take the minutes that they need.
pub const ALL_VARIABLE: &str = "VETASSIST_TEST_ALL";

/// A relocated PostgreSQL: it finds its libraries and shared files beside its programs wherever it
/// stands. Servers of it live below the same folder, which goes when this is dropped.
#[derive(Debug)]
pub struct Scratch {
    root: PathBuf,
    postgres: Postgres,
    owned: bool,
}

impl Scratch {
    /// Copies an installation and puts the extension into the copy.
    ///
    /// # Errors
    /// If the files cannot be copied.
    pub fn create(postgres: &Postgres, extension: &Extension) -> Result<Self> {
        let scratch = Self::without_extension(postgres)?;
        extension.install(&scratch.postgres)?;
        Ok(scratch)
    }

    /// Copies an installation, without the extension even where it has it.
    ///
    /// # Errors
    /// If the files cannot be copied.
    pub fn without_extension(postgres: &Postgres) -> Result<Self> {
        remove_stale();
        // Not below the repository: the server's user may not be able to get there.
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let root = env::temp_dir().join(format!("{PREFIX}{}-{number}", process::id()));
        fs::create_dir(&root).context(format!("cannot create {}", root.display()))?;
        let mut scratch = Self { root: root.clone(), postgres: postgres.clone(), owned: true };
        open_to_all(&root)?;
        let home = postgres.bin.parent().unwrap_or(&postgres.bin);
        scratch.copy(home)?;
        // Where a Python package carries it, the libraries that it needs stand beside the package.
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
        setup::bind(&scratch.below(home))?;
        let pg_config = scratch.below(&postgres.bin).join("pg_config");
        let relocated = Postgres::from_pg_config(&pg_config)?;
        if !relocated.share.starts_with(&root) {
            return Err(Error::new(format!("{} cannot be relocated", home.display())));
        }
        for folder in [relocated.lib.clone(), relocated.share.join("extension")] {
            remove_named(&folder, "vetassist")?;
        }
        fs::write(root.join("pg_config"), pg_config.to_string_lossy().as_bytes())
            .context("cannot write to the scratch folder")?;
        scratch.postgres = relocated;
        Ok(scratch)
    }

    /// The copy that the environment names.
    ///
    /// # Errors
    /// If it names none.
    pub fn from_env() -> Result<Self> {
        Self::named_by(VARIABLE)
    }

    /// The copy that a variable of the environment names.
    ///
    /// # Errors
    /// If it names none.
    pub fn named_by(variable: &str) -> Result<Self> {
        let root = env::var_os(variable).ok_or_else(|| {
            Error::new(format!("{variable} is not set: run `cargo xtask test --only server`"))
        })?;
        let root = PathBuf::from(root);
        let pg_config = fs::read_to_string(root.join("pg_config"))
            .context(format!("{variable} names no scratch installation"))?;
        let postgres = Postgres::from_pg_config(Path::new(&pg_config))?;
        Ok(Self { root, postgres, owned: false })
    }

    /// The folder of it all.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The copy.
    #[must_use]
    pub fn postgres(&self) -> &Postgres {
        &self.postgres
    }

    fn below(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    fn copy(&self, folder: &Path) -> Result<()> {
        let parent = folder.parent().unwrap_or(folder);
        let target = self.below(parent);
        fs::create_dir_all(&target).context(format!("cannot create {}", target.display()))?;
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

/// Removes the files of a folder whose names begin so.
fn remove_named(folder: &Path, prefix: &str) -> Result<()> {
    let entries = fs::read_dir(folder).context(format!("cannot read {}", folder.display()))?;
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            fs::remove_file(entry.path())
                .context(format!("cannot remove {}", entry.path().display()))?;
        }
    }
    Ok(())
}

fn open_to_all(folder: &Path) -> Result<()> {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
        .context(format!("cannot open {} to the server's user", folder.display()))
}

/// Stops every server below the folder, then removes it.
fn remove(root: &Path) {
    cluster::stop_all_below(root);
    // The server's user may own some of it. What cannot be removed now is tried again next time.
    if fs::remove_dir_all(root).is_err() {
        let _ = capture(&mut cluster::as_server_user(&format!(
            "rm -rf {}",
            crate::command::quote(&root.to_string_lossy())
        )));
        let _ = fs::remove_dir_all(root);
    }
}

/// Removes what earlier runs that were killed left behind.
fn remove_stale() {
    let Ok(entries) = fs::read_dir(env::temp_dir()) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('-').next());
        let pid = number.and_then(|pid| pid.parse::<u32>().ok());
        if let Some(pid) = pid {
            if !Path::new("/proc").join(pid.to_string()).exists() {
                remove(&entry.path());
            }
        }
    }
}
