//! `cargo xtask`: the project's commands.

mod bench;
mod checks;
mod demo;
mod fuzz;
mod npm;
mod package;
mod supply_chain;
mod tests;
mod versions;

use std::{path::Path, process::ExitCode};

use tests::Selection;
use xtask::{
    pg::{Extension, Postgres},
    setup, sql,
    toolchain::Toolchain,
    Error, Result,
};

const USAGE: &str = "\
cargo xtask demo [--shell]        set up what is missing, build and install the extension, show it at work
cargo xtask demo --stop           stop the server that the demo left running
cargo xtask test [--only STEP]…   run the tests, or some steps of them
cargo xtask test --all            run every test, also those that take minutes: all versions of PostgreSQL
cargo xtask test --pg MAJOR [--only STEP]…
                                  run what depends on PostgreSQL in another version: 15 to 19
cargo xtask test --list           list the steps
cargo xtask install [PG_CONFIG]   build the extension for a PostgreSQL and install it there, as root by sudo
cargo xtask bench [--short] [--record] [--only FAMILY]…
                                  measure it beside what a user would pick instead, into target/bench
cargo xtask fuzz [--seconds N] [TARGET]…
                                  run the fuzz targets, each for so long, 15 s where nothing else is said
cargo xtask npm                   build the npm package, into target/npm
cargo xtask package [--only PART]… build what a release consists of, into target/package: deb, npm, crate, sql
cargo xtask sql                   write target/vetassist.sql, the tables for a database without the extension";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[&str]) -> Result<()> {
    match arguments {
        ["demo"] => demo::demo(false),
        ["demo", "--shell"] => demo::demo(true),
        ["demo", "--stop"] => demo::stop(),
        ["test", "--all"] => tests::test(&Selection { all: true, ..Selection::default() }),
        ["test", "--pg", major, only @ ..] => {
            let number = major.parse().map_err(|_| {
                Error::new(format!("--pg takes a major version, and {major} is none"))
            })?;
            tests::test(&Selection { only: steps(only)?, major: Some(number), all: false })
        }
        ["test", "--list"] => {
            tests::list();
            Ok(())
        }
        ["test", only @ ..] => {
            tests::test(&Selection { only: steps(only)?, ..Selection::default() })
        }
        ["sql"] => {
            println!("{}", sql::write_plain()?.display());
            Ok(())
        }
        ["package", only @ ..] => package::package(&steps(only)?),
        ["fuzz", "--seconds", seconds, only @ ..] => {
            let seconds = seconds.parse().map_err(|_| {
                Error::new(format!("--seconds takes a number, and {seconds} is none"))
            })?;
            fuzz::fuzz(&setup::build_tools()?, only, seconds).map(|_| ())
        }
        ["fuzz", only @ ..] => fuzz::fuzz(&setup::build_tools()?, only, fuzz::SECONDS).map(|_| ()),
        ["bench", arguments @ ..] => bench::bench(arguments),
        ["install"] => install(None),
        ["install", pg_config] => install(Some(Path::new(pg_config))),
        ["npm"] => npm::build(&Toolchain::ensure()?),
        [] | ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => Err(Error::new(format!("not a command: {}\n{USAGE}", arguments.join(" ")))),
    }
}

/// Installs the extension into the PostgreSQL that a `pg_config` names, or the one that is here.
fn install(pg_config: Option<&Path>) -> Result<()> {
    let postgres = match (pg_config, &Postgres::all_of_debian()?[..]) {
        (Some(pg_config), _) => Postgres::from_pg_config(pg_config)?,
        (None, [one]) => one.clone(),
        (None, []) => {
            return Err(Error::new(
                "no PostgreSQL with headers is here: cargo xtask install PG_CONFIG",
            ))
        }
        (None, several) => {
            let named: Vec<_> = several.iter().map(|one| one.pg_config.to_string_lossy()).collect();
            return Err(Error::new(format!(
                "say which PostgreSQL: cargo xtask install {}",
                named.join(" or ")
            )));
        }
    };
    Extension::build(&setup::build_tools()?, &postgres)?.install(&postgres)?;
    println!("installed into PostgreSQL {}: now CREATE EXTENSION vetassist", postgres.major);
    Ok(())
}

fn steps<'a>(arguments: &[&'a str]) -> Result<Vec<&'a str>> {
    let mut steps = Vec::new();
    for pair in arguments.chunks(2) {
        match pair {
            ["--only", step] => steps.push(*step),
            _ => return Err(Error::new(format!("--only takes the name of a step\n{USAGE}"))),
        }
    }
    Ok(steps)
}
