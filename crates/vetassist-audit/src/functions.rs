//! The statements that call the SQL functions of the log, and the types of their results.

use vetassist_core::audit_log::{Hash, Salt};

use crate::log::{LogError, Pending, Shown, ShownEntry};

/// Begins a transaction that reads a snapshot of the database.
pub const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// The functions in one schema.
#[derive(Clone, Debug)]
pub struct Functions {
    /// The schema, quoted.
    schema: String,
}

impl Functions {
    /// Returns the functions in this schema.
    #[must_use]
    pub fn of(schema: &str) -> Self {
        Self { schema: format!("\"{}\"", schema.replace('"', "\"\"")) }
    }

    /// Returns the statement for the checkpoint: one value of type text.
    #[must_use]
    pub fn checkpoint(&self) -> String {
        format!("SELECT {}.vetassist_audit_checkpoint()", self.schema)
    }

    /// Returns the statement for the proof between the sizes $1 and $2: rows of type bytea.
    #[must_use]
    pub fn consistency(&self) -> String {
        format!("SELECT unnest({}.vetassist_audit_consistency($1, $2))", self.schema)
    }

    /// Returns the statement for entries: rows of [`EntryRow`]'s columns. It has no parameters, because COPY accepts none.
    #[must_use]
    pub fn entries(&self, from_index: u64, max_rows: u32) -> String {
        let schema = &self.schema;
        format!("SELECT e.* FROM {schema}.vetassist_audit_entries({from_index}, {max_rows}) AS e")
    }

    /// Returns the statement that notes a watch of the checkpoint $1.
    #[must_use]
    pub fn note_watch(&self) -> String {
        format!("SELECT {}.vetassist_note_watch($1)", self.schema)
    }
}

/// A row of `vetassist_audit_entries`, with the columns in order.
#[derive(Clone, Debug, Default)]
pub struct EntryRow {
    /// The entry's index; `None` for a change that is pending.
    pub entry: Option<i64>,
    /// The kind of entry or change.
    pub kind: Option<String>,
    /// The id of the trail's row.
    pub audit_id: Option<i64>,
    /// The hash of the leaf.
    pub leaf_hash: Option<Vec<u8>>,
    /// The leaf's data.
    pub data: Option<Vec<u8>>,
    /// The row's `event_data`.
    pub event_data: Option<String>,
    /// The salt of its commitment.
    pub event_data_salt: Option<Vec<u8>>,
    /// The row's `ip_hash`.
    pub ip_hash: Option<String>,
    /// The salt of its commitment.
    pub ip_hash_salt: Option<Vec<u8>>,
}

impl TryFrom<EntryRow> for Shown {
    type Error = LogError;

    fn try_from(row: EntryRow) -> Result<Self, LogError> {
        let kind = row.kind.ok_or_else(|| strange("an entry without a kind"))?;
        let Some(entry) = row.entry else {
            let audit_id = row.audit_id.ok_or_else(|| strange("a pending change of no row"))?;
            return Ok(Self::Pending(Pending { kind, audit_id }));
        };
        let salt = |bytes: Option<Vec<u8>>| -> Result<Option<Salt>, LogError> {
            let salt = bytes.map(TryInto::try_into).transpose();
            salt.map_err(|_| strange("a salt of another length"))
        };
        let leaf_hash = row.leaf_hash.ok_or_else(|| strange("an entry without a hash"))?;
        Ok(Self::Entry(ShownEntry {
            entry: entry.try_into().map_err(|_| strange("a negative index"))?,
            kind,
            audit_id: row.audit_id,
            leaf_hash: hash(&leaf_hash)?,
            data: row.data,
            event_data: row.event_data,
            event_data_salt: salt(row.event_data_salt)?,
            ip_hash: row.ip_hash,
            ip_hash_salt: salt(row.ip_hash_salt)?,
        }))
    }
}

/// Returns a size as a bigint.
///
/// # Errors
/// If it exceeds the range of bigint.
pub fn bigint(size: u64) -> Result<i64, LogError> {
    size.try_into().map_err(|_| strange("a size beyond bigint"))
}

/// Reads a hash.
///
/// # Errors
/// If it has another length.
pub fn hash(bytes: &[u8]) -> Result<Hash, LogError> {
    Hash::try_from(bytes).map_err(|_| strange("a hash that is not 32 bytes"))
}

/// Returns the error for a value that a log cannot have.
#[must_use]
pub fn strange(what: &str) -> LogError {
    LogError(format!("the database shows {what}"))
}
