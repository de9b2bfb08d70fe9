//! The lines of an export.

use serde::{Deserialize, Serialize};

use super::base64;

/// The name of the format, and its version.
pub const FORMAT: &str = "vetassist audit export v1";

/// A line of an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Line {
    /// The first line.
    Log(LogLine),
    /// An entry, and the values of its row.
    Entry(EntryLine),
    /// A change of a row that is not in the log yet.
    Pending(PendingLine),
    /// The last line.
    End(EndLine),
}

/// The log and its size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogLine {
    /// [`FORMAT`].
    pub format: String,
    /// The log's checkpoint, unsigned.
    pub checkpoint: String,
    /// The time of the export, by the clock of the machine that exported.
    #[serde(with = "time::serde::rfc3339")]
    pub exported_at: time::OffsetDateTime,
}

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryLine {
    /// The entry's index.
    pub entry: u64,
    /// `row`, `erasure`, `rehash`, `purge` or `restart`.
    pub kind: String,
    /// The row's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit_id: Option<i64>,
    /// The hash of the leaf, as it was sealed.
    #[serde(with = "base64")]
    pub leaf_hash: Vec<u8>,
    /// The leaf's data, unless the row has gone.
    #[serde(default, with = "base64::option", skip_serializing_if = "Option::is_none")]
    pub data: Option<Vec<u8>>,
    /// The row's `event_data` as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_data: Option<String>,
    /// The salt of its commitment.
    #[serde(default, with = "base64::option", skip_serializing_if = "Option::is_none")]
    pub event_data_salt: Option<Vec<u8>>,
    /// The row's `ip_hash`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_hash: Option<String>,
    /// The salt of its commitment.
    #[serde(default, with = "base64::option", skip_serializing_if = "Option::is_none")]
    pub ip_hash_salt: Option<Vec<u8>>,
}

/// A change that is not in the log yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PendingLine {
    /// `erasure`, `rehash` or `purge`.
    pub kind: String,
    /// The row's id.
    pub audit_id: i64,
}

/// The last line's counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndLine {
    /// The number of entries.
    pub entries: u64,
    /// The number of pending changes.
    pub pending: u64,
}
