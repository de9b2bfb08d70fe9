//! `cargo xtask fuzz`: runs the targets in `fuzz/`.

use anyhow::{ensure, Result};

use crate::{
    setup::Tools,
    workspace::{step, target, top},
};

/// The seconds that each target runs by default. They are enough to find gross mistakes of a change.
pub(crate) const SECONDS: u32 = 15;

/// Runs these targets, or all of them, each for so many seconds. The next run continues with their inputs in
/// `target/fuzz/corpus`. Returns the number of targets that found no defect.
pub(crate) fn fuzz(tools: &Tools, only: &[String], seconds: u32) -> Result<u64> {
    let known = tools.sh.read_dir("fuzz/fuzz_targets")?;
    let known = known.iter().filter_map(|path| path.file_stem()?.to_str());
    let chosen = |name: &&str| only.is_empty() || only.iter().any(|only| only == name);
    let targets: Vec<_> = known.filter(chosen).collect();
    ensure!(targets.len() >= only.len().max(1), "not all of {only:?} are in fuzz/fuzz_targets");
    let folder = target().join("fuzz");
    let cargo_fuzz = |verb: &str| {
        // The code under test has no unsafe code, so a sanitizer would find nothing. Without one, a stable toolchain is
        // enough.
        let options = [verb, "--fuzz-dir", "fuzz", "--sanitizer", "none", "--target-dir"];
        Ok::<_, anyhow::Error>(tools.cargo_program("fuzz", "0.13.2")?.args(options).arg(&folder))
    };
    step("building the fuzz targets", || Ok(cargo_fuzz("build")?.run()?))?;
    for name in &targets {
        let corpus = tools.sh.create_dir(folder.join("corpus").join(name))?;
        let seeds = Some(top().join("fuzz/seeds").join(name)).filter(|seeds| seeds.is_dir());
        // These options suppress the line for each new input.
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
