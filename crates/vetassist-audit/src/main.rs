//! The command line of `vetassist-audit`.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use clap::{Args, Parser, Subcommand};
use vetassist_audit::{
    clock,
    command::{at, failure, Failure, VerifyArguments, FAILED, PROBLEM},
    database::Database,
    export, key_file,
    watch::Watcher,
    watched::WatchedFile,
};
use vetassist_core::audit_log::{AuditKey, Origin};

/// Watches, exports and verifies vetassist's audit log from outside the database.
///
/// Exit codes: 0 all is well; 1 a problem was found; 2 wrong usage, or something could not be read or written.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Makes an audit key, writes its file and prints the verifier key.
    Keygen(KeyArguments),
    /// Prints the verifier key of an audit key.
    Verifier(KeyArguments),
    /// Verifies that the log continues the last checkpoint, signs its own and prints the note.
    Watch(WatchArguments),
    /// Writes the whole log into a file.
    Export(ExportArguments),
    /// Verifies an export, with no database and no secret.
    Verify(VerifyArguments),
}

#[derive(Args)]
struct KeyArguments {
    /// The file of the audit key. Keep it off the database's server.
    #[arg(long, value_name = "FILE")]
    key_file: PathBuf,
    /// The log's origin: the first line of vetassist_audit_checkpoint().
    #[arg(long)]
    origin: Origin,
}

#[derive(Args)]
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

#[derive(Args)]
struct WatchArguments {
    #[command(flatten)]
    connection: Connection,
    /// The file of the audit key. Give two while the key is rotated.
    #[arg(long, required = true, value_name = "FILE")]
    key_file: Vec<PathBuf>,
    /// The file that keeps every signed checkpoint. It is made at the first use.
    #[arg(long, value_name = "FILE")]
    watched: PathBuf,
    /// The longest time that the log may stay as it is, such as 90m.
    #[arg(long, default_value = "1h", value_parser = clock::parse_duration, value_name = "TIME")]
    max_age: Duration,
}

#[derive(Args)]
struct ExportArguments {
    /// The file to write, which must not exist. It holds personal data.
    file: PathBuf,
    #[command(flatten)]
    connection: Connection,
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Keygen(arguments) => key_file::create(&arguments.key_file)
            .map_err(at(&arguments.key_file))
            .and_then(|key| print_verifier(&key, arguments.origin)),
        Command::Verifier(arguments) => key_file::read(&arguments.key_file)
            .map_err(at(&arguments.key_file))
            .and_then(|key| print_verifier(&key, arguments.origin)),
        Command::Watch(arguments) => watch(&arguments),
        Command::Export(arguments) => write_export(&arguments),
        Command::Verify(arguments) => verify_export(&arguments),
    };
    done.unwrap_or_else(|Failure(why)| {
        eprintln!("vetassist-audit: {why}");
        ExitCode::from(FAILED)
    })
}

fn print_verifier(key: &AuditKey, origin: Origin) -> Result<ExitCode, Failure> {
    let verifier = key.verifier(&origin.to_string()).map_err(failure)?;
    writeln!(io::stdout(), "{verifier}").map_err(failure)?;
    Ok(ExitCode::SUCCESS)
}

fn connect(connection: &Connection) -> Result<Database, Failure> {
    let Connection { database, schema, tls_authority } = connection;
    Database::connect(database, schema, tls_authority.as_deref()).map_err(failure)
}

fn watch(arguments: &WatchArguments) -> Result<ExitCode, Failure> {
    let keys: Result<Vec<AuditKey>, Failure> =
        arguments.key_file.iter().map(|path| key_file::read(path).map_err(at(path))).collect();
    let mut file = WatchedFile::open(&arguments.watched).map_err(at(&arguments.watched))?;
    let mut log = connect(&arguments.connection)?;
    let watcher = Watcher { keys: &keys?, max_age: arguments.max_age, now: clock::now() };
    match watcher.watch(&mut log, &mut file, &mut io::stdout().lock()) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) if error.is_finding() => {
            eprintln!("vetassist-audit: {error}");
            Ok(ExitCode::from(PROBLEM))
        }
        Err(error) => Err(failure(error)),
    }
}

fn write_export(arguments: &ExportArguments) -> Result<ExitCode, Failure> {
    let mut log = connect(&arguments.connection)?;
    log.take_snapshot().map_err(failure)?;
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(&arguments.file);
    let file = file.map_err(at(&arguments.file))?;
    let mut out = BufWriter::with_capacity(1 << 20, &file);
    let progress = |done, size| eprintln!("{done} of {size} entries");
    let size = export::write(&mut log, &mut out, clock::now(), progress).map_err(failure)?;
    drop(out);
    file.sync_all().map_err(at(&arguments.file))?;
    eprintln!("{size} entries are in {}", arguments.file.display());
    Ok(ExitCode::SUCCESS)
}

fn verify_export(arguments: &VerifyArguments) -> Result<ExitCode, Failure> {
    let is_intact = arguments.verify(|path| File::open(path), &mut io::stdout().lock())?;
    Ok(if is_intact { ExitCode::SUCCESS } else { ExitCode::from(PROBLEM) })
}
