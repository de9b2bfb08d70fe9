//! The command `verify`.

use std::{
    io::{self, BufReader, BufWriter, Read, Write},
    path::PathBuf,
    time::Duration,
};

use clap::Args;
use vetassist_core::audit_log::VerifierKey;

use super::failure::{at, failure, Failure};
use crate::{
    clock,
    finding::{Severity, Summary},
    host::Host,
    verify::{verify, Evidence, Expectations},
    watched,
};

/// The arguments of `verify`.
#[derive(Args, Debug)]
pub(super) struct VerifyArguments {
    /// The export.
    file: PathBuf,
    /// A verifier key whose signatures count. Give every key that signed.
    #[arg(long = "key", required = true, value_name = "VERIFIER")]
    keys: Vec<VerifierKey>,
    /// A signed checkpoint that the log must continue.
    #[arg(long, value_name = "NOTE")]
    since: Vec<PathBuf>,
    /// The file that a watcher kept.
    #[arg(long, value_name = "FILE")]
    watched: Vec<PathBuf>,
    /// The retention of the trail.
    #[arg(long, default_value = "365d", value_parser = clock::parse_duration, value_name = "TIME")]
    retention: Duration,
}

impl VerifyArguments {
    /// Verifies the export, prints the findings, and returns true if the log is intact.
    pub(super) fn run(&self, host: &impl Host) -> Result<bool, Failure> {
        let mut evidence = Evidence::new(self.keys.clone());
        for path in &self.since {
            let mut note = Vec::new();
            let read = host.open(path).and_then(|mut file| file.read_to_end(&mut note));
            read.map_err(at(path))?;
            evidence.add_note(&path.display().to_string(), note);
        }
        for path in &self.watched {
            let lines = host.open(path).and_then(|file| watched::read_all(BufReader::new(file)));
            evidence.add_watched(&path.display().to_string(), lines.map_err(at(path))?);
        }
        let expected = Expectations { evidence, retention: self.retention };
        let export = || host.open(&self.file).map(|file| BufReader::with_capacity(1 << 20, file));
        let mut out = BufWriter::new(host.out());
        let mut printed = Ok(());
        let summary = verify(export, &expected, &mut |finding| {
            let line = writeln!(out, "{finding}");
            if printed.is_ok() {
                printed = line;
            }
        })
        .map_err(at(&self.file))?;
        printed.and_then(|()| print_summary(&mut out, &summary)).map_err(failure)?;
        Ok(summary.is_intact())
    }
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
