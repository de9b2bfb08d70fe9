//! The module `audit.wasm` inside the npm package `vetassist`: the command `verify` of `vetassist-audit`, for
//! `npx vetassist audit`. JavaScript opens, reads and prints; all the rest is that crate's.
// JavaScript calls the exported functions; no Rust crate does.
#![allow(unreachable_pub)]
// Exporting a function under its own name counts as unsafe; blocks of unsafe code stand in host.rs alone.
#![allow(unsafe_code)]
#![cfg(target_arch = "wasm32")]

mod host;

use std::{io::Write, sync::Mutex};

use clap::{Parser, Subcommand};
use host::{HostFile, Stream};
use vetassist_audit::command::{Failure, VerifyArguments, FAILED, PROBLEM};

/// Verifies an export of vetassist's audit log outside the database.
///
/// Exit codes: 0 all is well; 1 a problem was found; 2 wrong usage, or something could not be read or written. The program
/// vetassist-audit of vetassist's packages watches the log and exports it, too.
#[derive(Parser)]
#[command(name = "vetassist audit", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Verifies an export, with no database and no secret.
    Verify(VerifyArguments),
}

// JavaScript runs one call at a time, so nobody ever waits for the lock.
static ARGUMENTS: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Makes room for the arguments, each with a NUL behind it, and returns where it stands.
#[no_mangle]
pub extern "C" fn stage(len: usize) -> *mut u8 {
    let Ok(mut arguments) = ARGUMENTS.lock() else { return std::ptr::null_mut() };
    arguments.clear();
    arguments.resize(len, 0);
    arguments.as_mut_ptr()
}

/// Runs the command whose arguments are staged, and returns its exit code.
#[no_mangle]
pub extern "C" fn run() -> i32 {
    let arguments = ARGUMENTS.lock().map(|arguments| arguments.clone()).unwrap_or_default();
    let arguments = String::from_utf8_lossy(&arguments);
    let given = arguments.split_terminator('\0');
    let code = match Cli::try_parse_from(std::iter::once("vetassist audit").chain(given)) {
        Ok(Cli { command: Command::Verify(verify) }) => {
            match verify.verify(HostFile::open, &mut Stream::Out) {
                Ok(true) => 0,
                Ok(false) => PROBLEM,
                Err(Failure(why)) => {
                    let _ = writeln!(Stream::Errors, "vetassist-audit: {why}");
                    FAILED
                }
            }
        }
        Err(said) => {
            let (mut stream, code) =
                if said.use_stderr() { (Stream::Errors, FAILED) } else { (Stream::Out, 0) };
            let _ = write!(stream, "{}", said.render());
            code
        }
    };
    code.into()
}
