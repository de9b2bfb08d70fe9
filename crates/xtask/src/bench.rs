//! `cargo xtask bench`: builds everything that the benchmarks need, and runs the program in `bench/`, which measures.

use anyhow::Result;
use pg_scratch::{Postgres, VARIABLE};

use crate::{
    extension::{Extension, Profile},
    npm,
    setup::{python, Tools, PG_CONFIG_VARIABLE, PYTHON_VARIABLE},
    workspace::{step, target},
};

/// Names the library of the function that returns its argument.
const IDENTITY: &str = "VETASSIST_BENCH_IDENTITY";

/// Builds vetassist and the alternatives, and runs the program that measures them with these arguments. Returns the
/// number of families of benchmarks.
pub(crate) fn bench(tools: &Tools, postgres: &Postgres, arguments: &[String]) -> Result<u64> {
    let (sh, folder) = (&tools.sh, target().join("bench-build"));
    let extension = Extension::build(tools, postgres, Profile::Release)?;
    step("building the npm package", || npm::build(tools))?;
    npm::install_edge(sh)?;
    let cargo = |verb: &str, more: &str| {
        let options = "--release --locked --manifest-path bench/Cargo.toml --target-dir";
        let cargo = tools.cargo(&format!("{verb} {options}")).arg(&folder);
        cargo.args(more.split_whitespace()).env(PG_CONFIG_VARIABLE, &postgres.pg_config)
    };
    step("building the alternatives", || {
        cargo("build", "--workspace").run()?;
        Ok(cargo("test", "--quiet --package vetassist-bench").run()?)
    })?;
    let scratch = extension.scratch(postgres)?;
    // The server's user can read it there.
    let library = scratch.root().join("libidentity.so");
    sh.copy_file(folder.join("release/libidentity.so"), &library)?;
    cargo("run", "--quiet --package vetassist-bench --")
        .args(arguments)
        .envs([(VARIABLE, scratch.root()), (IDENTITY, &library), (PYTHON_VARIABLE, &python()?)])
        .run()?;
    // A measurement of the capacity alone draws no plot.
    let plots = sh.read_dir(target().join("bench")).unwrap_or_default();
    Ok(plots.iter().filter(|path| path.extension() == Some("svg".as_ref())).count() as u64)
}
