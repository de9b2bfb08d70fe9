//! Checks that a purge left the rows that the trail must keep.

use std::time::Duration;

use time::OffsetDateTime;
use vetassist_core::{audit_log::Purge, Timestamp};

use super::{
    notes::Signed,
    report::{finding_at, Report},
};
use crate::finding::Class;

/// Holds a purge against the time that the trail is kept.
///
/// When it was made is the database's word. A watcher's clock bounds it from one side: the purge was made before the
/// watcher first saw its entry.
pub(super) fn check(
    entry: u64,
    purge: &Purge,
    retention: Duration,
    signed: &Signed,
    report: Report<'_>,
) {
    let calendar = |time: Timestamp| OffsetDateTime::try_from(time).ok();
    let (Some(cutoff), Some(at)) = (calendar(purge.cutoff), calendar(purge.at)) else {
        let detail =
            "its times are none of the calendar, so whether retention was kept can't be told";
        report(finding_at(Class::RetentionUnknown, entry, detail));
        return;
    };
    let is_kept = |at: OffsetDateTime| {
        at.checked_sub(time::Duration::try_from(retention).unwrap_or(time::Duration::MAX))
            .is_some_and(|latest| cutoff <= latest)
    };
    let seen_at = signed.sealed_before(entry);
    if !is_kept(at) {
        let detail = "by its own time, it deleted rows that were to be kept longer";
        report(finding_at(Class::BelowRetention, entry, detail));
    } else if seen_at.is_some_and(|seen_at| !is_kept(seen_at)) {
        let detail = "by the watcher's clock, it deleted rows that were to be kept longer";
        report(finding_at(Class::BelowRetention, entry, detail));
    } else if seen_at.is_none() {
        let detail = "it kept retention by its own time, which no watcher saw";
        report(finding_at(Class::RetentionUnknown, entry, detail));
    }
}
