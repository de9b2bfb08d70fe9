//! PostgreSQL: finding it, building and installing the extension for it, and servers to try it in.

mod cluster;
mod scratch;

pub use cluster::{owner_of, Cluster, PORT};
pub use scratch::{Scratch, ALL_VARIABLE, NEWER_VARIABLE, VARIABLE};

use std::{
    fs,
    io::Read,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    command::{as_root, capture, run},
    repository,
    setup::Tools,
    sql,
    toolchain::workspace_version,
    Context, Error, Result,
};

/// The major versions that the extension is written for.
pub const SUPPORTED: RangeInclusive<u32> = 15..=19;

/// An installed PostgreSQL.
#[derive(Clone, Debug)]
pub struct Postgres {
    /// Its major version.
    pub major: u32,
    /// Its `pg_config`.
    pub pg_config: PathBuf,
    /// Its programs.
    pub bin: PathBuf,
    /// Its loadable libraries.
    pub lib: PathBuf,
    /// Its shared files.
    pub share: PathBuf,
}

impl Postgres {
    /// The installation that a `pg_config` belongs to.
    ///
    /// # Errors
    /// If it cannot be run or says nothing sensible.
    pub fn from_pg_config(pg_config: &Path) -> Result<Self> {
        let ask = |option: &str| {
            capture(Command::new(pg_config).arg(option)).map(|answer| answer.trim().to_owned())
        };
        let version = ask("--version")?;
        let major = version
            .split(|c: char| !c.is_ascii_digit())
            .find(|part| !part.is_empty())
            .and_then(|major| major.parse().ok())
            .ok_or_else(|| Error::new(format!("{} names no version", pg_config.display())))?;
        Ok(Self {
            major,
            pg_config: pg_config.to_owned(),
            bin: ask("--bindir")?.into(),
            lib: ask("--pkglibdir")?.into(),
            share: ask("--sharedir")?.into(),
        })
    }

    /// Debian's installation of a major version.
    ///
    /// # Errors
    /// If it is not installed.
    pub fn debian(major: u32) -> Result<Self> {
        let pg_config = PathBuf::from(format!("/usr/lib/postgresql/{major}/bin/pg_config"));
        if !pg_config.exists() {
            return Err(Error::new(format!(
                "PostgreSQL {major} is missing: apt-get install postgresql-{major} postgresql-server-dev-{major}"
            )));
        }
        Self::from_pg_config(&pg_config)
    }

    /// Those that Debian's packages installed with what building an extension takes, and that we support;
    /// of the others it says why not.
    ///
    /// # Errors
    /// If one of them cannot be asked about itself.
    pub fn all_of_debian() -> Result<Vec<Self>> {
        let Ok(entries) = fs::read_dir("/usr/lib/postgresql") else { return Ok(Vec::new()) };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let mut majors: Vec<u32> = names.filter_map(|name| name.parse().ok()).collect();
        majors.sort_unstable();
        let mut found = Vec::new();
        for major in majors {
            let headers = format!("/usr/include/postgresql/{major}/server/postgres.h");
            if !SUPPORTED.contains(&major) {
                println!("PostgreSQL {major} is none of those supported: {SUPPORTED:?}");
            } else if Path::new(&headers).exists() {
                found.push(Self::debian(major)?);
            } else {
                println!("PostgreSQL {major} is here without its headers: apt-get install postgresql-server-dev-{major}");
            }
        }
        Ok(found)
    }

    /// One of its programs.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }
}

/// The built extension, laid out as it is installed.
#[derive(Clone, Debug)]
pub struct Extension {
    folder: PathBuf,
    built_for: Postgres,
}

impl Extension {
    /// Builds it and writes its scripts; nothing is compiled where nothing changed.
    ///
    /// # Errors
    /// If it does not build, or a script cannot be assembled.
    pub fn build(tools: &Tools, postgres: &Postgres) -> Result<Self> {
        let folder = repository().join(format!("target/vetassist-pg{}", postgres.major));
        let extension = Self { folder, built_for: postgres.clone() };
        let mut cargo = tools.cargo(&postgres.pg_config);
        cargo.args(["build", "--release", "-p", "vetassist-pg", "--no-default-features", "-F"]);
        run(cargo.arg(format!("pg{}", postgres.major)))?;
        let library = extension.below(&postgres.lib);
        // What another version left there does not belong to this one.
        let _ = fs::remove_dir_all(&extension.folder);
        for folder in [&library, &extension.scripts()] {
            fs::create_dir_all(folder).context(format!("cannot create {}", folder.display()))?;
        }
        let built = repository().join("target/release/libvetassist.so");
        fs::copy(&built, library.join("vetassist.so"))
            .context(format!("cannot copy {}", built.display()))?;
        let control =
            fs::read_to_string(repository().join("crates/vetassist-pg/vetassist.control"))
                .context("cannot read vetassist.control")?
                .replace("@CARGO_VERSION@", &workspace_version()?);
        let mut files = sql::scripts()?;
        files.push(("vetassist.control".into(), control));
        for (name, text) in files {
            let path = extension.scripts().join(name);
            fs::write(&path, text).context(format!("cannot write {}", path.display()))?;
        }
        Ok(extension)
    }

    /// A folder of the installation, where it stands among what was built.
    fn below(&self, path: &Path) -> PathBuf {
        self.folder.join(path.strip_prefix("/").unwrap_or(path))
    }

    fn scripts(&self) -> PathBuf {
        self.below(&self.built_for.share).join("extension")
    }

    /// The files, each with the folder that it is installed into.
    fn files(&self) -> Result<Vec<(PathBuf, Destination)>> {
        let mut files = Vec::new();
        for (folder, destination) in [
            (self.below(&self.built_for.lib), Destination::Library),
            (self.scripts(), Destination::Script),
        ] {
            let entries =
                fs::read_dir(&folder).context(format!("cannot read {}", folder.display()))?;
            for entry in entries {
                files.push((entry.context("cannot read the built files")?.path(), destination));
            }
        }
        Ok(files)
    }

    /// Copies it below a folder that stands for the system's root.
    ///
    /// # Errors
    /// If the files cannot be written.
    pub fn lay_out(&self, root: &Path) -> Result<()> {
        let below = |folder: &Path| root.join(folder.strip_prefix("/").unwrap_or(folder));
        let there = Postgres {
            lib: below(&self.built_for.lib),
            share: below(&self.built_for.share),
            ..self.built_for.clone()
        };
        for folder in [there.lib.clone(), there.share.join("extension")] {
            fs::create_dir_all(&folder).context(format!("cannot create {}", folder.display()))?;
        }
        self.install(&there)
    }

    /// Copies it into an installation of the same major version, as root where that takes root.
    ///
    /// # Errors
    /// If the files cannot be written.
    pub fn install(&self, postgres: &Postgres) -> Result<()> {
        for (file, destination) in self.files()? {
            let folder = match destination {
                Destination::Library => postgres.lib.clone(),
                Destination::Script => postgres.share.join("extension"),
            };
            let mut install =
                if is_writable(&folder) { Command::new("install") } else { as_root("install")? };
            // A new file rather than new content: a running server goes on with the library it loaded.
            run(install.args(["-m", "0644"]).arg(&file).arg(&folder))?;
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug)]
enum Destination {
    Library,
    Script,
}

fn is_writable(folder: &Path) -> bool {
    capture(Command::new("test").arg("-w").arg(folder)).is_ok()
}

/// A master key as a ring holds it.
///
/// # Errors
/// If the system gives no randomness.
pub fn random_key() -> Result<String> {
    let mut random = [0; 32];
    let mut source = fs::File::open("/dev/urandom").context("cannot open /dev/urandom")?;
    source.read_exact(&mut random).context("cannot read /dev/urandom")?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}
