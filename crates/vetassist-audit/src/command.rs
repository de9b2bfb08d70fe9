//! The command line, which the program and the npm package share. A [`Host`] stands for the machine.

mod failure;
mod verify;

use std::{
    io::{BufWriter, Write},
    path::PathBuf,
    time::Duration,
};

use clap::{Args, Parser, Subcommand};
use vetassist_core::audit_log::{AuditKey, Origin};

use crate::{
    clock, export,
    host::{Host, HostFile},
    key_file,
    watch::Watcher,
    watched::WatchedFile,
};
use failure::{at, failure, Failure};
use verify::VerifyArguments;

/// The exit code if a problem was found.
const PROBLEM: u8 = 1;
/// The exit code of wrong usage, and if something could not be read or written.
pub const FAILED: u8 = 2;

/// Watches, exports and verifies vetassist's audit log from outside the database.
///
/// Exit codes: 0 no problem was found; 1 a problem was found; 2 wrong usage, or something could not be read or written.
#[derive(Debug, Parser)]
#[command(name = "vetassist-audit", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Creates an audit key, writes its file and prints the verifier key.
    Keygen(KeyArguments),
    /// Prints the verifier key of an audit key.
    Verifier(KeyArguments),
    /// Verifies that the log continues the last checkpoint, signs the new checkpoint and prints the note.
    Watch(WatchArguments),
    /// Writes the whole log into a file.
    Export(ExportArguments),
    /// Verifies an export, without a database and without a secret.
    Verify(VerifyArguments),
}

#[derive(Args, Debug)]
struct KeyArguments {
    /// The file of the audit key. Keep it off the database's server.
    #[arg(long, value_name = "FILE")]
    key_file: PathBuf,
    /// The log's origin: the first line of vetassist_audit_checkpoint().
    #[arg(long)]
    origin: Origin,
}

#[derive(Args, Debug)]
struct Connection {
    /// The connection: postgresql://… or host=… user=…; PGPASSWORD holds a password.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    database: String,
    /// The schema that vetassist is in.
    #[arg(long, default_value = "public")]
    schema: String,
    /// The certificate authority of the server, in PEM: the connection is then encrypted and verified.
    #[arg(long, value_name = "FILE")]
    tls_authority: Option<PathBuf>,
}

#[derive(Args, Debug)]
struct WatchArguments {
    #[command(flatten)]
    connection: Connection,
    /// The file of the audit key. Give two while the key is rotated.
    #[arg(long, required = true, value_name = "FILE")]
    key_file: Vec<PathBuf>,
    /// The file that keeps every signed checkpoint. It is created at the first use.
    #[arg(long, value_name = "FILE")]
    watched: PathBuf,
    /// The longest time without a new entry, such as 90m.
    #[arg(long, default_value = "1h", value_parser = clock::parse_duration, value_name = "TIME")]
    max_age: Duration,
}

#[derive(Args, Debug)]
struct ExportArguments {
    /// The file to write, which must not exist. It holds personal data.
    file: PathBuf,
    #[command(flatten)]
    connection: Connection,
}

impl Cli {
    /// Runs the command, and returns the exit code.
    pub fn run(&self, host: &impl Host) -> u8 {
        let done = match &self.command {
            Command::Keygen(arguments) => arguments.create(host),
            Command::Verifier(arguments) => arguments.print(host),
            Command::Watch(arguments) => arguments.run(host),
            Command::Export(arguments) => arguments.run(host),
            Command::Verify(arguments) => arguments.run(host),
        };
        match done {
            Ok(true) => 0,
            Ok(false) => PROBLEM,
            Err(Failure(why)) => {
                say(host, &why);
                FAILED
            }
        }
    }
}

/// Prints an error. A failure to print is ignored.
fn say(host: &impl Host, why: &str) {
    let _ = writeln!(host.errors(), "vetassist-audit: {why}");
}

impl KeyArguments {
    fn create(&self, host: &impl Host) -> Result<bool, Failure> {
        let key = key_file::create(host, &self.key_file).map_err(at(&self.key_file))?;
        self.print_verifier(host, &key)
    }

    fn print(&self, host: &impl Host) -> Result<bool, Failure> {
        let key = key_file::read(host, &self.key_file).map_err(at(&self.key_file))?;
        self.print_verifier(host, &key)
    }

    fn print_verifier(&self, host: &impl Host, key: &AuditKey) -> Result<bool, Failure> {
        let verifier = key.verifier(&self.origin.to_string()).map_err(failure)?;
        writeln!(host.out(), "{verifier}").map_err(failure)?;
        Ok(true)
    }
}

impl Connection {
    fn connect<H: Host>(&self, host: &H) -> Result<H::Log, Failure> {
        host.connect(&self.database, &self.schema, self.tls_authority.as_deref()).map_err(failure)
    }
}

impl WatchArguments {
    /// Watches once, and returns false if a problem was found.
    fn run(&self, host: &impl Host) -> Result<bool, Failure> {
        let key = |path: &PathBuf| key_file::read(host, path).map_err(at(path));
        let keys = self.key_file.iter().map(key).collect::<Result<Vec<_>, _>>()?;
        let file = host.open_locked(&self.watched).and_then(WatchedFile::new);
        let mut file = file.map_err(at(&self.watched))?;
        let mut log = self.connection.connect(host)?;
        let watcher = Watcher { keys: &keys, max_age: self.max_age, now: host.now() };
        match watcher.watch(&mut log, &mut file, &mut host.out()) {
            Ok(()) => Ok(true),
            Err(error) if error.is_finding() => {
                say(host, &error.to_string());
                Ok(false)
            }
            Err(error) => Err(failure(error)),
        }
    }
}

impl ExportArguments {
    fn run(&self, host: &impl Host) -> Result<bool, Failure> {
        let mut log = self.connection.connect(host)?;
        let mut file = host.create(&self.file).map_err(at(&self.file))?;
        let mut out = BufWriter::with_capacity(1 << 20, &mut file);
        let mut errors = host.errors();
        let progress = |done, size| {
            let _ = writeln!(errors, "{done} of {size} entries");
        };
        let size = export::write(&mut log, &mut out, host.now(), progress).map_err(failure)?;
        drop(out);
        file.sync().map_err(at(&self.file))?;
        let _ = writeln!(host.errors(), "{size} entries are in {}", self.file.display());
        Ok(true)
    }
}
