//! `cargo xtask fuzz`: the targets in `fuzz/`, each for a while.

use anyhow::{ensure, Result};

use crate::{
    setup::Tools,
    workspace::{step, target, top},
};

/// The seconds that each target runs by default: enough to find what a change broke grossly.
pub(crate) const SECONDS: u32 = 15;

/// Runs these targets, or all of them, each for so many seconds. What they find goes on from one run to the next in
/// `target/fuzz/corpus`. Returns how many ran without finding a defect.
pub(crate) fn fuzz(tools: &Tools, only: &[String], seconds: u32) -> Result<u64> {
    let known = tools.sh.read_dir("fuzz/fuzz_targets")?;
    let known = known.iter().filter_map(|path| path.file_stem()?.to_str());
    let chosen = |name: &&str| only.is_empty() || only.iter().any(|only| only == name);
    let targets: Vec<_> = known.filter(chosen).collect();
    ensure!(targets.len() >= only.len().max(1), "not all of {only:?} are in fuzz/fuzz_targets");
    let folder = target().join("fuzz");
    let cargo_fuzz = |verb: &str| {
        // There is no unsafe code in what they call, so there is nothing for a sanitizer to find, and without one a
        // released toolchain will do.
        let options = [verb, "--fuzz-dir", "fuzz", "--sanitizer", "none", "--target-dir"];
        Ok::<_, anyhow::Error>(tools.cargo_program("fuzz", "0.13.2")?.args(options).arg(&folder))
    };
    step("building the fuzz targets", || Ok(cargo_fuzz("build")?.run()?))?;
    for name in &targets {
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
    }
    Ok(targets.len() as u64)
}
