//! Tests the changes of the trail that vetassist's functions make.

use vetassist_audit::{
    finding::{Class, Severity},
    watched::Watched,
};

use super::{
    classes, evidence, export,
    memory::{Memory, DAY, YEAR},
    note, verify_bytes, watched,
};

/// Returns a trail of three years with sign-ins, erasures, rehashes and purges, and the watched checkpoints.
pub(super) fn lawful_trail() -> (Memory, Vec<Watched>) {
    let mut log = Memory::new();
    let mut kept = Vec::new();
    for year in 0..3 {
        log.sign_ins(40);
        kept.push(watched(&log));
        log.erase(3 + year);
        log.rehash(log.rows.keys().next().copied().unwrap() + 5);
        // One rehash comes before its row is sealed, the other one after.
        let id = log.log(Some(9), "login");
        log.rehash(id);
        log.seal();
        kept.push(watched(&log));
        log.clock += YEAR;
        log.purge(log.clock - YEAR - DAY);
        log.sign_ins(5);
        kept.push(watched(&log));
    }
    (log, kept)
}

#[test]
fn lawful_changes_are_no_problem() {
    let (mut log, kept) = lawful_trail();
    let mut evidence = evidence(&log);
    evidence.add_watched("watched", kept);
    evidence.add_note("note", note(&log).into_bytes());
    let (summary, found) = verify_bytes(&export(&mut log), evidence.clone());
    assert!(summary.is_intact(), "{found:?}");
    assert_eq!(summary.entries, log.entries.len() as u64);
    assert_eq!(summary.rows, log.rows.len() as u64);
    assert_eq!(summary.covered, summary.entries);
    let disclosed = classes(&found, Severity::Disclosed);
    assert_eq!(disclosed, [Class::Erasure, Class::Rehash, Class::Purge]);
    // The rows of an early erasure were purged together with its event.
    assert_eq!(classes(&found, Severity::CannotTell), []);

    // Pending changes are no problem.
    let id = *log.rows.keys().nth(3).unwrap();
    log.rehash(id);
    log.erase(7);
    log.clock += YEAR;
    log.purge(log.clock - YEAR - 3 * DAY);
    let (summary, found) = verify_bytes(&export(&mut log), evidence);
    assert!(summary.is_intact(), "{found:?}");
    assert!(summary.pending > 3);
}
