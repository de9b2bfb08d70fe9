//! Tests the verification of an export: the class of each way to tamper, and lawful changes.
#![allow(clippy::unwrap_used, missing_docs)]

mod checkpoints;
mod exports;
mod lawful;
#[path = "../memory/mod.rs"]
mod memory;
mod tampering;

use std::{collections::BTreeMap, io::Cursor, time::Duration};

use memory::Memory;
use time::OffsetDateTime;
use vetassist_audit::{
    export,
    finding::{Class, Finding, Severity, Summary},
    verify::{verify, Evidence, Expectations},
    watched::Watched,
};
use vetassist_core::audit_log::{sign_note, AuditKey};

fn key() -> AuditKey {
    AuditKey::from_bytes(&[1; 32])
}

fn export(log: &mut Memory) -> Vec<u8> {
    let mut bytes = Vec::new();
    export::write(log, &mut bytes, OffsetDateTime::UNIX_EPOCH, |_, _| {}).unwrap();
    bytes
}

fn note(log: &Memory) -> String {
    sign_note(&log.checkpoint_now().to_string(), &log.origin.to_string(), &[&key()]).unwrap()
}

/// Returns a line of the watcher's file, with the time of the database's clock.
fn watched(log: &Memory) -> Watched {
    Watched { seen_at: log.now().try_into().unwrap(), note: note(log) }
}

fn evidence(log: &Memory) -> Evidence {
    Evidence::new(vec![key().verifier(&log.origin.to_string()).unwrap()])
}

fn verify_bytes(bytes: &[u8], evidence: Evidence) -> (Summary, Vec<Finding>) {
    let retention = Duration::from_secs(365 * 86400);
    let mut found = Vec::new();
    let open = || Ok(Cursor::new(bytes));
    let summary =
        verify(open, &Expectations { evidence, retention }, &mut |one| found.push(one)).unwrap();
    (summary, found)
}

/// The entry and the row that a finding is about.
type About = (Option<u64>, Option<i64>);

/// Returns the classes of problems, each with its entries and rows.
fn problems(found: &[Finding]) -> BTreeMap<Class, Vec<About>> {
    let mut problems = BTreeMap::<_, Vec<_>>::new();
    for one in found.iter().filter(|one| one.class.severity() == Severity::Problem) {
        problems.entry(one.class).or_default().push((one.entry, one.audit_id));
    }
    problems
}

fn classes(found: &[Finding], severity: Severity) -> Vec<Class> {
    let mut classes: Vec<Class> =
        found.iter().map(|one| one.class).filter(|class| class.severity() == severity).collect();
    classes.sort_unstable();
    classes.dedup();
    classes
}
