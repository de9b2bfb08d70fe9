//! Debian's packages.

use std::process::Command;

use anyhow::Result;

use crate::process::{as_root, capture, output, run};

/// Installs those of these packages that are missing.
///
/// # Errors
/// If we cannot become root, or a package cannot be had. Where there is no apt, it says what is needed and goes on.
pub fn install_missing(names: &[&str]) -> Result<()> {
    let missing: Vec<&str> = names.iter().copied().filter(|name| !is_installed(name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if output(Command::new("apt-get").arg("--version")).is_err() {
        println!(
            "==> there is no apt-get here: install what Debian calls {list}, if it is missing"
        );
        return Ok(());
    }
    println!("==> installing {list}");
    run(as_root("apt-get")?.args(["update", "-q"]))?;
    let mut apt = as_root("env")?;
    run(apt
        .args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-q"])
        .args(&missing))
}

fn is_installed(package: &str) -> bool {
    capture(Command::new("dpkg-query").args(["-W", "-f", "${Status}", package]))
        .is_ok_and(|status| status == "install ok installed")
}
