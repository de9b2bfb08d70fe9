//! `cargo xtask bench`: vetassist beside what a user would pick instead, in one run.

mod core;
mod job;
mod machine;
mod measure;
mod others;
mod report;
mod server;
mod sql;

use std::{env, fs, process::ExitCode};

use xtask::{repository, step, Context, Error, Result};

use crate::{
    measure::Effort,
    report::{Comparison, Report},
    server::Server,
};

type Family = (&'static str, &'static str, fn(&Server, Effort) -> Result<Vec<Comparison>>);

const FAMILIES: [Family; 4] = [
    ("core", "the core in process, against other libraries", |_, effort| core::run(effort)),
    ("sql", "the functions in SQL, against pgcrypto", sql::run),
    ("job", "sign-in, sessions, rotation and purge as a whole", job::run),
    ("edge", "the npm package in each runtime", |_, effort| others::edge(effort)),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut arguments: &[&str]) -> Result<()> {
    let (mut effort, mut record, mut only) = (Effort { short: false }, false, Vec::new());
    while let [first, rest @ ..] = arguments {
        arguments = rest;
        match (*first, rest) {
            ("--short", _) => effort.short = true,
            ("--record", _) => record = true,
            ("--only", [family, rest @ ..])
                if FAMILIES.iter().any(|(known, ..)| known == family) =>
            {
                only.push(*family);
                arguments = rest;
            }
            _ => {
                return Err(Error::new(
                    "cargo xtask bench [--short] [--record] [--only core|sql|job|edge]…",
                ))
            }
        }
    }
    if record && (effort.short || !only.is_empty()) {
        return Err(Error::new("only a whole run is recorded"));
    }
    let server = step("starting a server", Server::start)?;
    let mut comparisons = Vec::new();
    for (name, what, measure) in FAMILIES {
        if only.is_empty() || only.contains(&name) {
            comparisons.extend(step(&format!("{name}: {what}"), || measure(&server, effort))?);
        }
    }
    let folder = repository().join("target/bench");
    let _ = fs::remove_dir_all(&folder);
    let tables = Report::new(comparisons)?.write(&folder)?;
    let text = format!("{}\n{tables}", machine::description(&server, effort)?);
    print!("{text}");
    println!("the tables and plots are in {}", folder.display());
    if record {
        let path = repository().join("BENCHMARKS.md");
        fs::write(&path, machine::page(&text))
            .context(format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
