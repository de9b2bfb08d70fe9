//! A database in memory: the audit trail, its log, and changes of both.
#![allow(dead_code, clippy::unwrap_used, missing_docs, unreachable_pub)]

use std::collections::BTreeMap;

use vetassist_audit::log::{Each, Log, LogError, Pending, Shown, ShownEntry};
use vetassist_core::{
    audit_log::{
        commit, consistency_proof, leaf_hash, root, Checkpoint, Entry, EntryRanges, Erasure, Hash,
        Origin, Purge, Rehash, Row, Salt,
    },
    Timestamp, Uuid,
};

pub const HOUR: i64 = 3_600_000_000;
pub const DAY: i64 = 24 * HOUR;
pub const YEAR: i64 = 365 * DAY;
/// 2026-01-01.
pub const START: i64 = 1_767_225_600_000_000;

/// A row of the trail.
#[derive(Clone, Debug)]
pub struct TrailRow {
    pub user_id: Option<Uuid>,
    pub event_type: String,
    pub event_data: Option<String>,
    pub ip_hash: Option<String>,
    pub created_at: Option<Timestamp>,
}

/// An entry as it is stored.
#[derive(Clone, Debug)]
pub struct Sealed {
    pub kind: &'static str,
    pub audit_id: Option<i64>,
    pub leaf_hash: Hash,
    /// The data of an entry that is not of a row.
    pub data: Option<Vec<u8>>,
    /// The salts, until the values are cleared.
    pub salts: [Option<Salt>; 2],
    /// The commitments, once they can no longer be computed from salts and values.
    pub commitments: [Option<Hash>; 2],
    pub is_purged: bool,
}

/// An entry that the next seal adds for a change.
#[derive(Clone, Debug)]
pub enum Owed {
    Erasure(Vec<i64>),
    Rehash(i64),
    Purge(Timestamp, Vec<i64>),
}

#[derive(Clone, Debug)]
pub struct Memory {
    pub origin: Origin,
    pub rows: BTreeMap<i64, TrailRow>,
    pub entries: Vec<Sealed>,
    pub pending: Vec<(Owed, Timestamp)>,
    pub watched: Vec<String>,
    pub clock: i64,
    next_id: i64,
    salts: u64,
}

pub fn time(micros: i64) -> Timestamp {
    Timestamp::from_unix_micros(micros).unwrap()
}

impl Memory {
    pub fn new() -> Self {
        Self {
            origin: Origin::new(Uuid::from_u128(19)),
            rows: BTreeMap::new(),
            entries: Vec::new(),
            pending: Vec::new(),
            watched: Vec::new(),
            clock: START,
            next_id: 1,
            salts: 0,
        }
    }

    pub fn now(&self) -> Timestamp {
        time(self.clock)
    }

    /// Writes an event, a minute after the last one.
    pub fn log(&mut self, user: Option<u128>, event_type: &str) -> i64 {
        self.clock += HOUR / 60;
        let id = self.next_id;
        self.next_id += 1;
        let row = TrailRow {
            user_id: user.map(Uuid::from_u128),
            event_type: event_type.into(),
            event_data: Some(format!("{{\"by\": \"app\", \"n\": {id}}}")),
            ip_hash: Some(format!("{id:064x}")),
            created_at: Some(self.now()),
        };
        self.rows.insert(id, row);
        id
    }

    /// Writes sign-ins of ten users and seals them.
    pub fn sign_ins(&mut self, count: u32) {
        for n in 0..count {
            self.log(Some(u128::from(n % 10) + 1), "login");
        }
        self.seal();
    }

    fn salt(&mut self) -> Salt {
        self.salts += 1;
        let hash = leaf_hash(&self.salts.to_be_bytes());
        hash.as_bytes()[..16].try_into().unwrap()
    }

    /// Returns the live entry of a row.
    pub fn entry_of(&self, id: i64) -> Option<usize> {
        self.entries.iter().rposition(|entry| {
            entry.kind == "row" && entry.audit_id == Some(id) && !entry.is_purged
        })
    }

    fn entries_of(&self, ids: &[i64]) -> EntryRanges {
        let any = |id: &i64| {
            self.entries.iter().rposition(|e| e.kind == "row" && e.audit_id == Some(*id))
        };
        ids.iter().filter_map(any).map(|entry| entry as u64).collect()
    }

    pub fn append(&mut self, entry: &Entry) {
        let data = entry.encode().unwrap();
        self.entries.push(Sealed {
            kind: entry.kind(),
            audit_id: None,
            leaf_hash: leaf_hash(&data),
            data: Some(data),
            salts: [None; 2],
            commitments: [None; 2],
            is_purged: false,
        });
    }

    /// Seals pending changes, then new rows.
    pub fn seal(&mut self) {
        let session_user = String::from("app");
        for (owed, at) in std::mem::take(&mut self.pending) {
            match owed {
                Owed::Erasure(ids) => {
                    let rows = self.entries_of(&ids);
                    if rows.count() > 0 {
                        let session_user = session_user.clone();
                        self.append(&Entry::Erasure(Erasure { rows, session_user, at }));
                    }
                }
                Owed::Rehash(id) => {
                    let Some(entry) = self.entry_of(id) else { continue };
                    let Some(salt) = self.entries[entry].salts[1] else { continue };
                    let ip_hash = commit(&salt, self.rows[&id].ip_hash.as_deref()).unwrap();
                    self.append(&Entry::Rehash(Rehash { row: entry as u64, ip_hash }));
                }
                Owed::Purge(cutoff, ids) => {
                    let rows = self.entries_of(&ids);
                    let session_user = session_user.clone();
                    self.append(&Entry::Purge(Purge { cutoff, rows, session_user, at }));
                }
            }
        }
        let new: Vec<i64> =
            self.rows.keys().copied().filter(|id| self.entry_of(*id).is_none()).collect();
        for id in new {
            let salts = [Some(self.salt()), Some(self.salt())];
            let data = row_data(id, &self.rows[&id], &salts, &[None; 2]);
            self.entries.push(Sealed {
                kind: "row",
                audit_id: Some(id),
                leaf_hash: leaf_hash(&data),
                data: None,
                salts,
                commitments: [None; 2],
                is_purged: false,
            });
        }
    }

    /// Erases a user as `vetassist_erase_user` does.
    pub fn erase(&mut self, user: u128) {
        let of_user = |row: &TrailRow| row.user_id == Some(Uuid::from_u128(user));
        let ids: Vec<i64> =
            self.rows.iter().filter(|(_, row)| of_user(row)).map(|(id, _)| *id).collect();
        self.erase_rows(&ids);
        self.log(Some(user), "user_erased");
    }

    pub fn erase_rows(&mut self, ids: &[i64]) {
        for id in ids {
            self.clear(*id);
        }
        self.pending.push((Owed::Erasure(ids.to_vec()), self.now()));
    }

    /// Clears the values of a row and their salts.
    pub fn clear(&mut self, id: i64) {
        if let Some(entry) = self.entry_of(id) {
            self.keep_commitments(entry);
            self.entries[entry].salts = [None; 2];
        }
        let row = self.rows.get_mut(&id).unwrap();
        (row.event_data, row.ip_hash) = (None, None);
    }

    fn keep_commitments(&mut self, entry: usize) {
        let sealed = self.entries[entry].clone();
        let row = self.rows[&sealed.audit_id.unwrap()].clone();
        let values = [&row.event_data, &row.ip_hash];
        for (place, value) in values.into_iter().enumerate() {
            if let (Some(salt), None) = (sealed.salts[place], sealed.commitments[place]) {
                let commitment = commit(&salt, value.as_deref()).unwrap();
                self.entries[entry].commitments[place] = Some(commitment);
            }
        }
    }

    /// Makes a row's address hash keyed.
    pub fn rehash(&mut self, id: i64) {
        if let Some(entry) = self.entry_of(id) {
            self.keep_commitments(entry);
            self.entries[entry].commitments[0] = None;
            self.entries[entry].salts[1] = Some(self.salt());
        }
        self.rows.get_mut(&id).unwrap().ip_hash = Some(format!("{:064x}", id + (1 << 40)));
        self.pending.push((Owed::Rehash(id), self.now()));
    }

    /// Deletes sealed rows older than the cutoff.
    pub fn purge(&mut self, cutoff: i64) {
        let ids: Vec<i64> = self
            .rows
            .iter()
            .filter(|(id, row)| {
                row.created_at < Some(time(cutoff)) && self.entry_of(**id).is_some()
            })
            .map(|(id, _)| *id)
            .collect();
        for id in &ids {
            let entry = self.entry_of(*id).unwrap();
            self.entries[entry].salts = [None; 2];
            self.entries[entry].is_purged = true;
            self.rows.remove(id);
        }
        if !ids.is_empty() {
            self.pending.push((Owed::Purge(time(cutoff), ids), self.now()));
        }
    }

    pub fn leaves(&self) -> Vec<Hash> {
        self.entries.iter().map(|entry| entry.leaf_hash).collect()
    }

    pub fn checkpoint_now(&self) -> Checkpoint {
        let leaves = self.leaves();
        Checkpoint { origin: self.origin, size: leaves.len() as u64, root: root(&leaves) }
    }

    fn show(&self, index: usize) -> ShownEntry {
        let sealed = &self.entries[index];
        let row = sealed.audit_id.filter(|_| !sealed.is_purged).and_then(|id| self.rows.get(&id));
        let data = match (row, sealed.audit_id) {
            (Some(row), Some(id)) => Some(row_data(id, row, &sealed.salts, &sealed.commitments)),
            _ => sealed.data.clone(),
        };
        ShownEntry {
            entry: index as u64,
            kind: sealed.kind.into(),
            audit_id: sealed.audit_id,
            leaf_hash: sealed.leaf_hash,
            data,
            event_data: row.and_then(|row| row.event_data.clone()),
            event_data_salt: sealed.salts[0],
            ip_hash: row.and_then(|row| row.ip_hash.clone()),
            ip_hash_salt: sealed.salts[1],
        }
    }
}

/// Returns the data of a row's leaf, from its current values.
fn row_data(
    id: i64,
    row: &TrailRow,
    salts: &[Option<Salt>; 2],
    commitments: &[Option<Hash>; 2],
) -> Vec<u8> {
    let commitment = |place: usize, value: Option<&str>| {
        let salt = salts[place].unwrap_or_default();
        commitments[place].unwrap_or_else(|| commit(&salt, value).unwrap())
    };
    let row = Row {
        id,
        user_id: row.user_id,
        event_type: row.event_type.clone(),
        created_at: row.created_at,
        event_data: commitment(0, row.event_data.as_deref()),
        ip_hash: commitment(1, row.ip_hash.as_deref()),
    };
    Entry::Row(row).encode().unwrap()
}

impl Log for Memory {
    fn take_snapshot(&mut self) -> Result<(), LogError> {
        Ok(())
    }

    fn checkpoint(&mut self) -> Result<Option<String>, LogError> {
        Ok((!self.entries.is_empty()).then(|| self.checkpoint_now().to_string()))
    }

    fn consistency(&mut self, from_size: u64, to_size: u64) -> Result<Vec<Hash>, LogError> {
        let leaves = self.leaves();
        let to = usize::try_from(to_size).unwrap();
        consistency_proof(&leaves[..to], usize::try_from(from_size).unwrap())
            .map_err(|error| LogError(error.to_string()))
    }

    fn entries(&mut self, from_index: u64, max_rows: u32, each: Each<'_>) -> Result<(), LogError> {
        let from = usize::try_from(from_index).unwrap();
        let end = self.entries.len().min(from + max_rows as usize);
        for index in from..end {
            each(Shown::Entry(self.show(index)))?;
        }
        if end < self.entries.len() {
            return Ok(());
        }
        for (owed, _) in &self.pending {
            let (kind, ids) = match owed {
                Owed::Erasure(ids) => ("erasure", ids.clone()),
                Owed::Rehash(id) => ("rehash", vec![*id]),
                Owed::Purge(_, ids) => ("purge", ids.clone()),
            };
            for audit_id in ids {
                each(Shown::Pending(Pending { kind: kind.into(), audit_id }))?;
            }
        }
        Ok(())
    }

    fn note_watch(&mut self, checkpoint: &str) -> Result<(), LogError> {
        self.watched.push(checkpoint.into());
        self.log(None, "audit_watched");
        Ok(())
    }
}
