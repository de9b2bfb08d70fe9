//! Checks that a purge deleted no row before the end of its retention.

use std::time::Duration;

use time::OffsetDateTime;
use vetassist_core::{audit_log::Purge, Timestamp};

use super::{
    notes::Signed,
    report::{finding_at, Report},
};
use crate::finding::Class;

/// Compares a purge with the retention.
///
/// The database states the time of the purge. A watcher's clock limits it from one side: the purge was made before the
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
        let detail = "its times are outside the calendar, so its retention cannot be verified";
        report(finding_at(Class::RetentionUnknown, entry, detail));
        return;
    };
    let is_kept = |at: OffsetDateTime| {
        at.checked_sub(time::Duration::try_from(retention).unwrap_or(time::Duration::MAX))
            .is_some_and(|latest| cutoff <= latest)
    };
    let seen_at = signed.sealed_before(entry);
    if !is_kept(at) {
        let detail = "by its own time, it deleted rows before the end of the retention";
        report(finding_at(Class::BelowRetention, entry, detail));
    } else if seen_at.is_some_and(|seen_at| !is_kept(seen_at)) {
        let detail = "by the watcher's clock, it deleted rows before the end of the retention";
        report(finding_at(Class::BelowRetention, entry, detail));
    } else if seen_at.is_none() {
        let detail = "it kept the retention by its own time, but no watcher saw that time";
        report(finding_at(Class::RetentionUnknown, entry, detail));
    }
}
