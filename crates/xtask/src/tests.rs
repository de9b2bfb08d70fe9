//! `cargo xtask test`: runs every step that must pass, quick steps before slow ones.

use std::{
    cell::Cell,
    collections::HashMap,
    env,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    thread,
    time::Instant,
};

use anyhow::{anyhow, ensure, Context, Result};
use pg_scratch::{
    find_or_fetch, install_missing, point_release, Postgres, ALL_VARIABLE, DEFAULT_MAJOR,
    NEWER_VARIABLE, RELEASED, SUPPORTED, VARIABLE,
};
use xshell::{cmd, Cmd};

use crate::{
    bench,
    extension::{Extension, Profile},
    fuzz, npm, python as python_package, release,
    setup::{python, Tools, BARE_METAL_TARGET, PG_CONFIG_VARIABLE, PYTHON_VARIABLE, WASM_TARGET},
    sql, supply_chain,
    workspace::{step, HOST},
};

/// The steps to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Selection {
    /// The step to run alone
    step: Option<String>,
    /// Run only the tests of the step with this in their names, or this runtime of the step npm
    #[arg(requires = "step")]
    name: Option<String>,
    /// Also run the steps that take minutes, as CI does
    #[arg(long, conflicts_with = "step")]
    all: bool,
    /// Run the steps that need a server in another version of PostgreSQL: 15 to 19
    #[arg(long, value_name = "MAJOR")]
    pg: Option<u32>,
    /// List the steps
    #[arg(long)]
    list: bool,
}

/// A run of some steps.
struct Run {
    tools: Tools,
    postgres: Postgres,
    all: bool,
    name: Option<String>,
    passed: Cell<u64>,
    failed: Cell<u64>,
}

/// The runs that a step is part of if no step is named.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    Always,
    /// With `--all`, because the step takes minutes or builds other programs.
    All,
    /// With `--all`, in a process of its own from the beginning on, because most steps leave a core idle half of the time.
    Beside,
    /// Only when it is named: it runs a part of another step's tests sooner.
    Named,
}
use When::{All, Always, Beside, Named};

type Step = (&'static str, When, &'static str, fn(&Run) -> Result<u64>);

/// The steps that run a test by its name.
const NAMED: [&str; 4] = ["audit", "core", "npm", "server"];

/// The steps that depend on PostgreSQL's version.
const NEEDS_SERVER: [&str; 3] = ["server", "npm-server", "python-server"];

/// Each step: its name, when it runs, its description, and its code.
const STEPS: &[Step] = &[
    ("repository", Always, "checking committed files, the documentation and versions", |run| {
        run.cargo("test -p vetassist-repository-tests")
    }),
    ("fmt", Always, "checking the formatting", |run| {
        run.cargo("fmt --all --check")?;
        run.cargo("fmt --all --check --manifest-path bench/Cargo.toml")?;
        run.cargo("fmt --all --check --manifest-path fuzz/Cargo.toml")
    }),
    ("lint", Always, "linting the Dockerfile, the shell scripts and the workflows", |run| {
        install_missing(&["shellcheck"])?;
        let (sh, hadolint) = (&run.tools.sh, python()?.with_file_name("hadolint"));
        cmd!(sh, "{hadolint} Dockerfile packaging/image/extension.Containerfile").run()?;
        let scripts = cmd!(sh, "git grep -l -e").arg("^#!.*[ /]\\(ba\\)\\?sh$").read()?;
        cmd!(sh, "shellcheck --").args(scripts.lines()).run()?;
        cmd!(sh, ".ci/workflows").run()?;
        Ok(3)
    }),
    ("clippy", All, "linting", |run| {
        // Each command uses the features of the builds, because cargo compiles a crate again for every other set.
        run.cargo("clippy --locked -p vetassist-pg -p vetassist-py --all-targets -- -D warnings")?;
        run.cargo("clippy -p xtask -p pg-scratch -p vetassist-repository-tests --all-targets -- -D warnings")?;
        run.cargo(&format!("clippy {HOST} --all-targets -- -D warnings"))?;
        // These tests need something that only their step has, so no call above builds them.
        run.cargo(&format!("clippy {HOST},vetassist-audit/judges,vetassist-server-tests/packages,vetassist-server-tests/two-servers --test judges --test package --test server --test upgrade -- -D warnings"))?;
        run.cargo(&format!(
            "clippy -p vetassist-audit-wasm --target {WASM_TARGET} -- -D warnings"
        ))?;
        run.cargo(&format!("clippy -p vetassist-wasm -p vetassist-schema-wasm -p vetassist-metadata-wasm --target {WASM_TARGET} -- -D warnings"))
    }),
    ("rust", Always, "testing the core and the program that watches the audit log", |run| {
        run.cargo(&format!("test {HOST}"))
    }),
    ("core", Named, "testing the core alone", |run| {
        let (kind, name) = run.name.as_deref().map_or(("", ""), |name| ("--tests", name));
        run.cargo(&format!("test -p vetassist-core --all-features {kind} -- {name}"))
    }),
    ("audit", Named, "testing the program that watches the audit log alone", |run| {
        run.cargo(&format!("test -p vetassist-audit -- {}", run.name.as_deref().unwrap_or("")))
    }),
    ("docs", Always, "building the core's documentation, and the site of all pages", |run| {
        let python = python()?;
        cmd!(run.tools.sh, "{python} docs/site/build.py").quiet().run()?;
        let doc = run.tools.cargo("doc -p vetassist-core --all-features --no-deps");
        run.count(doc.env("RUSTDOCFLAGS", "-D warnings"))
    }),
    (
        "features",
        All,
        "building the core with each feature, and for a target without an operating system",
        |run| {
            for feature in "audit getrandom serde time chrono serde_json postgres".split(' ') {
                let core = "check -p vetassist-core --no-default-features --features";
                run.count(run.tools.cargo(core).arg(feature))?;
            }
            let core = format!("build -p vetassist-core --target {BARE_METAL_TARGET}");
            run.cargo(&format!("{core} --no-default-features"))?;
            run.cargo(&format!("{core} --no-default-features --features audit,serde,time"))
        },
    ),
    ("xtask", Always, "testing these commands", |run| run.cargo("test -p xtask -p pg-scratch")),
    ("npm", Always, "building the npm package and testing it in each runtime", |run| {
        npm::build(&run.tools)?;
        let (alone, with_server) = (npm::PROJECTS, npm::SERVER_PROJECTS);
        match run.name.as_deref() {
            None => npm::test(&run.tools.sh, &alone),
            Some(name) if alone.contains(&name) => npm::test(&run.tools.sh, &[name]),
            Some(name) if with_server.contains(&name) => {
                npm::test_with_server(&run.tools, &run.postgres, &[name])
            }
            Some(name) => {
                let frameworks = npm::frameworks(&run.tools.sh)?;
                ensure!(
                    frameworks.iter().any(|known| known == name),
                    "{name} is none of {alone:?}, {with_server:?}, {frameworks:?}"
                );
                npm::test_frameworks(&run.tools.sh, &[name.to_owned()])
            }
        }
    }),
    ("python", All, "building the Python package and testing it in CPython", |run| {
        python_package::test(&run.tools, run.all)
    }),
    ("extension", Always, "testing the parts of the extension that need no server", |run| {
        let features = format!("--no-default-features --features pg{}", run.postgres.major);
        run.cargo(&format!("test -p vetassist-pg {features} --test *"))
    }),
    ("server", Always, "building the extension and testing it in real servers", |run| {
        run.server(&run.postgres)
    }),
    ("npm-server", Always, "testing the npm package against a real server", |run| {
        npm::build(&run.tools)?;
        npm::test_with_server(&run.tools, &run.postgres, &npm::SERVER_PROJECTS)
    }),
    ("python-server", All, "testing the Python package's clients against a real server", |run| {
        python_package::test_with_server(&run.tools, &run.postgres)
    }),
    ("frameworks", All, "testing the npm package under frameworks and bundlers", |run| {
        npm::build(&run.tools)?;
        npm::test_frameworks(&run.tools.sh, &npm::frameworks(&run.tools.sh)?)
    }),
    ("supply-chain", Beside, "checking the dependencies", |run| supply_chain::check(&run.tools)),
    ("fuzz", Beside, "running each fuzz target for some seconds", |run| {
        fuzz::fuzz(&run.tools, &[], fuzz::SECONDS)
    }),
    ("bench", All, "running every benchmark briefly", |run| {
        bench::bench(&run.tools, &run.postgres, &["--short".into()])
    }),
    ("package", All, "building, installing and removing the files of a release", |run| {
        install_missing(&["cpio", "lintian", "mmdebstrap", "unzip"])?;
        let folder = release::build_for_tests(&run.postgres)?;
        let tests = format!("test {HOST},vetassist-server-tests/packages --test package");
        run.count(run.tools.cargo(&tests).env("VETASSIST_TEST_PACKAGES", folder))
    }),
    ("judges", All, "verifying the audit log's notes and proofs in Go and Python", |run| {
        install_missing(&["golang-go", "golang-golang-x-mod-dev"])?;
        let tests = format!("test {HOST},vetassist-audit/judges --test judges");
        run.count(run.tools.cargo(&tests).env(PYTHON_VARIABLE, python()?))
    }),
    ("others", All, "testing the extension in the other versions of PostgreSQL", |run| {
        for major in SUPPORTED.filter(|major| *major != DEFAULT_MAJOR) {
            match find_or_fetch(major) {
                Ok(postgres) => {
                    step(&format!("others: PostgreSQL {major}"), || run.server(&postgres))?;
                    if major == RELEASED {
                        npm::build(&run.tools)?;
                        npm::test_with_server(&run.tools, &postgres, &["client-server"])?;
                    }
                }
                // Packages of a version that is not released are not always available.
                Err(error) if major > RELEASED => {
                    println!("PostgreSQL {major} is not tested: {error:#}");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(0)
    }),
    ("upgrade", All, "moving a server with data to another version by pg_upgrade", |run| {
        // pg_upgrade needs a newer server with a minor release that is not older, and catalogs of 15.20 have entries that
        // 18.6 does not know. So the server without the last security updates moves to 18, and the one with them to 17.
        for (older, newer) in [(point_release()?, RELEASED), (run.postgres.clone(), 17)] {
            let newer = find_or_fetch(newer)?;
            let newer = Extension::build(&run.tools, &newer, Profile::Debug)?.scratch(&newer)?;
            let older = Extension::build(&run.tools, &older, Profile::Debug)?.scratch(&older)?;
            let tests = format!("test {HOST},vetassist-server-tests/two-servers --test upgrade");
            let tests = run.tools.cargo(&tests);
            run.count(tests.env(VARIABLE, older.root()).env(NEWER_VARIABLE, newer.root()))?;
        }
        Ok(0)
    }),
];

/// Runs the selected steps, and stops at the first step that fails.
pub(crate) fn test(selection: Selection) -> Result<()> {
    let Selection { step: only, name, all, pg, list } = selection;
    if list {
        STEPS.iter().for_each(|(name, _, what, _)| println!("{name:12} {what}"));
        return Ok(());
    }
    if let Some(only) = &only {
        let known = STEPS.iter().any(|(step, ..)| step == only);
        ensure!(known, "no step is called {only}: see cargo xtask test --list");
        let named = name.is_none() || NAMED.contains(&only.as_str());
        ensure!(named, "only these steps run a test by its name: {}", NAMED.join(", "));
    }
    let started = Instant::now();
    let (tools, debian) = Tools::with_postgres()?;
    let postgres = pg.map_or(Ok(debian), find_or_fetch)?;
    let run = Run { tools, postgres, all, name, passed: Cell::new(0), failed: Cell::new(0) };
    let beside = STEPS.iter().filter(|(_, when, ..)| all && *when == Beside);
    let process = |name| move || Command::new(env::current_exe()?).args(["test", name]).output();
    let mut beside: HashMap<_, _> =
        beside.map(|(name, ..)| (*name, thread::spawn(process(*name)))).collect();
    for (name, when, what, how) in STEPS {
        let wanted = match (&only, pg) {
            (Some(only), _) => only == name,
            (None, Some(_)) => NEEDS_SERVER.contains(name),
            (None, None) => *when == Always || all && *when != Named,
        };
        if !wanted {
            continue;
        }
        let outcome = step(&format!("{name}: {what}"), || match beside.remove(name) {
            Some(process) => {
                let output = process.join().map_err(|_| anyhow!("its thread ended"))??;
                print!("{}", String::from_utf8_lossy(&output.stdout));
                ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                Ok(1)
            }
            None => how(&run),
        });
        match outcome {
            Ok(passed) => run.passed.set(run.passed.get() + passed),
            Err(error) => {
                println!("{} passed, {} failed", run.passed.get(), run.failed.get().max(1));
                return Err(error.context(format!("step {name} failed")));
            }
        }
    }
    println!("all steps done in {:.0} s", started.elapsed().as_secs_f64());
    println!("{} passed, {} failed", run.passed.get(), run.failed.get());
    Ok(())
}

/// The tests that run in the versions between the oldest and the newest, which may behave differently.
const VERSIONS: &str = "accounts:: audit_guard:: audit_log_seal:: batches:: check:: declarations:: events:: goldens:: inventory:: leases:: owner:: replicas:: session_active:: tiers:: upgrades::";

/// The tests of the server that are most of its time. They go through lists of attacks.
const ATTACKS: &str = "attacks::";

impl Run {
    /// Builds the extension for a PostgreSQL and runs its tests there.
    fn server(&self, postgres: &Postgres) -> Result<u64> {
        let scratch = Extension::build(&self.tools, postgres, Profile::Debug)?.scratch(postgres)?;
        self.tools.sh.write_file(scratch.root().join("vetassist.sql"), sql::plain()?)?;
        // The tests run the examples, which cargo builds into the tests' folder.
        self.tools.cargo(&format!("build {HOST} --bins --test server")).run()?;
        // A test waits for its server half of the time.
        let (python, threads) = (python()?, thread::available_parallelism()?.get() + 1);
        let tests = || {
            let tests = self.tools.cargo(&format!("test {HOST} --test server --")).args(&self.name);
            let tests = tests.env(VARIABLE, scratch.root()).env(PYTHON_VARIABLE, &python);
            tests.env("RUST_TEST_THREADS", threads.to_string())
        };
        // Tests that take seconds are marked as ignored: they belong to `--all`, and to a call that names them. In other
        // versions of PostgreSQL, they run for what may differ there.
        let others = || VERSIONS.split(' ').chain(["--skip", ATTACKS]);
        self.count(match (self.all, postgres.major) {
            (true, DEFAULT_MAJOR) => tests().arg("--include-ignored").env(ALL_VARIABLE, "1"),
            (true, RELEASED) => {
                self.count(tests().arg("--ignored").args(others()))?;
                tests()
            }
            (true, _) => tests().arg("--include-ignored").args(others()),
            _ if self.name.is_some() => tests().arg("--include-ignored"),
            _ => tests(),
        })
    }

    /// Runs cargo for the PostgreSQL of the run, and counts the tests that it reports.
    fn cargo(&self, arguments: &str) -> Result<u64> {
        let cargo = self.tools.cargo(arguments);
        self.count(cargo.env(PG_CONFIG_VARIABLE, &self.postgres.pg_config))
    }

    /// Runs cargo and counts the tests that it reports. A run without tests counts as one test that passed, unless a test
    /// was named. Returns the number that the caller still has to count.
    fn count(&self, cargo: Cmd<'_>) -> Result<u64> {
        println!("$ {cargo}");
        let mut child = Command::from(cargo).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let (mut passed, mut failed) = (0, 0);
        for line in BufReader::new(child.stdout.take().context("no output")?).lines() {
            let line = line?;
            println!("{line}");
            let (more_passed, more_failed) = counts(&line);
            passed += more_passed;
            failed += more_failed;
        }
        let status = child.wait()?;
        self.passed.set(self.passed.get() + passed);
        self.failed.set(self.failed.get() + failed);
        ensure!(status.success(), "cargo failed ({status})");
        ensure!(passed > 0 || self.name.is_none(), "no test has that name");
        Ok(u64::from(passed == 0))
    }
}

/// Returns the numbers of a line `test result: ok. 7 passed; 0 failed; …`.
fn counts(line: &str) -> (u64, u64) {
    let Some((_, result)) = line.split_once("test result: ") else { return (0, 0) };
    let words: Vec<&str> = result.split([' ', ';']).filter(|word| !word.is_empty()).collect();
    let number_before = |word: &str| {
        let pair = words.windows(2).find(|pair| pair[1] == word);
        pair.and_then(|pair| pair[0].parse().ok()).unwrap_or(0)
    };
    (number_before("passed"), number_before("failed"))
}

#[cfg(test)]
mod self_tests {
    use super::*;

    #[test]
    fn the_numbers_of_passed_and_failed_tests_are_read() {
        let line =
            "test result: FAILED. 17 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(counts(line), (17, 2));
        assert_eq!(counts("running 19 tests"), (0, 0));
    }
}
