//! The changes that a log discloses: erasures, rehashes, purges and restarts.

use std::collections::HashMap;

use vetassist_core::audit_log::{leaf_hash, Entry, Erasure, Hash, Purge};

use super::{
    cover::Cover,
    report::{finding, finding_at, Report},
};
use crate::{
    clock,
    finding::Class,
    log::{Pending, ShownEntry},
};

/// Every change of an export, each with its entry.
#[derive(Clone, Debug, Default)]
pub(super) struct Changes {
    erasures: Vec<(u64, Erasure)>,
    /// By the entry of the row.
    rehashes: HashMap<u64, Vec<(u64, Hash)>>,
    purges: Vec<(u64, Purge)>,
    /// By the row's id.
    pending: HashMap<i64, Vec<Change>>,
}

/// The kinds of changes of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Erasure,
    Rehash,
    Purge,
}

impl Changes {
    /// Adds an entry. Entries of rows are checked in the second reading.
    pub(super) fn add(&mut self, shown: &ShownEntry, report: Report<'_>) {
        let entry = shown.entry;
        let data = match &shown.data {
            // If a row is gone, only the kind of its entry shows that it was a row.
            None if shown.kind == "row" => return,
            None => {
                report(finding(Class::Missing, shown, "the entry has no data"));
                return;
            }
            Some(data) => data,
        };
        let decoded = Entry::decode(data);
        let is_row = matches!(decoded, Ok(Entry::Row(_)));
        if is_row && shown.kind == "row" {
            return;
        }
        if leaf_hash(data) != shown.leaf_hash {
            report(finding(Class::Changed, shown, "the entry differs from the sealed entry"));
            return;
        }
        match decoded {
            Ok(entry) if entry.kind() != shown.kind => {
                report(finding(Class::Changed, shown, "the entry is of another kind than stated"));
            }
            Ok(Entry::Erasure(erasure)) => {
                report(finding(
                    Class::Erasure,
                    shown,
                    format!(
                        "{} rows of an erased user, by {} at {}",
                        erasure.rows.count(),
                        erasure.session_user.escape_debug(),
                        clock::text(erasure.at)
                    ),
                ));
                self.erasures.push((entry, erasure));
            }
            Ok(Entry::Rehash(rehash)) => {
                let detail = format!("the address hash of entry {} became keyed", rehash.row);
                report(finding(Class::Rehash, shown, detail));
                self.rehashes.entry(rehash.row).or_default().push((entry, rehash.ip_hash));
            }
            Ok(Entry::Purge(purge)) => {
                report(finding(
                    Class::Purge,
                    shown,
                    format!(
                        "{} rows older than {}, by {} at {}",
                        purge.rows.count(),
                        clock::text(purge.cutoff),
                        purge.session_user.escape_debug(),
                        clock::text(purge.at)
                    ),
                ));
                self.purges.push((entry, purge));
            }
            Ok(Entry::Restart(restart)) => {
                let class = if entry == 0 { Class::Restart } else { Class::FalseRestart };
                let detail =
                    format!("the log follows {} at {} entries", restart.origin, restart.size);
                report(finding(class, shown, detail));
            }
            _ => report(finding(Class::Changed, shown, "the entry cannot be read")),
        }
    }

    /// Adds a change that is not in the log yet. A change of an unknown kind is ignored, so it excuses nothing.
    pub(super) fn add_pending(&mut self, pending: &Pending) {
        let change = match pending.kind.as_str() {
            "erasure" => Change::Erasure,
            "rehash" => Change::Rehash,
            "purge" => Change::Purge,
            _ => return,
        };
        self.pending.entry(pending.audit_id).or_default().push(change);
    }

    /// Reports changes of rows that were not sealed before them.
    pub(super) fn check(&self, report: Report<'_>) {
        let detail = "it is about entries that did not exist before it";
        for (entry, erasure) in &self.erasures {
            if erasure.rows.last().is_none_or(|last| last >= *entry) {
                report(finding_at(Class::FalseErasure, *entry, detail));
            }
        }
        for (row, rehashes) in &self.rehashes {
            for (entry, _) in rehashes.iter().filter(|(entry, _)| row >= entry) {
                report(finding_at(Class::FalseRehash, *entry, detail));
            }
        }
        for (entry, purge) in &self.purges {
            if purge.rows.last().is_none_or(|last| last >= *entry) {
                report(finding_at(Class::FalsePurge, *entry, detail));
            }
        }
    }

    pub(super) fn erasures(&self) -> &[(u64, Erasure)] {
        &self.erasures
    }

    pub(super) fn purges(&self) -> &[(u64, Purge)] {
        &self.purges
    }

    /// Returns the rehashes of a row's entry, each with its own entry, in their order.
    pub(super) fn rehashes(&self, row: u64) -> &[(u64, Hash)] {
        self.rehashes.get(&row).map_or(&[], Vec::as_slice)
    }

    pub(super) fn is_pending(&self, audit_id: i64, change: Change) -> bool {
        self.pending.get(&audit_id).is_some_and(|pending| pending.contains(&change))
    }

    /// Returns the place of each erasure, by the entries of its rows.
    pub(super) fn erased(&self) -> Cover<usize> {
        Cover::new(self.erasures.iter().enumerate().flat_map(|(place, (_, erasure))| {
            erasure.rows.as_slice().iter().cloned().map(move |rows| (rows, place))
        }))
    }

    /// Returns the entry of each purge, by the entries of its rows.
    pub(super) fn purged(&self) -> Cover<u64> {
        Cover::new(self.purges.iter().flat_map(|(entry, purge)| {
            purge.rows.as_slice().iter().cloned().map(move |rows| (rows, *entry))
        }))
    }
}
