//! Reports findings.

use crate::{
    finding::{Class, Finding},
    log::ShownEntry,
};

/// Takes findings, one after the other.
pub type Report<'a> = &'a mut dyn FnMut(Finding);

/// Returns a finding about an entry and its row.
pub(super) fn finding(class: Class, entry: &ShownEntry, detail: impl Into<String>) -> Finding {
    let detail = detail.into();
    Finding { class, entry: Some(entry.entry), audit_id: entry.audit_id, detail }
}

/// Returns a finding about an entry that does not belong to a row.
pub(super) fn finding_at(class: Class, entry: u64, detail: impl Into<String>) -> Finding {
    Finding { class, entry: Some(entry), audit_id: None, detail: detail.into() }
}
