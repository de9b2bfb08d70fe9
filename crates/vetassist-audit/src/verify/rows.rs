//! Compares each row with its sealed leaf, and with the changes that the log discloses.

use std::collections::HashSet;

use time::OffsetDateTime;
use vetassist_core::{
    audit_log::{commit, leaf_hash, Entry, Hash, Row, Salt},
    Timestamp, Uuid,
};

use super::{
    changes::{Change, Changes},
    cover::Cover,
    notes::Signed,
    report::{finding, finding_at, Report},
};
use crate::{
    finding::{Class, Finding},
    log::ShownEntry,
};

/// The greatest accepted difference between a row's time and its seal. A transaction may be open for hours, and a clock may be
/// wrong.
const TOLERANCE: time::Duration = time::Duration::DAY;

/// The second reading of an export.
pub(super) struct Rows<'a> {
    changes: &'a Changes,
    signed: &'a Signed,
    erased: Cover<usize>,
    purged: Cover<u64>,
    /// The users of the remaining rows of each erasure.
    users: Vec<HashSet<Option<Uuid>>>,
    /// The users with a `user_erased` event.
    erased_users: HashSet<Uuid>,
    ids: Vec<i64>,
    rows: u64,
}

impl<'a> Rows<'a> {
    pub(super) fn new(changes: &'a Changes, signed: &'a Signed) -> Self {
        Self {
            changes,
            signed,
            erased: changes.erased(),
            purged: changes.purged(),
            users: vec![HashSet::new(); changes.erasures().len()],
            erased_users: HashSet::new(),
            ids: Vec::new(),
            rows: 0,
        }
    }

    /// Checks the entry of a row. For another entry, checks that no change is about it.
    pub(super) fn check(&mut self, shown: &ShownEntry, report: Report<'_>) {
        let erasures = self.erased.of(shown.entry);
        let purges = self.purged.of(shown.entry);
        let rehashes = self.changes.rehashes(shown.entry);
        if shown.kind != "row" {
            let detail = "it is about an entry that does not belong to a row";
            for erasure in erasures {
                let (entry, _) = self.changes.erasures()[erasure];
                report(finding_at(Class::FalseErasure, entry, detail));
            }
            for entry in purges {
                report(finding_at(Class::FalsePurge, entry, detail));
            }
            for (entry, _) in rehashes {
                report(finding_at(Class::FalseRehash, *entry, detail));
            }
            return;
        }
        self.ids.extend(shown.audit_id);
        self.check_order(shown, &erasures, &purges, rehashes, report);
        let Some(data) = &shown.data else {
            let is_pending =
                shown.audit_id.is_some_and(|id| self.changes.is_pending(id, Change::Purge));
            if purges.is_empty() && !is_pending {
                report(finding(Class::Missing, shown, "the row is missing, and no purge lists it"));
            }
            return;
        };
        self.rows += 1;
        if !purges.is_empty() {
            report(finding(Class::FalsePurge, shown, "the row was purged and is still there"));
        }
        let row = match Entry::decode(data) {
            Ok(Entry::Row(row)) if leaf_hash(data) == shown.leaf_hash => row,
            _ => {
                report(finding(Class::Changed, shown, "the row differs from the sealed row"));
                return;
            }
        };
        if Some(row.id) != shown.audit_id {
            report(finding(Class::Changed, shown, "the row has another id than the sealed row"));
        }
        for erasure in &erasures {
            self.users[*erasure].insert(row.user_id);
        }
        if row.event_type == "user_erased" {
            self.erased_users.extend(row.user_id);
        }
        self.check_values(shown, &row, !erasures.is_empty(), rehashes, report);
        self.check_time(shown, row.created_at, report);
    }

    /// Reports changes of a row after its purge, and rehashes of a row after its erasure.
    fn check_order(
        &self,
        shown: &ShownEntry,
        erasures: &[usize],
        purges: &[u64],
        rehashes: &[(u64, Hash)],
        report: Report<'_>,
    ) {
        let erased_at = erasures.iter().map(|place| self.changes.erasures()[*place].0);
        if let Some(first) = purges.iter().copied().min() {
            let detail = "it is about a row that was purged before";
            for entry in purges.iter().copied().filter(|entry| *entry != first) {
                report(finding(Class::FalsePurge, shown, format!("entry {entry}: {detail}")));
            }
            for entry in erased_at.clone().filter(|entry| *entry > first) {
                report(finding(Class::FalseErasure, shown, format!("entry {entry}: {detail}")));
            }
            for (entry, _) in rehashes.iter().filter(|(entry, _)| *entry > first) {
                report(finding(Class::FalseRehash, shown, format!("entry {entry}: {detail}")));
            }
        }
        if let Some(first) = erased_at.min() {
            for (entry, _) in rehashes.iter().filter(|(entry, _)| *entry > first) {
                let detail = format!("entry {entry}: it is about a row that was erased before");
                report(finding(Class::FalseRehash, shown, detail));
            }
        }
    }

    /// Opens both commitments.
    fn check_values(
        &self,
        shown: &ShownEntry,
        row: &Row,
        is_erased: bool,
        rehashes: &[(u64, Hash)],
        report: Report<'_>,
    ) {
        let is_pending = |change| self.changes.is_pending(row.id, change);
        let is_erased = is_erased || is_pending(Change::Erasure);
        let ip_hash = rehashes.last().map_or(row.ip_hash, |(_, rehashed)| *rehashed);
        let values = [
            ("event_data", &shown.event_data, &shown.event_data_salt, row.event_data, false),
            ("ip_hash", &shown.ip_hash, &shown.ip_hash_salt, ip_hash, is_pending(Change::Rehash)),
        ];
        for (name, value, salt, commitment, may_differ) in values {
            let value = value.as_deref();
            let found = match (opens(value, salt.as_ref(), &commitment), value) {
                (_, Some(_)) if is_erased => {
                    Some((Class::FalseErasure, "was erased and is still there"))
                }
                (Opens::Yes, _) => None,
                (Opens::Unknown, None) if is_erased => None,
                (Opens::Unknown, None) => {
                    Some((Class::ErasedInSilence, "is gone, and no erasure records it"))
                }
                (Opens::No, _) if may_differ => None,
                // A row that was erased before its seal is no exception, because it was sealed with NULL.
                (Opens::No | Opens::Unknown, _) => Some((Class::Changed, "differs from the seal")),
            };
            if let Some((class, detail)) = found {
                report(finding(class, shown, format!("{name} {detail}")));
            }
        }
    }

    /// Compares the row's time with the times at which watchers saw the log without and with it.
    fn check_time(&self, shown: &ShownEntry, created_at: Option<Timestamp>, report: Report<'_>) {
        let Some(created_at) = created_at else { return };
        let after = self.signed.sealed_after(shown.entry);
        let before = self.signed.sealed_before(shown.entry);
        let limit = |time: OffsetDateTime, by| time.checked_add(by).map(Timestamp::try_from);
        let is_late = after
            .and_then(|time| limit(time, -TOLERANCE))
            .is_some_and(|earliest| earliest.is_ok_and(|earliest| created_at < earliest));
        let is_early = before
            .and_then(|time| limit(time, TOLERANCE))
            .is_some_and(|latest| latest.is_ok_and(|latest| created_at > latest));
        if is_late {
            let detail = "its created_at is more than a day before it was sealed: back-dated, or sealed late";
            report(finding(Class::Misdated, shown, detail));
        } else if is_early {
            let detail = "its created_at is more than a day after it was sealed";
            report(finding(Class::Misdated, shown, detail));
        }
    }

    /// Reports findings that need all rows, and returns the number of rows that exist.
    pub(super) fn finish(mut self, report: Report<'_>) -> u64 {
        self.ids.sort_unstable();
        let mut twice: Vec<i64> =
            self.ids.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
        twice.dedup();
        for id in twice {
            let detail = "the id was sealed more than once".into();
            report(Finding { class: Class::IdReused, entry: None, audit_id: Some(id), detail });
        }
        for (users, (entry, _)) in self.users.iter().zip(self.changes.erasures()) {
            let mut users = users.iter();
            match (users.next(), users.next()) {
                (Some(_), Some(_)) => {
                    let detail = "it is about rows of more than one user";
                    report(finding_at(Class::FalseErasure, *entry, detail));
                }
                (Some(None), None) => {
                    let detail = "it is about rows that belong to no user";
                    report(finding_at(Class::FalseErasure, *entry, detail));
                }
                (Some(Some(user)), None) if !self.erased_users.contains(user) => {
                    let detail = "the log has no user_erased event of the user: it was purged or is not sealed yet, or the erasure was made by hand";
                    report(finding_at(Class::ErasureWithoutEvent, *entry, detail));
                }
                _ => {}
            }
        }
        self.rows
    }
}

/// The result of comparing a value with its commitment.
enum Opens {
    Yes,
    No,
    /// The salt is gone.
    Unknown,
}

fn opens(value: Option<&str>, salt: Option<&Salt>, commitment: &Hash) -> Opens {
    match salt.map(|salt| commit(salt, value)) {
        None => Opens::Unknown,
        Some(Ok(found)) if found == *commitment => Opens::Yes,
        Some(_) => Opens::No,
    }
}
