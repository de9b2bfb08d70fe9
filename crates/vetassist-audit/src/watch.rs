//! Watches a log: signs a checkpoint only if it continues the last signed one.

use std::{
    fmt,
    io::{self, Write},
    time::Duration,
};

use time::OffsetDateTime;
use vetassist_core::{
    audit_log::{
        sign_note, verify_consistency, AuditKey, Checkpoint, CheckpointError, NoteError,
        ProofError, VerifierKey,
    },
    Timestamp,
};

use crate::{
    clock,
    host::HostFile,
    log::{Log, LogError},
    watched::{Watched, WatchedFile},
};

/// The keys, the limits and the time of a watch.
#[derive(Debug)]
pub struct Watcher<'a> {
    /// The keys that sign. There are two while a key is rotated.
    pub keys: &'a [AuditKey],
    /// The longest time without a new entry.
    pub max_age: Duration,
    /// The time now.
    pub now: OffsetDateTime,
}

/// The log was not signed, or no longer grows.
#[derive(Debug)]
#[non_exhaustive]
pub enum WatchError {
    /// The database did not answer.
    Log(LogError),
    /// The file of watched checkpoints, or the output, cannot be written.
    Io(io::Error),
    /// There are no keys, or a note cannot be signed with them.
    Sign(NoteError),
    /// Nothing was sealed yet.
    NotSealed,
    /// The database's checkpoint is malformed.
    Checkpoint(CheckpointError),
    /// The last note in the file is refused: another key signed it, or it was changed.
    LastNote(NoteError),
    /// It is another log than the last one.
    OtherLog,
    /// The log has fewer entries than before.
    Smaller {
        /// The number of entries before.
        before: u64,
        /// The number of entries now.
        now: u64,
    },
    /// The log has as many entries as before, but they differ.
    OtherRoot,
    /// The log does not continue the last one.
    NotConsistent(ProofError),
    /// The log has not grown since.
    Stopped(OffsetDateTime),
}

impl WatchError {
    /// Returns true if the error is a problem of the log, and not of the usage or the environment.
    #[must_use]
    pub const fn is_finding(&self) -> bool {
        !matches!(self, Self::Log(_) | Self::Io(_) | Self::Sign(_) | Self::LastNote(_))
    }
}

impl fmt::Display for WatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log(error) => write!(f, "the database did not answer: {error}"),
            Self::Io(error) => write!(f, "cannot write the watched checkpoint: {error}"),
            Self::Sign(error) => write!(f, "cannot sign: {error}"),
            Self::NotSealed => f.write_str("nothing is sealed yet: CALL vetassist_seal_audit()"),
            Self::Checkpoint(error) => write!(f, "the database shows no checkpoint: {error}"),
            Self::LastNote(error) => write!(
                f,
                "the last watched checkpoint cannot be verified: {error}. While a key is rotated, give both key files"
            ),
            Self::OtherLog => f.write_str(
                "this is another log than the one watched so far. If it was restarted on purpose, watch it with a new file",
            ),
            Self::Smaller { before, now } => {
                write!(f, "the log has {now} entries, and had {before}: entries were removed, or an old copy was restored")
            }
            Self::OtherRoot => {
                f.write_str("the log has as many entries as before, but other ones: it was rewritten")
            }
            Self::NotConsistent(error) => {
                write!(f, "the log does not continue the last checkpoint, it was rewritten: {error}")
            }
            Self::Stopped(since) => {
                let since = Timestamp::try_from(*since).map(clock::text).unwrap_or_default();
                write!(f, "the log has not grown since {since}: is vetassist_seal_audit() still called?")
            }
        }
    }
}

impl std::error::Error for WatchError {}

impl From<LogError> for WatchError {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

impl From<io::Error> for WatchError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Watcher<'_> {
    /// Watches once: verifies that the log continues the last watched checkpoint, signs the new checkpoint, prints the
    /// note after it is on the disk, and writes an `audit_watched` event to the trail.
    ///
    /// # Errors
    /// [`WatchError`]. Except with [`WatchError::Stopped`], nothing was signed.
    pub fn watch(
        &self,
        log: &mut impl Log,
        file: &mut WatchedFile<impl HostFile>,
        out: &mut impl Write,
    ) -> Result<(), WatchError> {
        let text = log.checkpoint()?.ok_or(WatchError::NotSealed)?;
        let checkpoint: Checkpoint = text.parse().map_err(WatchError::Checkpoint)?;
        let last = file.last().cloned();
        let former = last.as_ref().map(|last| self.open(last)).transpose()?;
        if let Some(former) = former {
            Self::check_continues(log, &former, &checkpoint)?;
        }
        let origin = checkpoint.origin.to_string();
        let keys: Vec<&AuditKey> = self.keys.iter().collect();
        let note = sign_note(&text, &origin, &keys).map_err(WatchError::Sign)?;
        // While the log does not change, the time at which it was first seen counts.
        let unchanged = last.filter(|_| former == Some(checkpoint));
        let seen_at = unchanged.as_ref().map_or(self.now, |last| last.seen_at);
        if unchanged.is_none_or(|last| last.note != note) {
            file.append(Watched { seen_at, note: note.clone() })?;
        }
        out.write_all(note.as_bytes())?;
        out.flush()?;
        log.note_watch(&text)?;
        let age = Duration::try_from(self.now - seen_at).unwrap_or_default();
        if age > self.max_age {
            return Err(WatchError::Stopped(seen_at));
        }
        Ok(())
    }

    /// Reads the last checkpoint, which one of the keys must have signed.
    fn open(&self, last: &Watched) -> Result<Checkpoint, WatchError> {
        let name = last.note.lines().next().unwrap_or_default();
        let verifiers: Result<Vec<VerifierKey>, _> =
            self.keys.iter().map(|key| key.verifier(name)).collect();
        let verifiers = verifiers.map_err(|_| WatchError::LastNote(NoteError::NotACheckpoint))?;
        Checkpoint::open(last.note.as_bytes(), &verifiers).map_err(WatchError::LastNote)
    }

    fn check_continues(
        log: &mut impl Log,
        former: &Checkpoint,
        checkpoint: &Checkpoint,
    ) -> Result<(), WatchError> {
        if former.origin != checkpoint.origin {
            return Err(WatchError::OtherLog);
        } else if checkpoint.size < former.size {
            return Err(WatchError::Smaller { before: former.size, now: checkpoint.size });
        } else if checkpoint.size == former.size {
            let is_same = checkpoint.root == former.root;
            return if is_same { Ok(()) } else { Err(WatchError::OtherRoot) };
        }
        let proof = log.consistency(former.size, checkpoint.size)?;
        verify_consistency(former.size, &former.root, checkpoint.size, &checkpoint.root, &proof)
            .map_err(WatchError::NotConsistent)
    }
}
