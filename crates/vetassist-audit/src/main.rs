//! The program `vetassist-audit`.

use std::process::ExitCode;

use clap::Parser;
use vetassist_audit::{command::Cli, system::System};

fn main() -> ExitCode {
    ExitCode::from(Cli::parse().run(&System))
}
