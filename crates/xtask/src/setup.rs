//! Installs the tools that a fresh machine lacks, without asking.

use std::path::{Path, PathBuf};

use anyhow::{bail, Context, Result};
use pg_scratch::{cache, install_missing, is_root, Postgres, DEFAULT_MAJOR};
use xshell::{cmd, Cmd, Shell};

use crate::workspace::{minimum_rust, shell, step, target};

/// The Debian packages that the build of the extension needs. The headers of PostgreSQL 16 and later include those of ICU.
const BUILD_PACKAGES: [&str; 7] = [
    "build-essential",
    "clang",
    "libclang-dev",
    "libicu-dev",
    "libssl-dev",
    "openssl",
    "pkg-config",
];
/// The Debian packages that the servers of tests and demo need.
const POSTGRES_PACKAGES: [&str; 3] =
    ["postgresql-15", "postgresql-contrib", "postgresql-server-dev-15"];

/// The target of the npm package.
pub(crate) const WASM_TARGET: &str = "wasm32-unknown-unknown";
/// The bare-metal target, which has no `std`: the core must build for it.
pub(crate) const BARE_METAL_TARGET: &str = "thumbv7em-none-eabihf";

/// Tells pgrx which PostgreSQL to build for, so that no configuration in the user's home is read or changed.
pub(crate) const PG_CONFIG_VARIABLE: &str = "PGRX_PG_CONFIG_PATH";

/// Names the Python of [`python`] for tests and benchmarks.
pub(crate) const PYTHON_VARIABLE: &str = "VETASSIST_TEST_PYTHON";

/// The Rust toolchain that builds the project: the active one if it is new enough, otherwise one that rustup installs.
pub(crate) struct Tools {
    pub(crate) sh: Shell,
    toolchain: String,
}

impl Tools {
    /// Sets up Debian's packages and the Rust toolchain, and returns them with Debian's PostgreSQL.
    pub(crate) fn with_postgres() -> Result<(Self, Postgres)> {
        install_missing(&POSTGRES_PACKAGES)?;
        Ok((Self::new()?, Postgres::debian(DEFAULT_MAJOR)?))
    }

    /// Installs the packages and the toolchain that a build needs.
    pub(crate) fn new() -> Result<Self> {
        install_missing(&BUILD_PACKAGES)?;
        let sh = shell()?;
        if cmd!(sh, "rustup --version").quiet().ignore_stdout().ignore_stderr().run().is_err() {
            bail!("rustup is missing: install it as https://rustup.rs says, then run this again");
        }
        let wanted = minimum_rust()?;
        let toolchain = match active(&sh) {
            Some((name, version)) if version >= parse(&wanted)? => name,
            _ => full_version(&wanted),
        };
        let targets = [WASM_TARGET, BARE_METAL_TARGET];
        if !is_complete(&sh, &toolchain, &targets) {
            let targets = targets.join(",");
            step(&format!("installing Rust {toolchain}"), || {
                Ok(cmd!(sh, "rustup toolchain install {toolchain} --profile minimal --component rustfmt,clippy --target {targets}").run()?)
            })?;
        }
        Ok(Self { sh, toolchain })
    }

    /// Returns the toolchain's name.
    pub(crate) fn toolchain(&self) -> &str {
        &self.toolchain
    }

    /// Returns a command that runs `cargo` of that toolchain. Blanks separate the arguments.
    pub(crate) fn cargo(&self, arguments: &str) -> Cmd<'_> {
        let toolchain = &self.toolchain;
        cmd!(self.sh, "cargo +{toolchain}").args(arguments.split_whitespace())
    }

    /// Returns a command for a program that itself runs cargo, so that it runs cargo of that toolchain.
    pub(crate) fn run(&self, program: &Path) -> Cmd<'_> {
        let toolchain = &self.toolchain;
        cmd!(self.sh, "rustup run {toolchain} {program}")
    }

    /// Returns a subcommand of cargo from crates.io, built once for all clones of the repository.
    pub(crate) fn cargo_program(&self, name: &str, version: &str) -> Result<Cmd<'_>> {
        let root = cache()?.join(format!("cargo-{name}-{version}"));
        let (program, toolchain) =
            (root.join("bin").join(format!("cargo-{name}")), &self.toolchain);
        if !program.exists() {
            // Optimising it takes longer than it saves.
            step(&format!("building cargo-{name} {version} (once, some minutes)"), || {
                let install = "install --debug --locked --version";
                let install = format!("{install} {version} cargo-{name} --root");
                Ok(self.cargo(&install).arg(&root).run()?)
            })?;
        }
        // Some subcommands recognise by these variables that cargo runs them.
        let run = cmd!(self.sh, "rustup run {toolchain} {program} {name}");
        Ok(run.env("CARGO", "cargo").env_remove("CARGO_PKG_NAME"))
    }
}

fn is_complete(sh: &Shell, toolchain: &str, targets: &[&str]) -> bool {
    let runs = |program| {
        let run = cmd!(sh, "rustup run {toolchain} {program} --version").quiet();
        run.ignore_stdout().ignore_stderr().run().is_ok()
    };
    let list = cmd!(sh, "rustup target list --installed --toolchain {toolchain}").ignore_stderr();
    let installed = list.read().unwrap_or_default();
    ["rustc", "cargo-clippy", "rustfmt"].into_iter().all(runs)
        && targets.iter().all(|target| installed.lines().any(|line| line == *target))
}

/// Returns the active toolchain's name and version.
fn active(sh: &Shell) -> Option<(String, (u32, u32))> {
    let shown = cmd!(sh, "rustup show active-toolchain").ignore_stderr().read().ok()?;
    let name = shown.split_whitespace().next()?.to_owned();
    let version = cmd!(sh, "rustup run {name} rustc --version").ignore_stderr().read().ok()?;
    Some((name, parse(version.split_whitespace().nth(1)?).ok()?))
}

fn parse(version: &str) -> Result<(u32, u32)> {
    let mut parts = version.split(['.', '-']).map_while(|part| part.parse().ok());
    parts.next().zip(parts.next()).with_context(|| format!("{version} is no version"))
}

/// Returns the version with three numbers, which rustup requires.
fn full_version(version: &str) -> String {
    format!("{version}{}", if version.matches('.').count() == 1 { ".0" } else { "" })
}

/// Returns a command that runs a program as root, with sudo if this process does not run as root.
pub(crate) fn as_root<'a>(sh: &'a Shell, program: &str) -> Cmd<'a> {
    if is_root() {
        cmd!(sh, "{program}")
    } else {
        cmd!(sh, "sudo {program}")
    }
}

/// Returns a Python with the packages of the tests. It is in cargo's folder, so the system's Python does not change.
pub(crate) fn python() -> Result<PathBuf> {
    install_missing(&["python3-venv"])?;
    let sh = shell()?;
    let requirements = Path::new("tests/python/requirements.txt");
    let wanted = sh.read_file(requirements)?;
    let folder = target().join("python");
    let (python, stamp) = (folder.join("bin/python"), folder.join("requirements.txt"));
    // The stamp is written last.
    if !sh.read_file(&stamp).is_ok_and(|installed| installed == wanted) {
        step("installing the Python packages of the tests", || {
            cmd!(sh, "python3 -m venv --clear {folder}").run()?;
            cmd!(
                sh,
                "{python} -m pip install --quiet --disable-pip-version-check -r {requirements}"
            )
            .run()?;
            Ok(sh.write_file(&stamp, &wanted)?)
        })?;
    }
    Ok(python)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_parsed_and_completed() {
        assert_eq!(parse("1.96").ok(), Some((1, 96)));
        assert_eq!(parse("1.100.0-nightly").ok(), Some((1, 100)));
        assert!(parse("nightly").is_err());
        assert_eq!(full_version("1.96"), "1.96.0");
        assert_eq!(full_version("1.96.1"), "1.96.1");
        assert!(minimum_rust().is_ok_and(|version| parse(&version).is_ok()));
    }
}
