//! An installed PostgreSQL.

use std::{
    fs,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{bail, Context, Result};

use crate::process::capture;

/// The major versions that the extension supports.
pub const SUPPORTED: RangeInclusive<u32> = 15..=19;

/// An installed PostgreSQL.
#[derive(Clone, Debug)]
pub struct Postgres {
    /// Its major version.
    pub major: u32,
    /// Its `pg_config`.
    pub pg_config: PathBuf,
    /// The folder of its programs.
    pub bin: PathBuf,
    /// The folder of its loadable libraries.
    pub lib: PathBuf,
    /// The folder of its shared files.
    pub share: PathBuf,
}

impl Postgres {
    /// Returns the installation that a `pg_config` belongs to.
    ///
    /// # Errors
    /// If it cannot be run or prints no version.
    pub fn from_pg_config(pg_config: &Path) -> Result<Self> {
        let ask = |option: &str| {
            capture(Command::new(pg_config).arg(option)).map(|answer| answer.trim().to_owned())
        };
        let version = ask("--version")?;
        let major = version
            .split(|c: char| !c.is_ascii_digit())
            .find_map(|part| part.parse().ok())
            .with_context(|| format!("{} prints no version", pg_config.display()))?;
        Ok(Self {
            major,
            pg_config: pg_config.to_owned(),
            bin: ask("--bindir")?.into(),
            lib: ask("--pkglibdir")?.into(),
            share: ask("--sharedir")?.into(),
        })
    }

    /// Returns Debian's installation of a major version.
    ///
    /// # Errors
    /// If it is not installed.
    pub fn debian(major: u32) -> Result<Self> {
        let pg_config = PathBuf::from(format!("/usr/lib/postgresql/{major}/bin/pg_config"));
        if !pg_config.exists() {
            bail!("PostgreSQL {major} is missing: apt-get install postgresql-{major} postgresql-server-dev-{major}");
        }
        Self::from_pg_config(&pg_config)
    }

    /// Returns the supported installations of Debian packages that have the headers for building extensions. Prints why it
    /// skips the others.
    ///
    /// # Errors
    /// If the `pg_config` of one of them fails.
    pub fn all_of_debian() -> Result<Vec<Self>> {
        let Ok(entries) = fs::read_dir("/usr/lib/postgresql") else { return Ok(Vec::new()) };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let mut majors: Vec<u32> = names.filter_map(|name| name.parse().ok()).collect();
        majors.sort_unstable();
        let mut found = Vec::new();
        for major in majors {
            let headers = format!("/usr/include/postgresql/{major}/server/postgres.h");
            if !SUPPORTED.contains(&major) {
                println!(
                    "PostgreSQL {major} is not supported: the supported versions are {SUPPORTED:?}"
                );
            } else if Path::new(&headers).exists() {
                found.push(Self::debian(major)?);
            } else {
                println!("the headers of PostgreSQL {major} are missing: apt-get install postgresql-server-dev-{major}");
            }
        }
        Ok(found)
    }

    /// Returns the path of one of its programs.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }

    /// Returns the folder of its extensions' scripts.
    #[must_use]
    pub fn scripts(&self) -> PathBuf {
        self.share.join("extension")
    }
}
