//! What we depend on: under which licences, from where, used at all, and with what known about it.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use xtask::{
    command::{command, output, run},
    repository,
    setup::Tools,
    Error, Result,
};

/// The workspaces, each with a lock file of its own.
const WORKSPACES: [&str; 3] = ["Cargo.toml", "bench/Cargo.toml", "fuzz/Cargo.toml"];

/// Checks all of it, and says how many checks there were.
pub(crate) fn check(tools: &Tools) -> Result<u64> {
    let mut checks = 0;
    for manifest in WORKSPACES {
        // Fails where the lock file is missing or does not fit.
        let mut metadata = tools.toolchain.cargo();
        metadata.args([
            "metadata",
            "--quiet",
            "--locked",
            "--format-version",
            "1",
            "--manifest-path",
            manifest,
        ]);
        let described = output(&mut metadata)?;
        if !described.status.success() {
            let said = String::from_utf8_lossy(&described.stderr);
            return Err(Error::new(format!("{manifest}: {}", said.trim())));
        }
        let mut deny = cargo_deny(tools, manifest)?;
        run(deny.args(["--hide-inclusion-graph", "licenses", "bans", "sources"]))?;
        checks += 4;
    }
    checks += advisories(tools)?;
    run(tools.cargo_machete()?.args(["--skip-target-dir", "."]))?;
    checks += 1;
    for lock in npm_locks(&repository())? {
        checks += audit(&lock)?;
    }
    Ok(checks)
}

/// `cargo deny check` of a workspace, by the rules that all of them share.
fn cargo_deny(tools: &Tools, manifest: &str) -> Result<Command> {
    let mut deny = tools.cargo_deny()?;
    deny.args(["--locked", "--manifest-path", manifest, "--config", "deny.toml", "check"]);
    Ok(deny)
}

/// What is known about the crates, where the database of advisories can be had.
fn advisories(tools: &Tools) -> Result<u64> {
    for (index, manifest) in WORKSPACES.iter().enumerate() {
        let found = output(cargo_deny(tools, manifest)?.arg("advisories"))?;
        let said = String::from_utf8_lossy(&found.stderr);
        if found.status.success() {
            continue;
        }
        if index == 0 && said.contains("failed to fetch advisory database") {
            println!(
                "advisories: not checked, the database of RustSec cannot be fetched from here"
            );
            return Ok(0);
        }
        return Err(Error::new(format!("{manifest}: {}", said.trim())));
    }
    Ok(WORKSPACES.len() as u64)
}

/// The lock files of npm's that are committed.
fn npm_locks(folder: &Path) -> Result<Vec<PathBuf>> {
    let listed = output(command("git").args(["ls-files", "-z", "*package-lock.json"]))?;
    let names = String::from_utf8_lossy(&listed.stdout).into_owned();
    let locks: Vec<_> =
        names.split('\0').filter(|name| !name.is_empty()).map(|name| folder.join(name)).collect();
    if locks.is_empty() {
        return Err(Error::new("git lists no package-lock.json"));
    }
    Ok(locks)
}

/// What npm knows about the packages of a lock file, where its registry answers such questions.
fn audit(lock: &Path) -> Result<u64> {
    let folder = lock.with_file_name("");
    let mut npm = command("npm");
    npm.current_dir(folder).args(["audit", "--package-lock-only", "--json"]);
    let answer = output(&mut npm)?;
    let report = String::from_utf8_lossy(&answer.stdout);
    let name = lock.strip_prefix(repository()).unwrap_or(lock).display();
    if report.contains("\"vulnerabilities\"") {
        if answer.status.success() {
            return Ok(1);
        }
        return Err(Error::new(format!("{name}: npm audit found: {report}")));
    }
    println!("{name}: not audited, the registry does not answer such questions");
    Ok(0)
}
