//! Checks the dependencies: licences, sources, use, and known flaws.

use anyhow::{bail, ensure, Context, Result};
use xshell::{cmd, Shell};

use crate::setup::Tools;

/// The workspaces, each with a lock file of its own.
const WORKSPACES: [&str; 3] = ["Cargo.toml", "bench/Cargo.toml", "fuzz/Cargo.toml"];

/// Runs all checks, and returns their number.
pub(crate) fn check(tools: &Tools) -> Result<u64> {
    let mut checks = 0;
    let deny = |manifest: &str| {
        let options = ["--locked", "--manifest-path", manifest, "--config", "deny.toml", "check"];
        Ok::<_, anyhow::Error>(tools.cargo_program("deny", "0.20.2")?.args(options))
    };
    for manifest in WORKSPACES {
        // This fails if the lock file is missing or does not match the manifest.
        let metadata = "metadata --quiet --locked --format-version 1 --manifest-path";
        tools.cargo(metadata).arg(manifest).quiet().ignore_stdout().run()?;
        deny(manifest)?.args(["--hide-inclusion-graph", "licenses", "bans", "sources"]).run()?;
        checks += 4;
    }
    // Known flaws of the crates are checked only where the database of advisories can be fetched.
    for manifest in WORKSPACES {
        let found = deny(manifest)?.arg("advisories").ignore_status().output()?;
        let said = String::from_utf8_lossy(&found.stderr);
        if said.contains("failed to fetch advisory database") {
            println!("advisories: not checked, because RustSec's database cannot be fetched");
            break;
        }
        ensure!(found.status.success(), "{manifest}: {}", said.trim());
        checks += 1;
    }
    tools.cargo_program("machete", "0.9.2")?.args(["--skip-target-dir", "."]).run()?;
    Ok(checks + 1 + audits(&tools.sh)?)
}

/// Asks npm for known flaws in the packages of the lock files. Some registries do not support this.
fn audits(sh: &Shell) -> Result<u64> {
    let mut audited = 0;
    let locks = cmd!(sh, "git ls-files *package-lock.json").read()?;
    ensure!(!locks.is_empty(), "git lists no package-lock.json");
    for lock in locks.lines() {
        let folder = lock.strip_suffix("package-lock.json").context("no lock file")?;
        let _there = sh.push_dir(folder);
        let audit = cmd!(sh, "npm audit --package-lock-only --json").ignore_status().output()?;
        let report = String::from_utf8_lossy(&audit.stdout);
        if !report.contains("\"vulnerabilities\"") {
            println!("{lock}: not audited, because the registry does not support npm audit");
        } else if audit.status.success() {
            audited += 1;
        } else {
            bail!("{lock}: npm audit found: {report}");
        }
    }
    Ok(audited)
}
