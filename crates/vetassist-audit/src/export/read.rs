//! Reads an export.

use std::{
    fmt,
    io::{self, BufRead, Read},
};

use vetassist_core::audit_log::Hash;

use super::format::{EndLine, Line, LogLine, FORMAT};
use crate::log::{Pending, Shown, ShownEntry};

/// The longest line that is read: 16 MB of `event_data` with all characters escaped, and the other members.
const MAX_LINE: u64 = 128 << 20;

/// An export cannot be read. Line numbers begin with 1. The content is never quoted.
#[derive(Debug)]
#[non_exhaustive]
pub enum ExportError {
    /// The file cannot be read.
    Io(io::Error),
    /// The line is not a line of an export.
    Line(u64),
    /// The first line is not the first line of an export in this format.
    Format,
    /// An entry is missing, duplicate or in the wrong place.
    Order(u64),
    /// The last line is missing, or lines follow it.
    End,
    /// The counts of the last line do not match the lines.
    Counts,
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "cannot read the export: {error}"),
            Self::Line(line) => write!(f, "line {line} is not that of an export"),
            Self::Format => f.write_str("the file is not an export that this version reads"),
            Self::Order(line) => write!(f, "line {line} is not the entry that should be there"),
            Self::End => f.write_str("the export is not whole: its last line is not at its end"),
            Self::Counts => {
                f.write_str("the export is not whole: its last line counts other lines")
            }
        }
    }
}

impl std::error::Error for ExportError {}

/// The lines of an export between the first and the last.
#[derive(Debug)]
pub struct Lines<Reader> {
    reader: Reader,
    log: LogLine,
    /// The number of the last line that was read.
    number: u64,
    counts: EndLine,
    is_at_end: bool,
}

impl<Reader: BufRead> Lines<Reader> {
    /// Reads the first line.
    ///
    /// # Errors
    /// [`ExportError`] if it is not the first line of an export.
    pub fn new(mut reader: Reader) -> Result<Self, ExportError> {
        match next_line(&mut reader, 1) {
            Ok(Line::Log(log)) if log.format == FORMAT => {
                let counts = EndLine { entries: 0, pending: 0 };
                Ok(Self { reader, log, number: 1, counts, is_at_end: false })
            }
            Err(error @ ExportError::Io(_)) => Err(error),
            _ => Err(ExportError::Format),
        }
    }

    /// Returns the first line.
    #[must_use]
    pub const fn log(&self) -> &LogLine {
        &self.log
    }

    fn read(&mut self) -> Result<Option<Shown>, ExportError> {
        self.number += 1;
        let line = self.number;
        match next_line(&mut self.reader, line)? {
            Line::Entry(entry)
                if entry.entry == self.counts.entries && self.counts.pending == 0 =>
            {
                self.counts.entries += 1;
                let bad_line = |_| ExportError::Line(line);
                let salt = |salt: Option<Vec<u8>>| salt.map(TryInto::try_into).transpose();
                Ok(Some(Shown::Entry(ShownEntry {
                    entry: entry.entry,
                    kind: entry.kind,
                    audit_id: entry.audit_id,
                    leaf_hash: Hash::try_from(&*entry.leaf_hash)
                        .map_err(|_| ExportError::Line(line))?,
                    data: entry.data,
                    event_data: entry.event_data,
                    event_data_salt: salt(entry.event_data_salt).map_err(bad_line)?,
                    ip_hash: entry.ip_hash,
                    ip_hash_salt: salt(entry.ip_hash_salt).map_err(bad_line)?,
                })))
            }
            Line::Entry(_) => Err(ExportError::Order(line)),
            Line::Pending(pending) => {
                self.counts.pending += 1;
                let (kind, audit_id) = (pending.kind, pending.audit_id);
                Ok(Some(Shown::Pending(Pending { kind, audit_id })))
            }
            Line::End(counts) => {
                self.is_at_end = true;
                if counts != self.counts {
                    return Err(ExportError::Counts);
                }
                match self.reader.fill_buf() {
                    Ok([]) => Ok(None),
                    Ok(_) => Err(ExportError::End),
                    Err(error) => Err(ExportError::Io(error)),
                }
            }
            Line::Log(_) => Err(ExportError::Line(line)),
        }
    }
}

impl<Reader: BufRead> Iterator for Lines<Reader> {
    type Item = Result<Shown, ExportError>;

    /// Returns the next entry or pending change. After an error it returns nothing more.
    fn next(&mut self) -> Option<Self::Item> {
        if self.is_at_end {
            return None;
        }
        let read = self.read().transpose();
        self.is_at_end |= read.as_ref().is_some_and(Result::is_err);
        read
    }
}

fn next_line(reader: &mut impl BufRead, number: u64) -> Result<Line, ExportError> {
    let mut line = Vec::new();
    reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line).map_err(ExportError::Io)?;
    if line.last() != Some(&b'\n') {
        let is_cut = u64::try_from(line.len()).is_ok_and(|len| len < MAX_LINE);
        return Err(if is_cut { ExportError::End } else { ExportError::Line(number) });
    }
    serde_json::from_slice(&line).map_err(|_| ExportError::Line(number))
}
