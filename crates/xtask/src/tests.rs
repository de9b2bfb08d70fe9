//! `cargo xtask test`: every step that must pass, what is quick before what is slow.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::Instant,
};

use xtask::{
    command::{command, run},
    pg::{Extension, Postgres, Scratch, ALL_VARIABLE, NEWER_VARIABLE, SUPPORTED, VARIABLE},
    setup::{self, Tools},
    step,
    toolchain::{BARE_METAL_TARGET, WASM_TARGET},
    Context, Error, Result,
};

use crate::{bench, checks, fuzz, npm, package, supply_chain, versions};

/// What the steps share.
struct Bench {
    tools: Tools,
    postgres: Postgres,
    /// Whether what takes minutes is run too.
    all: bool,
    passed: u64,
    failed: u64,
}

type Run = fn(&mut Bench) -> Result<()>;

/// Each step: its name, what it does, how. A new one is a line.
const STEPS: &[(&str, &str, Run)] = &[
    ("repository", "looking for what must not be committed", |bench| {
        bench.passed += checks::repository()?;
        Ok(())
    }),
    ("versions", "comparing the version wherever it is stated", |bench| {
        bench.passed += versions::agree()?;
        Ok(())
    }),
    ("dockerfile", "linting the Dockerfile", |bench| {
        let hadolint = setup::python()?.with_file_name("hadolint");
        run(command(hadolint).arg("Dockerfile"))?;
        bench.passed += 1;
        Ok(())
    }),
    ("fmt", "checking the formatting", |bench| bench.cargo(&["fmt", "--all", "--check"])),
    ("clippy", "linting", |bench| {
        // The module of the npm package is linted for the target that it is built for.
        let all = ["clippy", "--workspace", "--exclude", "vetassist-wasm", "--all-targets"];
        bench.cargo(&[&all[..], &["--", "-D", "warnings"]].concat())
    }),
    ("core", "testing the core", |bench| {
        bench.cargo(&["test", "-p", "vetassist-core", "--all-features"])?;
        // Each feature by itself.
        for feature in
            ["", "audit", "getrandom", "serde", "time", "chrono", "serde_json", "postgres"]
        {
            let core = ["check", "-p", "vetassist-core", "--no-default-features"];
            bench.cargo(&[&core[..], &["--features", feature]].concat())?;
        }
        Ok(())
    }),
    ("audit", "testing the program that watches the audit log", |bench| {
        bench.cargo(&["test", "-p", "vetassist-audit"])
    }),
    ("docs", "building the core's documentation", |bench| {
        let mut cargo = bench.tools.toolchain.cargo();
        cargo.env("RUSTDOCFLAGS", "-D warnings");
        cargo.args(["doc", "-p", "vetassist-core", "--all-features", "--no-deps"]);
        bench.count(&mut cargo)
    }),
    ("bare-metal", "building the core where there is no operating system", |bench| {
        let core = ["build", "-p", "vetassist-core", "--no-default-features"];
        for features in ["", "audit,serde,time"] {
            let target = ["--target", BARE_METAL_TARGET, "--features", features];
            bench.cargo(&[&core[..], &target].concat())?;
        }
        Ok(())
    }),
    ("npm", "building the npm package and testing it in each runtime", |bench| {
        let target = ["--target", WASM_TARGET];
        let lint = ["clippy", "-p", "vetassist-wasm", "-p", "vetassist-schema-wasm"];
        bench.cargo(&[&lint[..], &target, &["--", "-D", "warnings"]].concat())?;
        npm::build(&bench.tools.toolchain)?;
        bench.passed += npm::test()?;
        Ok(())
    }),
    ("supply-chain", "looking at what we depend on", |bench| {
        bench.passed += supply_chain::check(&bench.tools)?;
        Ok(())
    }),
    ("fuzz", "running the fuzz targets, for a moment each", |bench| {
        let manifest = ["--manifest-path", "fuzz/Cargo.toml"];
        bench.cargo(&[&["fmt"], &manifest[..], &["--all", "--check"]].concat())?;
        bench.passed += fuzz::fuzz(&bench.tools, &[], fuzz::SECONDS)?;
        Ok(())
    }),
    ("xtask", "testing these commands", |bench| bench.cargo(&["test", "-p", "xtask"])),
    ("server", "building the extension and testing it in real servers", |bench| {
        let postgres = bench.postgres.clone();
        bench.server(&postgres)
    }),
    ("npm-server", "testing the npm package against a real server", |bench| {
        npm::build(&bench.tools.toolchain)?;
        let extension = Extension::build(&bench.tools, &bench.postgres)?;
        bench.passed += npm::test_with_server(&bench.postgres, &extension)?;
        Ok(())
    }),
    ("bench", "running every benchmark, in short", |bench| {
        bench.cargo(&["fmt", "--manifest-path", "bench/Cargo.toml", "--all", "--check"])?;
        bench.passed += bench::measure(&bench.tools, &bench.postgres, &["--short"])?;
        Ok(())
    }),
    ("package", "building what a release consists of, installing and removing it", |bench| {
        bench.passed += package::check::test(&bench.tools, &bench.postgres)?;
        Ok(())
    }),
];

/// Steps that take minutes, which `--all` adds.
const SLOW_STEPS: &[(&str, &str, Run)] = &[
    ("judges", "letting Go and Python judge the audit log's notes and proofs", |bench| {
        setup::packages(&["golang-go", "golang-golang-x-mod-dev"])?;
        let mut cargo = bench.tools.cargo(&bench.postgres.pg_config);
        cargo.env("VETASSIST_TEST_PYTHON", setup::python()?);
        cargo.args(["test", "-p", "vetassist-audit", "--features", "judges", "--test", "judges"]);
        bench.count(&mut cargo)
    }),
    ("others", "testing the extension in the other versions of PostgreSQL", |bench| {
        for major in SUPPORTED.filter(|major| *major != setup::DEFAULT_MAJOR) {
            match setup::postgres(major) {
                Ok(postgres) => {
                    step(&format!("others: PostgreSQL {major}"), || bench.server(&postgres))?;
                }
                // Its packages come and go until it is released.
                Err(error) if major > RELEASED => {
                    println!("PostgreSQL {major} is not tested: {error}");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }),
    ("upgrade", "moving a server with data to another version by pg_upgrade", |bench| {
        // pg_upgrade wants a newer server of no older a minor release, and since 15.20 the catalogs hold what
        // 18.6 does not know: the one without the last security updates goes to 18, the one with them to 17.
        let extension = Extension::build(&bench.tools, &bench.postgres)?;
        for (older, newer) in [(setup::point_release()?, RELEASED), (bench.postgres.clone(), 17)] {
            let newer = setup::postgres(newer)?;
            let newer = Scratch::create(&newer, &Extension::build(&bench.tools, &newer)?)?;
            let older = Scratch::create(&older, &extension)?;
            let mut cargo = bench.tools.cargo(&bench.postgres.pg_config);
            cargo.env(VARIABLE, older.root()).env(NEWER_VARIABLE, newer.root());
            cargo.args(["test", "-p", "vetassist-server-tests", "--test", "upgrade"]);
            bench.count(cargo.args(["--features", "two-servers"]))?;
        }
        Ok(())
    }),
];

/// The newest version of PostgreSQL that is released.
const RELEASED: u32 = 18;

fn every_step() -> impl Iterator<Item = &'static (&'static str, &'static str, Run)> {
    STEPS.iter().chain(SLOW_STEPS)
}

/// Lists the steps.
pub(crate) fn list() {
    for (name, what, _) in every_step() {
        println!("{name:12} {what}");
    }
}

/// The steps that depend on PostgreSQL's version.
const OF_A_SERVER: [&str; 2] = ["server", "npm-server"];

/// What to run.
#[derive(Default)]
pub(crate) struct Selection<'a> {
    /// These steps alone, if any are named.
    pub(crate) only: Vec<&'a str>,
    /// In this version of PostgreSQL: all steps are then those that depend on it.
    pub(crate) major: Option<u32>,
    /// What takes minutes too.
    pub(crate) all: bool,
}

/// Runs what is selected, and stops at the first step that fails.
pub(crate) fn test(selection: &Selection<'_>) -> Result<()> {
    let Selection { only, major, all } = selection;
    for name in only {
        if !every_step().any(|(known, ..)| known == name) {
            return Err(Error::new(format!(
                "no step is called {name}: see cargo xtask test --list"
            )));
        }
    }
    let started = Instant::now();
    let tools = setup::tools()?;
    let postgres = setup::postgres(major.unwrap_or(setup::DEFAULT_MAJOR))?;
    let mut bench = Bench { tools, postgres, all: *all, passed: 0, failed: 0 };
    let slow = |name| SLOW_STEPS.iter().any(|(slow, ..)| *slow == name);
    for (name, what, run) in every_step() {
        let wanted = match (&only[..], major) {
            ([], Some(_)) => OF_A_SERVER.contains(name),
            ([], None) => *all || !slow(*name),
            (named, _) => named.contains(name),
        };
        if !wanted {
            continue;
        }
        let outcome = step(&format!("{name}: {what}"), || run(&mut bench));
        if let Err(error) = outcome {
            println!("{} passed, {} failed", bench.passed, bench.failed.max(1));
            return Err(Error::new(format!("step {name} failed: {error}")));
        }
    }
    println!("all steps done in {:.0} s", started.elapsed().as_secs_f64());
    println!("{} passed, {} failed", bench.passed, bench.failed);
    Ok(())
}

impl Bench {
    /// Builds the extension for a PostgreSQL and runs its tests there.
    fn server(&mut self, postgres: &Postgres) -> Result<()> {
        let extension = Extension::build(&self.tools, postgres)?;
        let scratch = Scratch::create(postgres, &extension)?;
        // The tests run them, and find them beside themselves.
        let examples = ["-p", "example-rust-tokio-postgres", "-p", "example-rust-sqlx"];
        self.cargo(&[&["build"], &examples[..]].concat())?;
        let mut cargo = self.tools.cargo(&postgres.pg_config);
        cargo.env("VETASSIST_TEST_PYTHON", setup::python()?);
        // What takes minutes does not depend on PostgreSQL's version.
        if self.all && postgres.major == setup::DEFAULT_MAJOR {
            cargo.env(ALL_VARIABLE, "1");
        }
        cargo.env(VARIABLE, scratch.root()).args(["test", "-p", "vetassist-server-tests"]);
        self.count(&mut cargo)
    }

    /// Runs cargo and counts the tests it reports; a run without tests is one that passed.
    fn cargo(&mut self, arguments: &[&str]) -> Result<()> {
        let mut cargo = self.tools.cargo(&self.postgres.pg_config);
        self.count(cargo.args(arguments))
    }

    fn count(&mut self, command: &mut Command) -> Result<()> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start cargo")?;
        let (mut passed, mut failed) = (0, 0);
        if let Some(stdout) = child.stdout.take() {
            for line in BufReader::new(stdout).lines() {
                let line = line.context("cannot read cargo's output")?;
                println!("{line}");
                let (more_passed, more_failed) = counts(&line);
                passed += more_passed;
                failed += more_failed;
            }
        }
        let status = child.wait().context("cannot wait for cargo")?;
        self.passed += passed;
        self.failed += failed;
        match (status.success(), passed) {
            (true, 0) => self.passed += 1,
            (true, _) => {}
            (false, _) => return Err(Error::new(format!("cargo failed ({status})"))),
        }
        Ok(())
    }
}

/// The numbers of a line `test result: ok. 7 passed; 0 failed; …`.
fn counts(line: &str) -> (u64, u64) {
    let Some((_, result)) = line.split_once("test result: ") else { return (0, 0) };
    let number_before = |word: &str| {
        let words: Vec<&str> = result.split([' ', ';']).filter(|word| !word.is_empty()).collect();
        let index = words.iter().position(|candidate| *candidate == word)?;
        words.get(index.checked_sub(1)?)?.parse().ok()
    };
    (number_before("passed").unwrap_or(0), number_before("failed").unwrap_or(0))
}

#[cfg(test)]
mod self_tests {
    use super::*;

    #[test]
    fn results_are_counted() {
        let line =
            "test result: FAILED. 17 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(counts(line), (17, 2));
        assert_eq!(counts("running 19 tests"), (0, 0));
    }
}
