//! The command line of `vetassist-audit`.

use std::{
    fmt::Display,
    fs::{File, OpenOptions},
    io::{self, BufReader, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::{Args, Parser, Subcommand};
use vetassist_audit::{
    clock,
    database::Database,
    export,
    finding::{Severity, Summary},
    key_file,
    verify::{verify, Evidence, Expectations},
    watch::Watcher,
    watched::{self, WatchedFile},
};
use vetassist_core::audit_log::{AuditKey, Origin, VerifierKey};

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

#[derive(Args)]
struct VerifyArguments {
    /// The export.
    file: PathBuf,
    /// A verifier key whose signatures count. Give each that signed while keys were rotated.
    #[arg(long = "key", required = true, value_name = "VERIFIER")]
    keys: Vec<VerifierKey>,
    /// A signed checkpoint that the log must continue.
    #[arg(long, value_name = "NOTE")]
    since: Vec<PathBuf>,
    /// The file that a watcher kept.
    #[arg(long, value_name = "FILE")]
    watched: Vec<PathBuf>,
    /// The shortest time that the trail is kept.
    #[arg(long, default_value = "365d", value_parser = clock::parse_duration, value_name = "TIME")]
    retention: Duration,
}

/// Says what could not be done; it ends with exit code 2.
struct Failure(String);

/// Says what could not be done, and to which file.
fn at<E: Display>(path: &Path) -> impl FnOnce(E) -> Failure + '_ {
    move |error| Failure(format!("{}: {error}", path.display()))
}

fn failure(error: impl Display) -> Failure {
    Failure(error.to_string())
}

const PROBLEM: u8 = 1;
const FAILED: u8 = 2;

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
    let mut evidence = Evidence::new(arguments.keys.clone());
    for path in &arguments.since {
        let note = std::fs::read(path).map_err(at(path))?;
        evidence.add_note(&path.display().to_string(), note);
    }
    for path in &arguments.watched {
        let lines = watched::read(path).map_err(at(path))?;
        evidence.add_watched(&path.display().to_string(), lines);
    }
    let expected = Expectations { evidence, retention: arguments.retention };
    let open = || File::open(&arguments.file).map(|file| BufReader::with_capacity(1 << 20, file));
    let mut out = BufWriter::new(io::stdout().lock());
    let mut printed = Ok(());
    let summary = verify(open, &expected, &mut |finding| {
        let line = writeln!(out, "{finding}");
        if printed.is_ok() {
            printed = line;
        }
    })
    .map_err(at(&arguments.file))?;
    printed.and_then(|()| print_summary(&mut out, &summary)).map_err(failure)?;
    Ok(if summary.is_intact() { ExitCode::SUCCESS } else { ExitCode::from(PROBLEM) })
}

fn print_summary(out: &mut impl Write, summary: &Summary) -> io::Result<()> {
    let Summary { entries, rows, pending, covered, findings } = summary;
    writeln!(out, "{entries} entries, {rows} rows, {pending} changes pending")?;
    writeln!(out, "{covered} entries covered by signed checkpoints")?;
    for (class, count) in findings {
        writeln!(out, "{count} {}", class.name())?;
    }
    let problems: u64 = findings
        .iter()
        .filter(|(class, _)| class.severity() == Severity::Problem)
        .map(|(_, count)| count)
        .sum();
    match problems {
        0 => writeln!(out, "intact")?,
        _ => writeln!(out, "NOT intact: {problems} problems")?,
    }
    out.flush()
}
