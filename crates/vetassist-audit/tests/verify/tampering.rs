//! Tests ways to tamper, each with the class of its finding.

use vetassist_audit::finding::Class;
use vetassist_core::{
    audit_log::{Entry, EntryRanges, Erasure, Hash, Origin, Purge, Rehash, Restart},
    Uuid,
};

use super::{
    evidence, export,
    memory::{self, time, Memory, Owed, YEAR},
    note, problems, verify_bytes,
};

/// A change of the trail: its name, the change and the class of its finding.
type Case = (&'static str, fn(&mut Memory), Class);

fn tamper_cases() -> Vec<Case> {
    fn row(log: &mut Memory) -> &mut memory::TrailRow {
        log.rows.get_mut(&20).unwrap()
    }
    vec![
        ("user_id changed", |log| row(log).user_id = Some(Uuid::from_u128(77)), Class::Changed),
        ("user_id gone", |log| row(log).user_id = None, Class::Changed),
        ("event_type changed", |log| row(log).event_type = "logout".into(), Class::Changed),
        ("event_data changed", |log| row(log).event_data = Some("{}".into()), Class::Changed),
        ("event_data gone", |log| row(log).event_data = None, Class::Changed),
        ("ip_hash changed", |log| row(log).ip_hash = Some("0".repeat(64)), Class::Changed),
        ("created_at changed", |log| row(log).created_at = Some(time(5)), Class::Changed),
        ("created_at gone", |log| row(log).created_at = None, Class::Changed),
        (
            "id changed",
            |log| {
                let entry = log.entry_of(20).unwrap();
                let row = log.rows.remove(&20).unwrap();
                log.rows.insert(1020, row);
                log.entries[entry].audit_id = Some(1020);
            },
            Class::Changed,
        ),
        (
            "two rows swapped",
            |log| {
                let (one, other) = (log.rows[&20].clone(), log.rows[&21].clone());
                log.rows.insert(20, other);
                log.rows.insert(21, one);
            },
            Class::Changed,
        ),
        ("a row deleted", |log| drop(log.rows.remove(&20)), Class::Missing),
        (
            "a row deleted, and its id used again",
            |log| {
                let row = log.rows[&20].clone();
                let entry = log.entry_of(20).unwrap();
                log.entries[entry].is_purged = true;
                log.rows.insert(20, memory::TrailRow { event_type: "x".into(), ..row });
                log.seal();
            },
            Class::IdReused,
        ),
        ("values and salts gone", |log| log.clear(20), Class::ErasedInSilence),
        (
            "an erasure that left the values",
            |log| log.pending.push((Owed::Erasure(vec![20]), log.now())),
            Class::FalseErasure,
        ),
        (
            "an erasure of two users",
            |log| {
                log.erase_rows(&[20, 21]);
                log.seal();
            },
            Class::FalseErasure,
        ),
        ("an erasure of what is no row", |log| append_erasure(log, &[0, 60]), Class::FalseErasure),
        ("an erasure of the future", |log| append_erasure(log, &[1000]), Class::FalseErasure),
        ("an erasure of nothing", |log| append_erasure(log, &[]), Class::FalseErasure),
        ("a rehash to what is not there", |log| append_rehash(log, 10), Class::Changed),
        ("a rehash of what is no row", |log| append_rehash(log, 60), Class::FalseRehash),
        ("a rehash of the future", |log| append_rehash(log, 1000), Class::FalseRehash),
        (
            "a rehash of what was erased",
            |log| {
                log.erase(1);
                log.seal();
                append_rehash(log, 0);
            },
            Class::FalseRehash,
        ),
        ("a purge that left the row", |log| append_purge(log, &[10]), Class::FalsePurge),
        ("a purge of what is no row", |log| append_purge(log, &[60]), Class::FalsePurge),
        ("a purge of the future", |log| append_purge(log, &[1000]), Class::FalsePurge),
        (
            "a purge of what was purged",
            |log| {
                log.clock += 2 * YEAR;
                log.purge(log.clock - YEAR);
                log.seal();
                append_purge(log, &[10]);
            },
            Class::FalsePurge,
        ),
        (
            "a purge below retention",
            |log| {
                log.purge(log.clock);
                log.seal();
            },
            Class::BelowRetention,
        ),
        (
            "a restart in the middle",
            |log| {
                let origin = log.origin;
                let root = log.checkpoint_now().root;
                let reason = "restored".into();
                log.append(&Entry::Restart(Restart { reason, origin, size: 3, root }));
            },
            Class::FalseRestart,
        ),
        (
            "an entry's data changed",
            |log| log.entries[60].data.as_mut().unwrap()[0] ^= 1,
            Class::Changed,
        ),
        ("an entry's data gone", |log| log.entries[60].data = None, Class::Missing),
        ("an entry's kind changed", |log| log.entries[60].kind = "rehash", Class::Changed),
        (
            "an entry of before rewritten with its row",
            |log| {
                log.rows.get_mut(&20).unwrap().event_type = "logout".into();
                reseal(log);
                log.sign_ins(10);
            },
            Class::Rewritten,
        ),
        (
            "yesterday's dump restored",
            |log| {
                log.entries.truncate(50);
                log.rows.retain(|id, _| *id <= 50);
            },
            Class::RolledBack,
        ),
        (
            "another log begun",
            |log| {
                log.origin = Origin::new(Uuid::from_u128(20));
                reseal(log);
            },
            Class::OtherLog,
        ),
    ]
}

fn append_erasure(log: &mut Memory, entries: &[u64]) {
    let rows: EntryRanges = entries.iter().copied().collect();
    let at = log.now();
    log.append(&Entry::Erasure(Erasure { rows, session_user: "x".into(), at }));
}

fn append_rehash(log: &mut Memory, row: u64) {
    log.append(&Entry::Rehash(Rehash { row, ip_hash: Hash::from([7; 32]) }));
}

fn append_purge(log: &mut Memory, entries: &[u64]) {
    let rows: EntryRanges = entries.iter().copied().collect();
    let (cutoff, at) = (time(0), log.now());
    log.append(&Entry::Purge(Purge { cutoff, rows, session_user: "x".into(), at }));
}

/// Rewrites the whole log from the current rows.
pub(super) fn reseal(log: &mut Memory) {
    log.entries.clear();
    log.seal();
}

#[test]
fn each_way_to_tamper_is_found_with_its_class() {
    for (what, tamper, class) in tamper_cases() {
        let mut log = Memory::new();
        log.sign_ins(60);
        // Entry 60 is an erasure.
        log.erase(5);
        log.seal();
        log.sign_ins(10);
        let mut evidence = evidence(&log);
        evidence.add_note("note", note(&log).into_bytes());
        let (summary, found) = verify_bytes(&export(&mut log), evidence.clone());
        assert!(summary.is_intact(), "{what}: {found:?}");

        tamper(&mut log);
        let (summary, found) = verify_bytes(&export(&mut log), evidence);
        assert!(!summary.is_intact(), "{what}");
        let problems = problems(&found);
        assert!(problems.contains_key(&class), "{what}: {problems:?}");
        // A finding holds no value of a row.
        assert!(found.iter().all(|one| !one.detail.contains("by\\\": \\\"app")), "{what}");
    }
}

#[test]
fn a_finding_names_its_entry_and_row() {
    let mut log = Memory::new();
    log.sign_ins(60);
    log.rows.get_mut(&20).unwrap().event_type = "logout".into();
    log.rows.remove(&30);
    let (_, found) = verify_bytes(&export(&mut log), evidence(&log));
    let problems = problems(&found);
    assert_eq!(problems[&Class::Changed], [(Some(19), Some(20))]);
    assert_eq!(problems[&Class::Missing], [(Some(29), Some(30))]);
    assert_eq!(problems.len(), 2);
    let changed = found.iter().find(|one| one.class == Class::Changed).unwrap();
    assert_eq!(
        changed.to_string(),
        "problem: changed, entry 19, row 20: the row differs from the sealed row"
    );
}
