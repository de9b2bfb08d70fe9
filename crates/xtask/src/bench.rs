//! `cargo xtask bench`: what the benchmarks need, and then the program in `bench/`, which measures.

use anyhow::Result;
use pg_scratch::{Postgres, VARIABLE};

use crate::{
    extension::{Extension, Profile},
    npm,
    setup::{python, Tools, PG_CONFIG_VARIABLE, PYTHON_VARIABLE},
    workspace::{step, target},
};

/// Names the library of the function that hands back what it gets.
const IDENTITY: &str = "VETASSIST_BENCH_IDENTITY";

/// Builds what is measured and what it is compared with, and measures; the arguments are the program's. Returns how
/// many families there are.
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
    step("building what it is compared with", || {
        cargo("build", "--workspace").run()?;
        Ok(cargo("test", "--quiet --package vetassist-bench").run()?)
    })?;
    let scratch = extension.scratch(postgres)?;
    // Where the server's user can read it.
    let library = scratch.root().join("libidentity.so");
    sh.copy_file(folder.join("release/libidentity.so"), &library)?;
    cargo("run", "--quiet --package vetassist-bench --")
        .args(arguments)
        .envs([(VARIABLE, scratch.root()), (IDENTITY, &library), (PYTHON_VARIABLE, &python()?)])
        .run()?;
    let plots = sh.read_dir(target().join("bench"))?;
    Ok(plots.iter().filter(|path| path.extension() == Some("svg".as_ref())).count() as u64)
}
