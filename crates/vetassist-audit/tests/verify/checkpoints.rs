//! Tests the proofs of signed checkpoints and of the watcher's clock.

use vetassist_audit::finding::{Class, Severity};
use vetassist_core::{
    audit_log::{sign_note, AuditKey, Entry, EntryRanges, Purge},
    Timestamp, Uuid,
};

use super::{
    classes, evidence, export,
    memory::{self, time, Memory, DAY, HOUR, YEAR},
    note,
    tampering::reseal,
    verify_bytes, watched,
};

#[test]
fn without_a_signed_checkpoint_a_rewritten_log_is_reported_as_unwatched() {
    let mut log = Memory::new();
    log.sign_ins(60);
    let kept = note(&log);
    log.rows.get_mut(&20).unwrap().event_type = "logout".into();
    reseal(&mut log);
    let bytes = export(&mut log);
    let (summary, found) = verify_bytes(&bytes, evidence(&log));
    assert!(summary.is_intact());
    assert_eq!(classes(&found, Severity::CannotTell), [Class::Unwatched]);
    assert_eq!(summary.covered, 0);

    let mut with_note = evidence(&log);
    with_note.add_note("note", kept.into_bytes());
    let (summary, _) = verify_bytes(&bytes, with_note);
    assert_eq!(summary.findings[&Class::Rewritten], 1);
    assert_eq!(summary.covered, 0);
}

#[test]
fn entries_after_the_last_checkpoint_are_reported_as_not_covered() {
    let mut log = Memory::new();
    log.sign_ins(30);
    let mut evidence = evidence(&log);
    evidence.add_note("note", note(&log).into_bytes());
    log.sign_ins(30);
    let (summary, found) = verify_bytes(&export(&mut log), evidence);
    assert_eq!((summary.covered, summary.entries), (30, 60));
    assert!(found[0].detail.contains("entries from 30 on"), "{found:?}");
}

#[test]
fn only_notes_with_a_known_signature_count() {
    let mut log = Memory::new();
    log.sign_ins(30);
    let good = note(&log);
    let (body, line) = good.split_once("\n\n").unwrap();
    let other = AuditKey::from_bytes(&[2; 32]);
    let origin = log.origin.to_string();
    let by_other = sign_note(&format!("{body}\n"), &origin, &[&other]).unwrap();
    for (note, is_good) in [
        (good.clone(), true),
        (format!("{by_other}{line}"), true),
        (by_other, false),
        (good.replace("\n30\n", "\n20\n"), false),
        (good.replace("\n30\n", "\n030\n"), false),
        (good.replace('\n', "\r\n"), false),
    ] {
        let mut evidence = evidence(&log);
        evidence.add_note("note", note.into_bytes());
        let (summary, found) = verify_bytes(&export(&mut log), evidence);
        assert_eq!(summary.findings.contains_key(&Class::BadNote), !is_good, "{found:?}");
        assert_eq!(summary.is_intact(), is_good);
    }
}

#[test]
fn a_purge_within_retention_is_reported_as_far_as_the_clocks_show() {
    // The time since the cutoff by the purge's clock, the offset of the watcher's clock, and the expected findings.
    let none: [Class; 0] = [];
    for (since_cutoff, watcher, expected) in [
        (YEAR, Some(0), &none[..]),
        (YEAR + DAY, Some(0), &none[..]),
        (YEAR - HOUR, Some(0), &[Class::BelowRetention][..]),
        // The database's clock was set forward for the purge.
        (YEAR, Some(-30 * DAY), &[Class::BelowRetention][..]),
        (YEAR, None, &[Class::RetentionUnknown][..]),
        (YEAR - HOUR, None, &[Class::BelowRetention][..]),
    ] {
        let mut log = Memory::new();
        log.sign_ins(30);
        let cutoff = log.clock;
        log.clock += since_cutoff;
        log.purge(cutoff);
        log.sign_ins(2);
        log.clock = cutoff + since_cutoff;
        let mut evidence = evidence(&log);
        match watcher {
            Some(offset) => {
                log.clock += offset;
                evidence.add_watched("watched", vec![watched(&log)]);
            }
            None => evidence.add_note("note", note(&log).into_bytes()),
        }
        let (_, found) = verify_bytes(&export(&mut log), evidence);
        let of_retention =
            |class: &Class| matches!(class, Class::BelowRetention | Class::RetentionUnknown);
        let classes: Vec<Class> = found.iter().map(|one| one.class).filter(of_retention).collect();
        assert_eq!(classes, expected, "{since_cutoff} {watcher:?}");
    }
    let mut log = Memory::new();
    log.sign_ins(3);
    let (cutoff, at) = (Timestamp::INFINITY, log.now());
    let rows = EntryRanges::from_iter([1]);
    log.append(&Entry::Purge(Purge { cutoff, rows, session_user: "x".into(), at }));
    let (_, found) = verify_bytes(&export(&mut log), evidence(&log));
    assert!(found.iter().any(|one| one.class == Class::RetentionUnknown));
}

#[test]
fn rows_with_times_before_the_last_checkpoint_are_reported() {
    let mut log = Memory::new();
    log.sign_ins(30);
    let mut kept = vec![watched(&log)];
    log.clock += 10 * DAY;
    log.sign_ins(10);
    kept.push(watched(&log));
    let mut insert = |created_at| {
        let row = log.rows[&20].clone();
        let id = log.log(Some(1), "login");
        log.rows.insert(id, memory::TrailRow { created_at: Some(created_at), ..row });
        id
    };
    let back_dated = insert(time(memory::START));
    let an_hour_open = insert(time(memory::START + 10 * DAY));
    log.clock = memory::START + 10 * DAY + HOUR;
    let of_the_future = {
        let id = log.log(Some(1), "login");
        log.rows.get_mut(&id).unwrap().created_at = Some(Timestamp::INFINITY);
        id
    };
    log.seal();
    kept.push(watched(&log));
    let mut evidence = evidence(&log);
    evidence.add_watched("watched", kept);
    let (summary, found) = verify_bytes(&export(&mut log), evidence);
    assert!(summary.is_intact());
    let misdated: Vec<Option<i64>> =
        found.iter().filter(|one| one.class == Class::Misdated).map(|one| one.audit_id).collect();
    assert_eq!(misdated, [Some(back_dated), Some(of_the_future)]);
    assert!(!misdated.contains(&Some(an_hour_open)));
}

#[test]
fn an_erasure_without_its_event_is_reported() {
    let mut log = Memory::new();
    log.sign_ins(30);
    let of_user = |row: &memory::TrailRow| row.user_id == Some(Uuid::from_u128(4));
    let ids: Vec<i64> =
        log.rows.iter().filter(|(_, row)| of_user(row)).map(|(id, _)| *id).collect();
    log.erase_rows(&ids);
    log.seal();
    let (summary, found) = verify_bytes(&export(&mut log), evidence(&log));
    assert!(summary.is_intact());
    assert!(found.iter().any(|one| one.class == Class::ErasureWithoutEvent), "{found:?}");
}
