//! Signed checkpoints, which a log must continue.

use time::OffsetDateTime;
use vetassist_core::audit_log::{Checkpoint, Hash, VerifierKey};

use super::report::Report;
use crate::{
    finding::{Class, Finding},
    watched::Watched,
};

/// Signed checkpoints that were kept outside the database, and the known keys.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    keys: Vec<VerifierKey>,
    notes: Vec<Kept>,
}

/// A note that was kept.
#[derive(Clone, Debug)]
struct Kept {
    /// Its source, for the findings.
    source: String,
    note: Vec<u8>,
    seen_at: Option<OffsetDateTime>,
}

impl Evidence {
    /// Returns evidence without notes. Signatures of these keys count.
    #[must_use]
    pub const fn new(keys: Vec<VerifierKey>) -> Self {
        Self { keys, notes: Vec::new() }
    }

    /// Adds a signed note.
    pub fn add_note(&mut self, source: &str, note: Vec<u8>) {
        self.notes.push(Kept { source: source.into(), note, seen_at: None });
    }

    /// Adds the lines of a file of watched checkpoints.
    pub fn add_watched(&mut self, source: &str, watched: Vec<Watched>) {
        let kept = watched.into_iter().enumerate().map(|(place, line)| Kept {
            source: format!("{source}, line {}", place + 1),
            note: line.note.into_bytes(),
            seen_at: Some(line.seen_at),
        });
        self.notes.extend(kept);
    }

    /// Returns the checkpoints of this log, in the order of their sizes, and reports refused notes.
    pub(super) fn of_log(&self, log: &Checkpoint, report: Report<'_>) -> Signed {
        let mut checkpoints = Vec::new();
        for Kept { source, note, seen_at } in &self.notes {
            let (class, detail) = match Checkpoint::open(note, &self.keys) {
                Ok(checkpoint) if checkpoint.origin == log.origin => {
                    let source = source.clone();
                    checkpoints.push(SignedCheckpoint { source, checkpoint, seen_at: *seen_at });
                    continue;
                }
                Ok(_) => (Class::OtherLog, format!("{source} belongs to another log")),
                Err(error) => (Class::BadNote, format!("{source}: {error}")),
            };
            report(Finding { class, entry: None, audit_id: None, detail });
        }
        checkpoints.sort_by_key(|signed| signed.checkpoint.size);
        Signed::new(checkpoints)
    }
}

/// A checkpoint that a known key signed.
#[derive(Clone, Debug)]
struct SignedCheckpoint {
    source: String,
    checkpoint: Checkpoint,
    seen_at: Option<OffsetDateTime>,
}

/// The signed checkpoints of one log, in the order of their sizes.
#[derive(Clone, Debug)]
pub struct Signed {
    checkpoints: Vec<SignedCheckpoint>,
    /// At each index, the latest time at which one of the checkpoints before it was seen.
    latest: Vec<Option<OffsetDateTime>>,
    /// At each index, the earliest time at which one of the checkpoints from it on was seen.
    earliest: Vec<Option<OffsetDateTime>>,
    /// The index of the first checkpoint that was not compared yet.
    next: usize,
    covered: u64,
    is_alike: bool,
}

impl Signed {
    fn new(checkpoints: Vec<SignedCheckpoint>) -> Self {
        let mut latest = vec![None];
        let mut earliest = vec![None];
        for signed in &checkpoints {
            latest.push(latest.last().copied().flatten().max(signed.seen_at));
        }
        for signed in checkpoints.iter().rev() {
            let known: Option<OffsetDateTime> = earliest.last().copied().flatten();
            earliest.push(known.into_iter().chain(signed.seen_at).min());
        }
        earliest.reverse();
        Self { checkpoints, latest, earliest, next: 0, covered: 0, is_alike: true }
    }

    /// Returns the number of checkpoints that do not cover this entry.
    fn without(&self, entry: u64) -> usize {
        self.checkpoints.partition_point(|signed| signed.checkpoint.size <= entry)
    }

    /// Compares the checkpoints of this size with the root of so many entries.
    pub(super) fn check(&mut self, size: u64, root: impl FnOnce() -> Hash, report: Report<'_>) {
        let rest = &self.checkpoints[self.next..];
        let here = rest.iter().take_while(|signed| signed.checkpoint.size <= size).count();
        if here == 0 {
            return;
        }
        let root = root();
        for SignedCheckpoint { source, checkpoint, .. } in &rest[..here] {
            if checkpoint.size == 0 || checkpoint.root == root {
                continue;
            }
            self.is_alike = false;
            report(Finding {
                class: Class::Rewritten,
                entry: None,
                audit_id: None,
                detail: format!(
                    "the first {size} entries differ from those of the signed checkpoint ({source})"
                ),
            });
        }
        if self.is_alike {
            self.covered = size;
        }
        self.next += here;
    }

    /// Reports checkpoints with more entries than the log, and returns the number of entries that signed checkpoints cover.
    pub(super) fn finish(&mut self, size: u64, report: Report<'_>) -> u64 {
        let none = || Finding {
            class: Class::Unwatched,
            entry: None,
            audit_id: None,
            detail: String::new(),
        };
        for SignedCheckpoint { source, checkpoint, .. } in &self.checkpoints[self.next..] {
            // Without any entries, only the checkpoint of an empty log may be left.
            if checkpoint.size <= size {
                continue;
            }
            report(Finding {
                class: Class::RolledBack,
                detail: format!(
                    "the log has {size} entries, and a signed checkpoint has {} ({source})",
                    checkpoint.size
                ),
                ..none()
            });
        }
        if self.checkpoints.is_empty() {
            let detail =
                "no signed checkpoint was given: entries may have been rewritten or removed".into();
            report(Finding { detail, ..none() });
        } else if self.covered < size {
            let detail = format!(
                "entries from {} on: no signed checkpoint covers them, they may have been rewritten or removed",
                self.covered
            );
            report(Finding { detail, ..none() });
        }
        self.covered
    }

    /// Returns the time at which a watcher first saw the log with this entry. It was sealed before that.
    pub(super) fn sealed_before(&self, entry: u64) -> Option<OffsetDateTime> {
        self.earliest[self.without(entry)]
    }

    /// Returns the time at which a watcher last saw the log without this entry. It was sealed after that.
    pub(super) fn sealed_after(&self, entry: u64) -> Option<OffsetDateTime> {
        self.latest[self.without(entry)]
    }
}
