//! `cargo xtask bench`: measures vetassist beside the alternatives, in one run.

mod capacity;
mod core;
mod job;
mod machine;
mod measure;
mod others;
mod report;
mod repository;
mod server;
mod sql;

use std::{
    env, fs,
    process::{Command, ExitCode},
};

use anyhow::{ensure, Context, Result};
use clap::Parser;

use crate::{
    measure::Effort,
    report::{Comparison, Report},
    repository::repository,
    server::Server,
};

type Family = (&'static str, &'static str, fn(&Server, Effort) -> Result<Vec<Comparison>>);

const FAMILIES: [Family; 4] = [
    ("core", "the core in process, against other libraries", |_, effort| core::run(effort)),
    ("sql", "the functions in SQL, against pgcrypto", sql::run),
    ("job", "sign-in, sessions, rotation and purge as a whole", job::run),
    ("edge", "the npm package in each runtime", |_, effort| others::edge(effort)),
];

#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench")]
struct Arguments {
    /// Check that everything runs; the figures are not reliable
    #[arg(long)]
    short: bool,
    /// Write the figures into their page, BENCHMARKS.md
    #[arg(long, conflicts_with_all = ["short", "only"])]
    record: bool,
    /// Measure only what this many veterans take on disk, in WAL and in time; a million take about 10 minutes. With
    /// --record, write docs/capacity.md again
    #[arg(long, value_name = "VETERANS", conflicts_with_all = ["short", "only"])]
    capacity: Option<usize>,
    /// Run only these families
    #[arg(value_parser = FAMILIES.map(|(name, ..)| name))]
    only: Vec<String>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let effort = Effort { short: arguments.short };
    println!("==> starting a server");
    let server = Server::start()?;
    if let Some(veterans) = arguments.capacity {
        println!("{}", machine::description(&server, effort)?);
        println!("{}", capacity::run(&server, veterans, arguments.record)?);
        return Ok(());
    }
    let mut comparisons = Vec::new();
    for (name, what, measure) in FAMILIES {
        if arguments.only.is_empty() || arguments.only.iter().any(|only| only == name) {
            println!("==> {name}: {what}");
            comparisons.extend(measure(&server, effort)?);
        }
    }
    if arguments.short {
        println!("==> capacity: what veterans take");
        println!("{}", capacity::run(&server, 100, false)?);
    }
    let target = env::var_os("CARGO_TARGET_DIR").unwrap_or("target".into());
    let folder = repository().join(target).join("bench");
    let _ = fs::remove_dir_all(&folder);
    let (report, machine) = (Report::new(comparisons)?, machine::description(&server, effort)?);
    println!("{machine}\n{}", report.write(&folder)?);
    println!("the tables and plots are in {}", folder.display());
    if arguments.record {
        let path = repository().join("BENCHMARKS.md");
        let details = format!("{machine}\n{}", report.tables(false));
        fs::write(&path, machine::page(&details))
            .context(format!("cannot write {}", path.display()))?;
        let summary = Command::new("python3").arg(repository().join("bench/summary.py")).status();
        ensure!(summary?.success(), "the summary could not be written");
    }
    Ok(())
}
