//! The module `audit.wasm` inside the npm package `vetassist`: the commands of `vetassist-audit`, for
//! `npx vetassist audit`. JavaScript provides the files, the database and the output; the crate does everything else.
// JavaScript calls the exported functions; no Rust crate does.
#![allow(unreachable_pub)]
// Exporting a function under its own name counts as unsafe; blocks of unsafe code stand in host.rs alone.
#![allow(unsafe_code)]
#![cfg(target_arch = "wasm32")]

mod database;
mod host;

use std::{io::Write, sync::Mutex};

use clap::{error::Error, CommandFactory, FromArgMatches};
use host::{JavaScript, Stream};
use vetassist_audit::command::{Cli, FAILED};

const NAME: &str = "vetassist audit";

// JavaScript runs one call at a time, so no call ever waits for the lock.
static ARGUMENTS: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Makes room for the arguments, and returns its address. The first argument is the value of DATABASE_URL; a NUL follows
/// each argument.
#[no_mangle]
pub extern "C" fn stage(len: usize) -> *mut u8 {
    let Ok(mut arguments) = ARGUMENTS.lock() else { return std::ptr::null_mut() };
    arguments.clear();
    arguments.resize(len, 0);
    arguments.as_mut_ptr()
}

/// Runs the command of the staged arguments, and returns its exit code.
#[no_mangle]
pub extern "C" fn run() -> i32 {
    let arguments = ARGUMENTS.lock().map(|arguments| arguments.clone()).unwrap_or_default();
    let code = match parse(&String::from_utf8_lossy(&arguments)) {
        Ok(cli) => cli.run(&JavaScript),
        Err(said) => {
            let (mut stream, code) =
                if said.use_stderr() { (Stream::Errors, FAILED) } else { (Stream::Out, 0) };
            let _ = write!(stream, "{}", said.render());
            code
        }
    };
    code.into()
}

fn parse(arguments: &str) -> Result<Cli, Error> {
    let mut given = arguments.split_terminator('\0');
    let url = given.next().unwrap_or_default();
    let mut command = Cli::command().name(NAME).bin_name(NAME);
    if !url.is_empty() {
        // The module has no environment that clap could read.
        let url: &'static str = String::from(url).leak();
        for connecting in ["watch", "export"] {
            command = command.mut_subcommand(connecting, |subcommand| {
                subcommand.mut_arg("database", |argument| {
                    argument.required(false).default_value(url).hide_default_value(true)
                })
            });
        }
    }
    Cli::from_arg_matches(&command.try_get_matches_from(std::iter::once(NAME).chain(given))?)
}
