//! `cargo xtask fuzz`: the targets in `fuzz/`, each for a while.

use std::fs;

use xtask::{command::run, repository, setup::Tools, step, Context, Error, Result};

/// The targets, as `fuzz/Cargo.toml` names them.
const TARGETS: [&str; 6] = ["opening", "ring", "address", "boundary", "note", "export"];

/// How long each target runs where nobody says: enough to see that it finds what a change broke grossly.
pub(crate) const SECONDS: u32 = 15;

/// Runs these targets, or all of them, each for so many seconds. What they find goes on from one run to the
/// next in `target/fuzz/corpus`. Says how many ran without finding a defect.
pub(crate) fn fuzz(tools: &Tools, only: &[&str], seconds: u32) -> Result<u64> {
    if let Some(unknown) = only.iter().find(|name| !TARGETS.contains(name)) {
        return Err(Error::new(format!(
            "no fuzz target is called {unknown}: {}",
            TARGETS.join(", ")
        )));
    }
    let target = repository().join("target/fuzz");
    let cargo_fuzz = |verb: &str| {
        let mut cargo = tools.cargo_fuzz()?;
        // There is no unsafe code in what they call, so there is nothing for a sanitizer to find, and without
        // one a released toolchain will do.
        cargo
            .args([verb, "--fuzz-dir", "fuzz", "--sanitizer", "none", "--target-dir"])
            .arg(&target);
        Ok::<_, Error>(cargo)
    };
    step("building the fuzz targets", || run(&mut cargo_fuzz("build")?))?;
    let mut ran = 0;
    for name in TARGETS.iter().filter(|name| only.is_empty() || only.contains(name)) {
        let corpus = target.join("corpus").join(name);
        fs::create_dir_all(&corpus).context(format!("cannot create {}", corpus.display()))?;
        let seeds = repository().join("fuzz/seeds").join(name);
        let mut program = cargo_fuzz("run")?;
        program.arg(name).arg(&corpus);
        if seeds.is_dir() {
            program.arg(&seeds);
        }
        // Without a line for each input that is new.
        program.args([
            "--",
            "-verbosity=0",
            "-print_funcs=0",
            "-rss_limit_mb=2048",
            "-print_final_stats=1",
        ]);
        program.arg(format!("-max_total_time={seconds}"));
        program.arg(format!("-artifact_prefix={}/{name}-", target.display()));
        step(&format!("fuzzing {name} for {seconds} s"), || run(&mut program))?;
        ran += 1;
    }
    Ok(ran)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_targets_are_those_of_the_manifest() {
        let manifest = fs::read_to_string(repository().join("fuzz/Cargo.toml")).unwrap_or_default();
        let paths: Vec<_> =
            manifest.lines().filter(|line| line.starts_with("path = \"fuzz_targets/")).collect();
        assert_eq!(paths, TARGETS.map(|name| format!("path = \"fuzz_targets/{name}.rs\"")));
    }
}
