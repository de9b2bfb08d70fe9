//! Changes that the library itself makes to a trail.

use vetassist_audit::{
    finding::{Class, Severity},
    watched::Watched,
};

use super::{
    classes, evidence, export,
    memory::{Memory, DAY, YEAR},
    note, verify_bytes, watched,
};

/// Three years of a trail: sign-ins, an erasure, rehashes and a purge, watched after each.
pub(super) fn lawful_life() -> (Memory, Vec<Watched>) {
    let mut log = Memory::new();
    let mut kept = Vec::new();
    for year in 0..3 {
        log.sign_ins(40);
        kept.push(watched(&log));
        log.erase(3 + year);
        log.rehash(log.rows.keys().next().copied().unwrap() + 5);
        // A change before its row is sealed, and after.
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
fn lawful_life_finds_nothing() {
    let (mut log, kept) = lawful_life();
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
    // The rows of an early erasure are purged, with the event that told of it.
    assert_eq!(classes(&found, Severity::CannotTell), []);

    // Changes that are not sealed yet are no problem either.
    let id = *log.rows.keys().nth(3).unwrap();
    log.rehash(id);
    log.erase(7);
    log.clock += YEAR;
    log.purge(log.clock - YEAR - 3 * DAY);
    let (summary, found) = verify_bytes(&export(&mut log), evidence);
    assert!(summary.is_intact(), "{found:?}");
    assert!(summary.pending > 3);
}
