//! `cargo xtask`: the project's commands.

#![cfg_attr(test, allow(clippy::unwrap_used))] // a test that cannot go on has failed

mod bench;
mod demo;
mod extension;
mod fuzz;
mod npm;
mod python;
mod release;
mod setup;
mod sql;
mod supply_chain;
mod tests;
mod workspace;

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{ensure, Result};
use clap::Parser;
use pg_scratch::Postgres;

use crate::{
    extension::{Extension, Profile},
    setup::Tools,
};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "The project's commands", disable_help_subcommand = true)]
enum Command {
    /// Install missing tools, build and install the extension, and show what it does
    Demo {
        /// Start psql afterwards, and stop the server when you leave it
        #[arg(long, conflicts_with = "stop")]
        shell: bool,
        /// Stop the server that the demo left running
        #[arg(long)]
        stop: bool,
    },
    /// Run the tests, some of them, or one
    Test(tests::Selection),
    /// Build the extension for a PostgreSQL and install it there, with sudo if needed
    Install {
        /// The pg_config of that PostgreSQL
        pg_config: Option<PathBuf>,
    },
    /// Measure vetassist beside the alternatives, into target/bench
    Bench {
        /// See `cargo xtask bench -- --help`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Run the fuzz targets
    Fuzz {
        /// The seconds that each target runs
        #[arg(long, default_value_t = fuzz::SECONDS)]
        seconds: u32,
        /// Run only these targets
        targets: Vec<String>,
    },
    /// Build the npm package, into target/npm
    Npm,
    /// Build the files of a release, into target/release-files
    Release {
        /// Build only these parts
        parts: Vec<release::Part>,
    },
    /// Build the Python package's wheel, into target/python-package
    Python,
    /// Write target/vetassist.sql, the plain file for a database without the extension
    Sql,
}

fn main() -> ExitCode {
    let command = Command::parse();
    // `cargo run` sets these variables. With them, cargo would ignore `+toolchain` and use the toolchain that runs us.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let prefixes = ["CARGO_PKG_", "CARGO_MANIFEST_"];
        let names = ["CARGO", "RUSTUP_TOOLCHAIN", "RUST_RECURSION_COUNT", "LD_LIBRARY_PATH"];
        if names.contains(&&*text) || prefixes.iter().any(|prefix| text.starts_with(prefix)) {
            env::remove_var(&name);
        }
    }
    match run(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Demo { stop: true, .. } => demo::stop(),
        Command::Demo { shell, .. } => demo::demo(shell),
        Command::Test(selection) => tests::test(selection),
        Command::Install { pg_config } => install(pg_config.as_deref()),
        Command::Bench { arguments } => {
            let (tools, postgres) = Tools::with_postgres()?;
            bench::bench(&tools, &postgres, &arguments).map(|_| ())
        }
        Command::Fuzz { seconds, targets } => {
            fuzz::fuzz(&Tools::new()?, &targets, seconds).map(|_| ())
        }
        Command::Npm => npm::build(&Tools::new()?),
        Command::Release { parts } => release::release(&parts),
        Command::Python => python::build(&Tools::new()?).map(|_| ()),
        Command::Sql => {
            println!("{}", sql::write_plain()?.display());
            Ok(())
        }
    }
}

/// Installs the extension into the PostgreSQL of a `pg_config`, or into the only one that Debian has installed.
fn install(pg_config: Option<&Path>) -> Result<()> {
    let postgres = if let Some(pg_config) = pg_config {
        Postgres::from_pg_config(pg_config)?
    } else {
        let mut found = Postgres::all_of_debian()?;
        let names: Vec<_> = found.iter().map(|one| one.pg_config.to_string_lossy()).collect();
        let names = if names.is_empty() { "PG_CONFIG".to_owned() } else { names.join(" or ") };
        ensure!(found.len() == 1, "name the PostgreSQL: cargo xtask install {names}");
        found.remove(0)
    };
    Extension::build(&Tools::new()?, &postgres, Profile::Release)?.install(&postgres)?;
    println!("installed into PostgreSQL {}; now run CREATE EXTENSION vetassist", postgres.major);
    Ok(())
}
