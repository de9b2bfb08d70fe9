//! The audit log as a database shows it.

use std::fmt;

use vetassist_core::audit_log::{Hash, Salt};

/// A database's audit log: its SQL functions, one for one.
pub trait Log {
    /// Sees the log from now on as it is at this moment, and changes nothing.
    ///
    /// # Errors
    /// If the database does not answer.
    fn take_snapshot(&mut self) -> Result<(), LogError>;

    /// Returns the checkpoint of the log as it is now, unsigned; `None` before the first seal.
    /// `vetassist_audit_checkpoint()`.
    ///
    /// # Errors
    /// If the database does not answer.
    fn checkpoint(&mut self) -> Result<Option<String>, LogError>;

    /// Returns the proof that the log of one size continues that of another.
    /// `vetassist_audit_consistency(from_size, to_size)`.
    ///
    /// # Errors
    /// If the database does not answer.
    fn consistency(&mut self, from_size: u64, to_size: u64) -> Result<Vec<Hash>, LogError>;

    /// Hands over at most so many entries from an index on, in their order; after the last entry of the log, also
    /// what is pending. `vetassist_audit_entries(from_index, max_rows)`.
    ///
    /// # Errors
    /// If the database does not answer, or `each` fails.
    fn entries(&mut self, from_index: u64, max_rows: u32, each: Each<'_>) -> Result<(), LogError>;

    /// Writes an `audit_watched` event into the trail. `vetassist_note_watch(checkpoint)`.
    ///
    /// # Errors
    /// If the database does not answer.
    fn note_watch(&mut self, checkpoint: &str) -> Result<(), LogError>;
}

/// Takes what a log shows, one after the other.
pub type Each<'a> = &'a mut dyn FnMut(Shown) -> Result<(), LogError>;

/// A part of what a log shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// An entry.
    Entry(ShownEntry),
    /// A change of a row that the next seal turns into an entry.
    Pending(Pending),
}

/// An entry of the log, and what its row holds now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownEntry {
    /// The entry's index.
    pub entry: u64,
    /// `row`, `erasure`, `rehash`, `purge` or `restart`.
    pub kind: String,
    /// The row's id, for an entry of a row.
    pub audit_id: Option<i64>,
    /// The hash of the leaf, as it was sealed.
    pub leaf_hash: Hash,
    /// The leaf's data, as it is now; `None` where the row has gone.
    pub data: Option<Vec<u8>>,
    /// The row's `event_data` as text, where it has any.
    pub event_data: Option<String>,
    /// The salt of its commitment, unless the value is gone.
    pub event_data_salt: Option<Salt>,
    /// The row's `ip_hash`, where it has any.
    pub ip_hash: Option<String>,
    /// The salt of its commitment, unless the value is gone.
    pub ip_hash_salt: Option<Salt>,
}

/// A change of a row that is not in the log yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// `erasure`, `rehash` or `purge`.
    pub kind: String,
    /// The row's id.
    pub audit_id: i64,
}

/// A database did not answer as it should. Holds the text for whoever called.
#[derive(Debug)]
pub struct LogError(pub String);

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LogError {}
