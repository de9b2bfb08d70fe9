//! `cargo xtask bench`: what the benchmarks need, and then the program in `bench/`, which measures.

use xtask::{
    command::run,
    pg::{Extension, Postgres, Scratch, VARIABLE},
    repository,
    setup::{self, Tools},
    step, Result,
};

use crate::npm;

/// Names the library of the function that hands back what it gets.
const IDENTITY: &str = "VETASSIST_BENCH_IDENTITY";

/// Sets up what is missing and measures; the arguments are the program's.
pub(crate) fn bench(arguments: &[&str]) -> Result<()> {
    let tools = setup::tools()?;
    measure(&tools, &Postgres::debian(setup::DEFAULT_MAJOR)?, arguments)
}

/// Builds what is measured and what it is compared with, and measures.
pub(crate) fn measure(tools: &Tools, postgres: &Postgres, arguments: &[&str]) -> Result<()> {
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
    step("building what it is compared with", || run(cargo("build").arg("--workspace")))?;
    let scratch = Scratch::create(postgres, &extension)?;
    // Where the server's user can read it.
    let library = scratch.root().join("libidentity.so");
    std::fs::copy(target.join("release/libidentity.so"), &library)
        .map_err(|error| xtask::Error::new(format!("cannot copy the library: {error}")))?;
    let mut program = cargo("run");
    program.env(VARIABLE, scratch.root()).env(IDENTITY, &library);
    run(program.args(["--quiet", "--package", "vetassist-bench", "--"]).args(arguments))
}
