//! `cargo xtask bench`: what the benchmarks need, and then the program in `bench/`, which measures.

use std::fs;

use xtask::{
    command::run,
    pg::{Extension, Postgres, Scratch, VARIABLE},
    repository,
    setup::{self, Tools},
    step, Context, Result,
};

use crate::npm;

/// Names the library of the function that hands back what it gets.
const IDENTITY: &str = "VETASSIST_BENCH_IDENTITY";

/// Sets up what is missing and measures; the arguments are the program's.
pub(crate) fn bench(arguments: &[&str]) -> Result<()> {
    let tools = setup::tools()?;
    measure(&tools, &Postgres::debian(setup::DEFAULT_MAJOR)?, arguments).map(|_| ())
}

/// Builds what is measured and what it is compared with, and measures. Says how many families there are.
pub(crate) fn measure(tools: &Tools, postgres: &Postgres, arguments: &[&str]) -> Result<u64> {
    let extension = step("building the extension", || Extension::build(tools, postgres))?;
    step("building the npm package", || npm::build(&tools.toolchain))?;
    npm::install_edge()?;
    setup::python()?;
    let target = repository().join("target/bench-build");
    let manifest = repository().join("bench/Cargo.toml");
    let cargo = |verb: &str| {
        let mut cargo = tools.cargo(&postgres.pg_config);
        cargo.args([verb, "--release", "--locked", "--manifest-path"]).arg(&manifest);
        cargo.arg("--target-dir").arg(&target);
        cargo
    };
    step("building what it is compared with", || {
        run(cargo("build").arg("--workspace"))?;
        run(cargo("test").args(["--quiet", "--package", "vetassist-bench"]))
    })?;
    let scratch = Scratch::create(postgres, &extension)?;
    // Where the server's user can read it.
    let library = scratch.root().join("libidentity.so");
    fs::copy(target.join("release/libidentity.so"), &library)
        .context("cannot copy the library of the function that hands back what it gets")?;
    let mut program = cargo("run");
    program.env(VARIABLE, scratch.root()).env(IDENTITY, &library);
    run(program.args(["--quiet", "--package", "vetassist-bench", "--"]).args(arguments))?;
    let tables = fs::read_dir(repository().join("target/bench")).context("nothing was written")?;
    let tables = tables.flatten().filter(|entry| entry.path().extension() == Some("svg".as_ref()));
    Ok(tables.count() as u64)
}
