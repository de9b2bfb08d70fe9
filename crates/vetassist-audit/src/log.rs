//! The audit log of a database.

use std::fmt;

use vetassist_core::audit_log::{Hash, Salt};

/// A database's audit log, with a method for each of its SQL functions.
pub trait Log {
    /// Takes a snapshot: later calls read the log as it is now, and change nothing.
    ///
    /// # Errors
    /// If the database does not answer.
    fn take_snapshot(&mut self) -> Result<(), LogError>;

    /// Returns the current checkpoint of the log, unsigned; `None` before the first seal.
    /// `vetassist_audit_checkpoint()`.
    ///
    /// # Errors
    /// If the database does not answer.
    fn checkpoint(&mut self) -> Result<Option<String>, LogError>;

    /// Returns the proof that the log of one size continues the log of another.
    /// `vetassist_audit_consistency(from_size, to_size)`.
    ///
    /// # Errors
    /// If the database does not answer.
    fn consistency(&mut self, from_size: u64, to_size: u64) -> Result<Vec<Hash>, LogError>;

    /// Passes at most so many entries from an index on to `each`, in order. The pending changes follow the last entry of
    /// the log. `vetassist_audit_entries(from_index, max_rows)`.
    ///
    /// # Errors
    /// If the database does not answer, or `each` fails.
    fn entries(&mut self, from_index: u64, max_rows: u32, each: Each<'_>) -> Result<(), LogError>;

    /// Writes an `audit_watched` event to the trail. `vetassist_note_watch(checkpoint)`.
    ///
    /// # Errors
    /// If the database does not answer.
    fn note_watch(&mut self, checkpoint: &str) -> Result<(), LogError>;
}

/// Receives the entries and pending changes of a log, one after the other.
pub type Each<'a> = &'a mut dyn FnMut(Shown) -> Result<(), LogError>;

/// An entry or a pending change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// An entry.
    Entry(ShownEntry),
    /// A change of a row that the next seal turns into an entry.
    Pending(Pending),
}

/// An entry of the log, and the current values of its row.
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
    /// The current data of the leaf; `None` if the row is gone.
    pub data: Option<Vec<u8>>,
    /// The row's `event_data` as text, if it has any.
    pub event_data: Option<String>,
    /// The salt of its commitment, unless the value is gone.
    pub event_data_salt: Option<Salt>,
    /// The row's `ip_hash`, if it has any.
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

/// The database did not answer, or gave an invalid answer. Contains the message for the caller.
#[derive(Debug)]
pub struct LogError(pub String);

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LogError {}
