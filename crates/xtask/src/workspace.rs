//! The repository's folders, and the versions that it states.

use std::{
    env,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, Result};
use xshell::Shell;

/// The packages that are tested on the machine itself, with the features that the tests need. Every call names this set,
/// because cargo compiles the dependencies again for every other set: with a set for each step, it compiled syn ten times.
pub(crate) const HOST: &str = "-p vetassist-core -p vetassist-audit -p vetassist-server-tests -p example-rust-sqlx -p example-rust-tokio-postgres --features vetassist-core/audit,vetassist-core/chrono,vetassist-core/getrandom,vetassist-core/postgres,vetassist-core/serde,vetassist-core/serde_json,vetassist-core/time";

/// Returns the repository's top folder.
pub(crate) fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new("."))
}

/// Returns cargo's target folder.
pub(crate) fn target() -> PathBuf {
    top().join(env::var_os("CARGO_TARGET_DIR").unwrap_or("target".into()))
}

/// Returns a shell in the top folder.
pub(crate) fn shell() -> Result<Shell> {
    let sh = Shell::new()?;
    sh.change_dir(top());
    Ok(sh)
}

/// The version of everything that the project releases.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Returns the oldest Rust that builds the project. Only the workspace states it.
pub(crate) fn minimum_rust() -> Result<String> {
    let manifest = shell()?.read_file("Cargo.toml")?;
    quoted_value(&manifest, "rust-version").context("Cargo.toml states no rust-version")
}

/// Returns the value of the first line `key = "value"`.
fn quoted_value(manifest: &str, key: &str) -> Option<String> {
    let values = manifest.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix(" = \""));
    values.filter_map(|value| value.split('"').next()).map(str::to_owned).next()
}

/// Prints the name of a step, runs it, and prints how long it took.
pub(crate) fn step<T>(what: &str, f: impl FnOnce() -> Result<T>) -> Result<T> {
    println!("==> {what}");
    let started = Instant::now();
    let outcome = f();
    let word = if outcome.is_ok() { "done in" } else { "failed after" };
    println!("    {word} {:.1} s", started.elapsed().as_secs_f64());
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_value_of_a_manifest_is_found_by_its_name() {
        let manifest = "a = 1\nrust-version = \"1.2\"\nversion = \"=0.1\" # why\nversion-x = \"2\"";
        assert_eq!(quoted_value(manifest, "rust-version").as_deref(), Some("1.2"));
        assert_eq!(quoted_value(manifest, "version").as_deref(), Some("=0.1"));
        assert_eq!(quoted_value(manifest, "x"), None);
    }
}
