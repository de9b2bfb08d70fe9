//! `cargo xtask`: the project's commands.

mod checks;
mod demo;
mod npm;
mod tests;

use std::process::ExitCode;

use xtask::{plain_sql, toolchain::Toolchain, Error, Result};

const USAGE: &str = "\
cargo xtask demo [--shell]        set up what is missing, build and install the extension, show it at work
cargo xtask demo --stop           stop the server that the demo left running
cargo xtask test [--only STEP]…   run every test, or some steps of them
cargo xtask test --list           list the steps
cargo xtask npm                   build the npm package, into target/npm
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
        ["test"] => tests::test(&[]),
        ["test", "--list"] => {
            tests::list();
            Ok(())
        }
        ["test", only @ ..] => tests::test(&steps(only)?),
        ["sql"] => {
            println!("{}", plain_sql::write()?.display());
            Ok(())
        }
        ["npm"] => npm::build(&Toolchain::ensure()?),
        [] | ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => Err(Error::new(format!("not a command: {}\n{USAGE}", arguments.join(" ")))),
    }
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
