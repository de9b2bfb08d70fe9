//! Writes and reads the entries of the log.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use uuid::Uuid;

use super::{
    checkpoint::Origin,
    error::EntryError,
    field::{Fields, Writer},
    ranges::{plain_number, EntryRanges},
    tree::{leaf_hash, Hash, MAX_SIZE},
};
use crate::rows::Timestamp;

const ROW: &[u8] = b"vetassist row v1\0";
const ERASURE: &[u8] = b"vetassist erasure v1\0";
const REHASH: &[u8] = b"vetassist rehash v1\0";
const PURGE: &[u8] = b"vetassist purge v1\0";
const RESTART: &[u8] = b"vetassist restart v1\0";

const INFINITY: &str = "infinity";
const NEG_INFINITY: &str = "-infinity";

/// The one reason of an erasure.
pub const USER_ERASED: &str = "user_erased";

/// An entry of the log: the data of one leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Entry {
    /// A row of the audit trail.
    Row(Row),
    /// Rows whose `event_data` and `ip_hash` were erased with their user.
    Erasure(Erasure),
    /// A row whose address hash became keyed.
    Rehash(Rehash),
    /// Rows that were deleted because of their age.
    Purge(Purge),
    /// The log that this one follows. It is the first entry of a new log.
    Restart(Restart),
}

/// A row of the audit trail. Commitments replace the values that may be erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The row's `id`.
    pub id: i64,
    /// The row's `user_id`.
    pub user_id: Option<Uuid>,
    /// The row's `event_type`.
    pub event_type: String,
    /// The row's `created_at`.
    pub created_at: Option<Timestamp>,
    /// The commitment to the row's `event_data`.
    pub event_data: Hash,
    /// The commitment to the row's `ip_hash`.
    pub ip_hash: Hash,
}

/// The erasure of a user. After it `event_data` and `ip_hash` of these rows are NULL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// The entries of the rows.
    pub rows: EntryRanges,
    /// The session user who erased.
    pub session_user: String,
    /// The time of the erasure.
    pub at: Timestamp,
}

/// The upgrade of a row's address hash to a keyed one. A later upgrade supersedes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rehash {
    /// The entry of the row.
    pub row: u64,
    /// The commitment to the new `ip_hash`, under a new salt.
    pub ip_hash: Hash,
}

/// The deletion of rows because of their age. No later entry is about a purged row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purge {
    /// The rows were older than this.
    pub cutoff: Timestamp,
    /// The entries of the rows.
    pub rows: EntryRanges,
    /// The session user who purged.
    pub session_user: String,
    /// The time of the purge.
    pub at: Timestamp,
}

/// The beginning of a new log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restart {
    /// The reason for the new log, in words.
    pub reason: String,
    /// The former log's origin.
    pub origin: Origin,
    /// The former log's size.
    pub size: u64,
    /// The former log's root.
    pub root: Hash,
}

impl Entry {
    /// Returns the entry's bytes: the data of its leaf.
    ///
    /// # Errors
    /// [`EntryError::TooLong`] if a text is longer than a field can be.
    pub fn encode(&self) -> Result<Vec<u8>, EntryError> {
        let mut out = Writer(self.prefix().into());
        match self {
            Self::Row(row) => {
                out.text(&row.id.to_string())?;
                let mut user_id = Uuid::encode_buffer();
                let user_id = row.user_id.map(|id| &*id.hyphenated().encode_lower(&mut user_id));
                out.nullable(user_id.map(str::as_bytes))?;
                out.text(&row.event_type)?;
                let created_at = row.created_at.map(time_text);
                out.nullable(created_at.as_deref().map(str::as_bytes))?;
                out.hash(&row.event_data)?;
                out.hash(&row.ip_hash)?;
            }
            Self::Erasure(erasure) => {
                out.text(USER_ERASED)?;
                out.text(&erasure.rows.to_string())?;
                out.text(&erasure.session_user)?;
                out.text(&time_text(erasure.at))?;
            }
            Self::Rehash(rehash) => {
                out.text(&rehash.row.to_string())?;
                out.hash(&rehash.ip_hash)?;
            }
            Self::Purge(purge) => {
                out.text(&time_text(purge.cutoff))?;
                out.text(&purge.rows.to_string())?;
                out.text(&purge.session_user)?;
                out.text(&time_text(purge.at))?;
            }
            Self::Restart(restart) => {
                out.text(&restart.reason)?;
                out.text(&restart.origin.to_string())?;
                out.text(&restart.size.to_string())?;
                out.hash(&restart.root)?;
            }
        }
        Ok(out.0)
    }

    /// Reads the bytes of an entry. It accepts only the bytes that [`encode`](Self::encode) writes.
    ///
    /// # Errors
    /// [`EntryError`] for any other bytes.
    pub fn decode(data: &[u8]) -> Result<Self, EntryError> {
        let (entry, fields) = if let Some(fields) = data.strip_prefix(ROW) {
            read(fields, row)
        } else if let Some(fields) = data.strip_prefix(ERASURE) {
            read(fields, erasure)
        } else if let Some(fields) = data.strip_prefix(REHASH) {
            read(fields, rehash)
        } else if let Some(fields) = data.strip_prefix(PURGE) {
            read(fields, purge)
        } else if let Some(fields) = data.strip_prefix(RESTART) {
            read(fields, restart)
        } else {
            Err(EntryError::Kind)
        }?;
        fields.end()?;
        Ok(entry)
    }

    /// Returns the hash of the entry's leaf.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn leaf_hash(&self) -> Result<Hash, EntryError> {
        self.encode().map(|data| leaf_hash(&data))
    }

    /// Returns the name of the entry's kind: `row`, `erasure`, `rehash`, `purge` or `restart`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Row(_) => "row",
            Self::Erasure(_) => "erasure",
            Self::Rehash(_) => "rehash",
            Self::Purge(_) => "purge",
            Self::Restart(_) => "restart",
        }
    }

    const fn prefix(&self) -> &'static [u8] {
        match self {
            Self::Row(_) => ROW,
            Self::Erasure(_) => ERASURE,
            Self::Rehash(_) => REHASH,
            Self::Purge(_) => PURGE,
            Self::Restart(_) => RESTART,
        }
    }
}

/// Reads the fields of an entry, and returns the bytes that follow them.
fn read<'a>(
    data: &'a [u8],
    entry: fn(&mut Fields<'a>) -> Result<Entry, EntryError>,
) -> Result<(Entry, Fields<'a>), EntryError> {
    let mut fields = Fields(data);
    Ok((entry(&mut fields)?, fields))
}

fn row(fields: &mut Fields<'_>) -> Result<Entry, EntryError> {
    Ok(Entry::Row(Row {
        id: signed_number(fields.text()?)?,
        user_id: fields.nullable_text()?.map(user_id).transpose()?,
        event_type: fields.string()?,
        created_at: fields.nullable_text()?.map(time).transpose()?,
        event_data: fields.hash()?,
        ip_hash: fields.hash()?,
    }))
}

fn erasure(fields: &mut Fields<'_>) -> Result<Entry, EntryError> {
    if fields.text()? != USER_ERASED {
        return Err(EntryError::Reason);
    }
    Ok(Entry::Erasure(Erasure {
        rows: ranges(fields.text()?)?,
        session_user: fields.string()?,
        at: time(fields.text()?)?,
    }))
}

fn rehash(fields: &mut Fields<'_>) -> Result<Entry, EntryError> {
    let row = plain_number(fields.text()?).filter(|row| *row < MAX_SIZE);
    Ok(Entry::Rehash(Rehash { row: row.ok_or(EntryError::Number)?, ip_hash: fields.hash()? }))
}

fn purge(fields: &mut Fields<'_>) -> Result<Entry, EntryError> {
    Ok(Entry::Purge(Purge {
        cutoff: time(fields.text()?)?,
        rows: ranges(fields.text()?)?,
        session_user: fields.string()?,
        at: time(fields.text()?)?,
    }))
}

fn restart(fields: &mut Fields<'_>) -> Result<Entry, EntryError> {
    Ok(Entry::Restart(Restart {
        reason: fields.string()?,
        origin: fields.text()?.parse().map_err(|_| EntryError::Origin)?,
        size: plain_number(fields.text()?).ok_or(EntryError::Number)?,
        root: fields.hash()?,
    }))
}

fn ranges(text: &str) -> Result<EntryRanges, EntryError> {
    text.parse().map_err(|_| EntryError::Ranges)
}

fn user_id(text: &str) -> Result<Uuid, EntryError> {
    let id = Uuid::try_parse(text).map_err(|_| EntryError::UserId)?;
    let mut lower = Uuid::encode_buffer();
    if *id.hyphenated().encode_lower(&mut lower) == *text {
        Ok(id)
    } else {
        Err(EntryError::UserId)
    }
}

/// Reads a number in the form that `to_string` writes.
fn signed_number(text: &str) -> Result<i64, EntryError> {
    let number: i64 = text.parse().map_err(|_| EntryError::Number)?;
    if number.to_string() == text {
        Ok(number)
    } else {
        Err(EntryError::Number)
    }
}

/// Writes a time: microseconds since 1970, or `infinity` or `-infinity`.
fn time_text(time: Timestamp) -> String {
    match time.exact_unix_micros() {
        Some(micros) => micros.to_string(),
        None if time == Timestamp::INFINITY => INFINITY.into(),
        None => NEG_INFINITY.into(),
    }
}

fn time(text: &str) -> Result<Timestamp, EntryError> {
    match text {
        INFINITY => Ok(Timestamp::INFINITY),
        NEG_INFINITY => Ok(Timestamp::NEG_INFINITY),
        _ => {
            let micros: i128 = text.parse().map_err(|_| EntryError::Time)?;
            let time = Timestamp::from_exact_unix_micros(micros).ok_or(EntryError::Time)?;
            if micros.to_string() == text {
                Ok(time)
            } else {
                Err(EntryError::Time)
            }
        }
    }
}
