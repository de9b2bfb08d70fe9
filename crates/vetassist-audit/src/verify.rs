//! Verifies an export, without a database and without a secret.

mod changes;
mod cover;
mod notes;
mod report;
mod retention;
mod rows;

use std::{io, time::Duration};

use vetassist_core::audit_log::{Checkpoint, Frontier, Hash};

pub use notes::{Evidence, Signed};
pub use report::Report;

use crate::{
    export::{ExportError, Lines},
    finding::{Class, Finding, Summary},
    log::Shown,
};
use changes::Changes;

/// The evidence and the rules that an export is verified with.
#[derive(Clone, Debug)]
pub struct Expectations {
    /// Signed checkpoints.
    pub evidence: Evidence,
    /// The retention of the trail: `vetassist.audit_min_retention`.
    pub retention: Duration,
}

/// Verifies an export and reports each finding at once. It reads the export twice.
///
/// # Errors
/// [`ExportError`] if the export cannot be read. The findings until then do not verify it.
pub fn verify<Reader: io::BufRead>(
    mut open: impl FnMut() -> io::Result<Reader>,
    expected: &Expectations,
    report: Report<'_>,
) -> Result<Summary, ExportError> {
    let mut summary = Summary::default();
    let mut findings = std::collections::BTreeMap::new();
    let mut report = |finding: Finding| {
        *findings.entry(finding.class).or_default() += 1;
        report(finding);
    };
    let mut open = || Lines::new(open().map_err(ExportError::Io)?);

    let lines = open()?;
    let first_line = lines.log().clone();
    let checkpoint: Checkpoint = first_line.checkpoint.parse().map_err(|_| ExportError::Format)?;
    let mut signed = expected.evidence.of_log(&checkpoint, &mut report);
    let mut changes = Changes::default();
    let mut tree = Frontier::new();
    for shown in lines {
        match shown? {
            Shown::Entry(entry) => {
                tree.push(entry.leaf_hash);
                signed.check(tree.size(), || tree.root(), &mut report);
                changes.add(&entry, &mut report);
            }
            Shown::Pending(pending) => {
                summary.pending += 1;
                changes.add_pending(&pending);
            }
        }
    }
    summary.entries = tree.size();
    summary.covered = signed.finish(tree.size(), &mut report);
    check_root(&checkpoint, tree.size(), &tree.root(), &mut report);

    changes.check(&mut report);
    let mut rows = rows::Rows::new(&changes, &signed);
    for shown in open()? {
        if let Shown::Entry(entry) = shown? {
            rows.check(&entry, &mut report);
        }
    }
    summary.rows = rows.finish(&mut report);
    for (entry, purge) in changes.purges() {
        retention::check(*entry, purge, expected.retention, &signed, &mut report);
    }
    summary.findings = findings;
    Ok(summary)
}

fn check_root(checkpoint: &Checkpoint, size: u64, root: &Hash, report: Report<'_>) {
    if (checkpoint.size, &checkpoint.root) != (size, root) {
        let detail = "the entries do not have the size and the root that the export states".into();
        report(Finding { class: Class::OtherRoot, entry: None, audit_id: None, detail });
    }
}
