//! The Rust that builds the project: the machine's if it serves, otherwise one that rustup installs.

use std::{fs, process::Command};

use crate::{
    command::{capture, command, run, succeeds},
    repository, step, Context, Error, Result,
};

/// What is built besides the host: JavaScript's, and one without an operating system.
pub const WASM_TARGET: &str = "wasm32-unknown-unknown";
/// The bare-metal target that keeps the core's `no_std` honest.
pub const BARE_METAL_TARGET: &str = "thumbv7em-none-eabihf";
const TARGETS: [&str; 2] = [WASM_TARGET, BARE_METAL_TARGET];

/// A toolchain, by the name that rustup knows it by.
#[derive(Clone, Debug)]
pub struct Toolchain(String);

impl Toolchain {
    /// Finds a toolchain that serves, or installs it.
    ///
    /// # Errors
    /// If rustup is missing or cannot install it.
    pub fn ensure() -> Result<Self> {
        if !succeeds(command("rustup").arg("--version")) {
            return Err(Error::new(
                "rustup is missing: install it as https://rustup.rs says, then run this again",
            ));
        }
        let wanted = minimum_rust()?;
        let name = match active() {
            Some((name, version)) if version >= parse(&wanted)? => name,
            _ => full_version(&wanted),
        };
        let toolchain = Self(name);
        if !toolchain.is_complete() {
            step(&format!("installing Rust {}", toolchain.0), || toolchain.install())?;
        }
        Ok(toolchain)
    }

    fn is_complete(&self) -> bool {
        let component =
            |name: &str| succeeds(command("rustup").args(["run", &self.0, name, "--version"]));
        let targets = capture(command("rustup").args([
            "target",
            "list",
            "--installed",
            "--toolchain",
            &self.0,
        ]))
        .unwrap_or_default();
        component("rustc")
            && component("cargo-clippy")
            && component("rustfmt")
            && TARGETS.iter().all(|target| targets.lines().any(|line| line == *target))
    }

    fn install(&self) -> Result<()> {
        let mut rustup = command("rustup");
        rustup.args(["toolchain", "install", &self.0, "--profile", "minimal"]);
        rustup.args(["-c", "rustfmt", "-c", "clippy"]);
        for target in TARGETS {
            rustup.args(["-t", target]);
        }
        run(&mut rustup)
    }

    /// Its cargo.
    #[must_use]
    pub fn cargo(&self) -> Command {
        let mut cargo = command("cargo");
        cargo.arg(format!("+{}", self.0));
        cargo
    }
}

/// The active toolchain's name and version.
fn active() -> Option<(String, (u32, u32))> {
    let shown = capture(command("rustup").args(["show", "active-toolchain"])).ok()?;
    let name = shown.split_whitespace().next()?.to_owned();
    let version = capture(command("rustup").args(["run", &name, "rustc", "--version"])).ok()?;
    let version = parse(version.split_whitespace().nth(1)?).ok()?;
    Some((name, version))
}

/// `rust-version` of the workspace: the one place that states it.
fn minimum_rust() -> Result<String> {
    stated("rust-version")
}

/// The version of everything that the project releases.
///
/// # Errors
/// If the workspace's `Cargo.toml` states none.
pub fn workspace_version() -> Result<String> {
    stated("version")
}

fn stated(key: &str) -> Result<String> {
    let path = repository().join("Cargo.toml");
    let manifest = fs::read_to_string(&path).context("cannot read Cargo.toml")?;
    quoted_value(&manifest, key).ok_or_else(|| Error::new(format!("Cargo.toml states no {key}")))
}

/// The value of the first line `key = "value"`.
pub(crate) fn quoted_value(manifest: &str, key: &str) -> Option<String> {
    let line = manifest.lines().find(|line| {
        line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('='))
    })?;
    line.split('"').nth(1).map(str::to_owned)
}

fn parse(version: &str) -> Result<(u32, u32)> {
    let mut parts = version.split(['.', '-']).map(str::parse);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => Ok((major, minor)),
        _ => Err(Error::new(format!("{version} is no version"))),
    }
}

/// rustup wants three numbers.
fn full_version(version: &str) -> String {
    if version.matches('.').count() == 1 {
        format!("{version}.0")
    } else {
        version.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        assert_eq!(parse("1.96").ok(), Some((1, 96)));
        assert_eq!(parse("1.100.0-nightly").ok(), Some((1, 100)));
        assert!(parse("nightly").is_err());
        assert_eq!(full_version("1.96"), "1.96.0");
        assert_eq!(full_version("1.96.1"), "1.96.1");
        assert!(minimum_rust().is_ok_and(|version| parse(&version).is_ok()));
    }

    #[test]
    fn quoted_values() {
        let manifest = "a = 1\nrust-version = \"1.2\"\npgrx = \"=0.1\" # why\npgrx-x = \"2\"";
        assert_eq!(quoted_value(manifest, "rust-version").as_deref(), Some("1.2"));
        assert_eq!(quoted_value(manifest, "pgrx").as_deref(), Some("=0.1"));
        assert_eq!(quoted_value(manifest, "x"), None);
    }
}
