//! `cargo xtask fuzz`: the targets in `fuzz/`, each for a while.

use anyhow::{ensure, Result};

use crate::{
    setup::Tools,
    workspace::{step, target, top},
};

/// The targets, as `fuzz/Cargo.toml` names them.
const TARGETS: [&str; 4] = ["opening", "ring", "address", "boundary"];

/// How long each target runs where nobody says: enough to see that it finds what a change broke grossly.
pub(crate) const SECONDS: u32 = 15;

/// Runs these targets, or all of them, each for so many seconds. What they find goes on from one run to the next in
/// `target/fuzz/corpus`. Returns how many ran without finding a defect.
pub(crate) fn fuzz(tools: &Tools, only: &[String], seconds: u32) -> Result<u64> {
    let unknown = only.iter().find(|name| !TARGETS.contains(&name.as_str()));
    ensure!(unknown.is_none(), "no such fuzz target: {only:?} are not all of {TARGETS:?}");
    let folder = target().join("fuzz");
    let cargo_fuzz = |verb: &str| {
        // There is no unsafe code in what they call, so there is nothing for a sanitizer to find, and without one a
        // released toolchain will do.
        let options = [verb, "--fuzz-dir", "fuzz", "--sanitizer", "none", "--target-dir"];
        Ok::<_, anyhow::Error>(tools.cargo_program("fuzz", "0.13.2")?.args(options).arg(&folder))
    };
    step("building the fuzz targets", || Ok(cargo_fuzz("build")?.run()?))?;
    let chosen = TARGETS.iter().filter(|name| only.is_empty() || only.iter().any(|o| o == *name));
    let mut ran = 0;
    for name in chosen {
        let corpus = tools.sh.create_dir(folder.join("corpus").join(name))?;
        let seeds = Some(top().join("fuzz/seeds").join(name)).filter(|seeds| seeds.is_dir());
        // Without a line for each input that is new.
        let options = ["-verbosity=0", "-print_funcs=0", "-rss_limit_mb=2048"];
        let program = cargo_fuzz("run")?.arg(name).arg(corpus).args(seeds).arg("--").args(options);
        let program = program
            .arg("-print_final_stats=1")
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-artifact_prefix={}/{name}-", folder.display()));
        step(&format!("fuzzing {name} for {seconds} s"), || Ok(program.run()?))?;
        ran += 1;
    }
    Ok(ran)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_targets_are_those_of_the_manifest() {
        let manifest = std::fs::read_to_string(top().join("fuzz/Cargo.toml")).unwrap();
        let paths: Vec<_> =
            manifest.lines().filter(|line| line.starts_with("path = \"fuzz_targets/")).collect();
        assert_eq!(paths, TARGETS.map(|name| format!("path = \"fuzz_targets/{name}.rs\"")));
    }
}
