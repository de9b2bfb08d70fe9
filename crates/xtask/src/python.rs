//! The Python package: its wheel, and the tests of what was built.

use std::path::PathBuf;

use anyhow::Result;
use pg_scratch::Postgres;
use xshell::cmd;

use crate::{
    extension::with_server,
    setup::{python, Tools},
    sql,
    workspace::target,
};

const MANIFEST: &str = "crates/vetassist-py/Cargo.toml";

/// Builds the wheel into `target/python-package`, and returns that folder.
pub(crate) fn build(tools: &Tools) -> Result<PathBuf> {
    let (sh, out) = (&tools.sh, target().join("python-package"));
    // Another version's wheel would be taken for this one.
    sh.remove_path(&out)?;
    let maturin = tools.run(&python()?.with_file_name("maturin"));
    maturin
        .args(["build", "--quiet", "--release", "--manifest-path", MANIFEST, "--out"])
        .arg(&out)
        .run()?;
    Ok(out)
}

/// Tests the wheel in each Python that is here, or in one; returns how many there were.
pub(crate) fn test(tools: &Tools, all: bool) -> Result<u64> {
    let (sh, python, wheel) = (&tools.sh, python()?, build(tools)?);
    let everywhere: &[&str] = if all { &["--all"] } else { &[] };
    cmd!(sh, "{python} tests/python_package/run.py {wheel}").args(everywhere).run()?;
    Ok(1)
}

/// Tests the clients of the wheel against a real server.
pub(crate) fn test_with_server(tools: &Tools, postgres: &Postgres) -> Result<u64> {
    let (sh, python, wheel, plain) = (&tools.sh, python()?, build(tools)?, sql::write_plain()?);
    with_server(tools, postgres, |cluster, ring| {
        let tests = cmd!(sh, "{python} tests/python_package/run.py {wheel} --clients");
        let tests = tests.env("VETASSIST_TEST_SOCKET", cluster.socket_dir());
        let tests = tests.env("VETASSIST_TEST_LOG", cluster.log_file());
        tests.env("VETASSIST_TEST_RING", ring).env("VETASSIST_TEST_PLAIN", &plain).run()?;
        Ok(1)
    })
}
