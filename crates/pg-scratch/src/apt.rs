//! Installs Debian packages.

use std::process::Command;

use anyhow::Result;

use crate::process::{as_root, capture, output, run};

/// Installs the packages that are missing.
///
/// # Errors
/// If root is not available, or a package cannot be installed. Without apt it only prints the names of the packages.
pub fn install_missing(names: &[&str]) -> Result<()> {
    let missing: Vec<&str> = names.iter().copied().filter(|name| !is_installed(name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if output(Command::new("apt-get").arg("--version")).is_err() {
        println!(
            "==> apt-get is missing: install the equivalents of these Debian packages: {list}"
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
