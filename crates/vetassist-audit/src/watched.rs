//! The file of watched checkpoints, which has every signed checkpoint in order.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::host::HostFile;
#[cfg(unix)]
use crate::unix_file::LockedFile;

/// The longest line that is read, which is more than a note and the other members need.
const MAX_LINE: u64 = 2 << 20;

/// A line of the file: a signed checkpoint, and the time at which its size was first seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watched {
    /// When the log was first seen to have this size, by the watcher's clock.
    #[serde(with = "time::serde::rfc3339")]
    pub seen_at: OffsetDateTime,
    /// The signed note.
    pub note: String,
}

/// The file, open for appending and locked against a second watcher.
#[derive(Debug)]
pub struct WatchedFile<File> {
    file: File,
    last: Option<Watched>,
    /// The end of the last whole line.
    end: u64,
}

#[cfg(unix)]
impl WatchedFile<LockedFile> {
    /// Opens the file, and creates it if it does not exist.
    ///
    /// # Errors
    /// If it cannot be read or written, has other content, or another watcher has it open.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::new(LockedFile::open(path)?)
    }
}

impl<File: HostFile> WatchedFile<File> {
    /// Reads a file that is open at its beginning, for appending.
    ///
    /// An incomplete last line is ignored, because its note was never printed.
    ///
    /// # Errors
    /// If it cannot be read, or has other content.
    pub fn new(mut file: File) -> io::Result<Self> {
        let (mut last, mut end) = (None, 0);
        for line in lines(BufReader::new(&mut file)) {
            let (watched, line_end) = line?;
            (last, end) = (Some(watched), line_end);
        }
        Ok(Self { file, last, end })
    }

    /// Returns the last line.
    #[must_use]
    pub const fn last(&self) -> Option<&Watched> {
        self.last.as_ref()
    }

    /// Appends a line, and syncs the file to disk.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn append(&mut self, watched: Watched) -> io::Result<()> {
        let mut line = serde_json::to_string(&watched)?;
        line.push('\n');
        // An incomplete last line is removed first.
        self.file.cut(self.end)?;
        self.file.write_all(line.as_bytes())?;
        self.file.sync()?;
        self.end += line.len() as u64;
        self.last = Some(watched);
        Ok(())
    }
}

/// Reads the lines of a file of watched checkpoints.
///
/// # Errors
/// If it cannot be read or has other content.
pub fn read(path: &Path) -> io::Result<Vec<Watched>> {
    read_all(BufReader::new(File::open(path)?))
}

/// Reads the lines of a file of watched checkpoints from a reader.
///
/// # Errors
/// If it cannot be read or has other content.
pub fn read_all(reader: impl BufRead) -> io::Result<Vec<Watched>> {
    lines(reader).map(|line| line.map(|(watched, _)| watched)).collect()
}

/// Returns the complete lines, each with the position of its end.
fn lines(mut reader: impl BufRead) -> impl Iterator<Item = io::Result<(Watched, u64)>> {
    let (mut end, mut number) = (0, 0);
    std::iter::from_fn(move || {
        let mut line = Vec::new();
        let mut limited = io::Read::take(&mut reader, MAX_LINE);
        let read = match limited.read_until(b'\n', &mut line) {
            Ok(read) => read,
            Err(error) => return Some(Err(error)),
        };
        let read = u64::try_from(read).unwrap_or(MAX_LINE);
        if line.last() != Some(&b'\n') && read < MAX_LINE {
            return None;
        }
        number += 1;
        end += read;
        let watched = serde_json::from_slice(&line).map_err(|_| {
            let why = format!("line {number} is not that of a watched checkpoint");
            io::Error::new(io::ErrorKind::InvalidData, why)
        });
        Some(watched.map(|watched| (watched, end)))
    })
    .fuse()
}
