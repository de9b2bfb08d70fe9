//! Tests the watching of a log: signed checkpoints, refused logs, and the order of writes.
#![allow(clippy::unwrap_used, missing_docs)]

mod memory;

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use memory::Memory;
use tempfile::TempDir;
use time::OffsetDateTime;
use vetassist_audit::{
    watch::{WatchError, Watcher},
    watched::{self, WatchedFile},
};
use vetassist_core::{
    audit_log::{AuditKey, Checkpoint, Origin, VerifierKey},
    Uuid,
};

const HOUR: Duration = Duration::from_secs(3600);

fn key(seed: u8) -> AuditKey {
    AuditKey::from_bytes(&[seed; 32])
}

fn verifier(seed: u8, log: &Memory) -> VerifierKey {
    key(seed).verifier(&log.origin.to_string()).unwrap()
}

/// A folder with a file of watched checkpoints.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("watched")
    }

    fn watch_with(
        &self,
        log: &mut Memory,
        keys: &[AuditKey],
        minutes: i64,
    ) -> (Result<(), WatchError>, String) {
        let mut file = WatchedFile::open(&self.path()).unwrap();
        let now = OffsetDateTime::UNIX_EPOCH + time::Duration::minutes(minutes);
        let mut out = Vec::new();
        let watcher = Watcher { keys, max_age: HOUR, now };
        let done = watcher.watch(log, &mut file, &mut out);
        (done, String::from_utf8(out).unwrap())
    }

    fn watch(&self, log: &mut Memory, minutes: i64) -> (Result<(), WatchError>, String) {
        self.watch_with(log, &[key(1)], minutes)
    }
}

#[test]
fn each_checkpoint_of_a_growing_log_is_signed_and_recorded() {
    let (folder, mut log) = (Folder::new(), Memory::new());
    let mut notes = Vec::new();
    for minutes in 0..5 {
        log.sign_ins(7);
        let expected = log.checkpoint_now();
        let (done, note) = folder.watch(&mut log, minutes);
        done.unwrap();
        let opened = Checkpoint::open(note.as_bytes(), &[verifier(1, &log)]);
        assert_eq!(opened, Ok(expected));
        notes.push(note);
        log.seal();
    }
    let kept: Vec<String> =
        watched::read(&folder.path()).unwrap().into_iter().map(|line| line.note).collect();
    assert_eq!(kept, notes);
    assert_eq!(log.watched.len(), 5);
    // The events of the watches were sealed.
    assert_eq!(log.entries.len(), 5 * 7 + 5);
}

/// Fails the test if something is printed that the disk does not have.
struct AfterTheDisk<'a>(&'a Path);

impl Write for AfterTheDisk<'_> {
    fn write(&mut self, printed: &[u8]) -> io::Result<usize> {
        let kept = watched::read(self.0).unwrap();
        assert_eq!(kept.last().unwrap().note.as_bytes(), printed);
        Ok(printed.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_note_is_printed_only_after_it_is_on_the_disk() {
    let (folder, mut log) = (Folder::new(), Memory::new());
    log.sign_ins(3);
    let mut file = WatchedFile::open(&folder.path()).unwrap();
    let keys = [key(1)];
    let now = OffsetDateTime::UNIX_EPOCH;
    let watcher = Watcher { keys: &keys, max_age: HOUR, now };
    watcher.watch(&mut log, &mut file, &mut AfterTheDisk(&folder.path())).unwrap();
    assert_eq!(watched::read(&folder.path()).unwrap().len(), 1);
}

/// A change of the log: its name, the change and the expected error.
type Case = (&'static str, fn(&mut Memory), fn(&WatchError) -> bool);

#[test]
fn a_log_that_does_not_continue_is_not_signed_or_kept() {
    let table: [Case; 6] = [
        (
            "an entry of before was changed, and the log grew",
            |log| {
                log.entries[3].leaf_hash = log.entries[4].leaf_hash;
                log.sign_ins(4);
            },
            |error| matches!(error, WatchError::NotConsistent(_)),
        ),
        (
            "an entry of before was changed",
            |log| log.entries[3].leaf_hash = log.entries[4].leaf_hash,
            |error| matches!(error, WatchError::OtherRoot),
        ),
        (
            "the last entries were removed",
            |log| log.entries.truncate(9),
            |error| matches!(error, WatchError::Smaller { before: 10, now: 9 }),
        ),
        (
            "all were rewritten, and more came",
            |log| {
                log.entries.clear();
                log.log(None, "login");
                log.sign_ins(20);
            },
            |error| matches!(error, WatchError::NotConsistent(_)),
        ),
        (
            "a new log was begun",
            |log| log.origin = Origin::new(Uuid::from_u128(20)),
            |error| matches!(error, WatchError::OtherLog),
        ),
        (
            "nothing is sealed any more",
            |log| log.entries.clear(),
            |error| matches!(error, WatchError::NotSealed),
        ),
    ];
    for (what, tamper, is_expected) in table {
        let (folder, mut log) = (Folder::new(), Memory::new());
        log.sign_ins(10);
        folder.watch(&mut log, 0).0.unwrap();
        let kept = fs::read(folder.path()).unwrap();
        // The log must not grow by the event of the watch.
        log.rows.retain(|_, row| row.event_type != "audit_watched");
        tamper(&mut log);
        let (done, printed) = folder.watch(&mut log, 1);
        let error = done.unwrap_err();
        assert!(is_expected(&error), "{what}: {error}");
        assert!(error.is_finding(), "{what}");
        assert_eq!(printed, "", "{what}");
        assert_eq!(fs::read(folder.path()).unwrap(), kept, "{what}");
        assert_eq!(log.watched.len(), 1, "{what}");
    }
}

#[test]
fn a_log_that_does_not_grow_is_reported_after_an_hour() {
    let (folder, mut log) = (Folder::new(), Memory::new());
    log.sign_ins(5);
    for minutes in [0, 59, 60] {
        let (done, note) = folder.watch(&mut log, minutes);
        done.unwrap();
        assert!(!note.is_empty());
    }
    let (done, note) = folder.watch(&mut log, 61);
    assert!(matches!(done, Err(WatchError::Stopped(_))));
    // The log is unchanged, so its checkpoint is signed.
    assert!(!note.is_empty());
    assert_eq!(watched::read(&folder.path()).unwrap().len(), 1);
    log.seal();
    folder.watch(&mut log, 200).0.unwrap();
}

#[test]
fn a_key_is_rotated_by_signing_with_both() {
    let (folder, mut log) = (Folder::new(), Memory::new());
    log.sign_ins(5);
    folder.watch_with(&mut log, &[key(1)], 0).0.unwrap();
    // A key that signed no earlier note is refused.
    let (done, printed) = folder.watch_with(&mut log, &[key(2)], 1);
    assert!(matches!(done, Err(WatchError::LastNote(_))));
    assert_eq!(printed, "");
    // Both keys sign, although nothing was sealed in between.
    let (done, note) = folder.watch_with(&mut log, &[key(1), key(2)], 1);
    done.unwrap();
    for seed in [1, 2] {
        assert!(Checkpoint::open(note.as_bytes(), &[verifier(seed, &log)]).is_ok());
    }
    log.sign_ins(5);
    let (done, note) = folder.watch_with(&mut log, &[key(2)], 2);
    done.unwrap();
    assert!(Checkpoint::open(note.as_bytes(), &[verifier(1, &log)]).is_err());
    assert!(Checkpoint::open(note.as_bytes(), &[verifier(2, &log)]).is_ok());
    // The former key is refused after the rotation.
    let (done, _) = folder.watch_with(&mut log, &[key(1)], 3);
    assert!(matches!(done, Err(WatchError::LastNote(_))));
}

#[test]
fn a_watched_file_without_a_known_signature_is_refused() {
    let (folder, mut log) = (Folder::new(), Memory::new());
    log.sign_ins(5);
    folder.watch(&mut log, 0).0.unwrap();
    let kept = fs::read_to_string(folder.path()).unwrap();
    fs::write(folder.path(), kept.replace("\\n5\\n", "\\n4\\n")).unwrap();
    let (done, printed) = folder.watch(&mut log, 1);
    assert!(matches!(done, Err(WatchError::LastNote(_))));
    assert_eq!(printed, "");
}

#[test]
fn a_truncated_line_is_written_again() {
    let (folder, mut log) = (Folder::new(), Memory::new());
    log.sign_ins(5);
    folder.watch(&mut log, 0).0.unwrap();
    log.sign_ins(5);
    folder.watch(&mut log, 1).0.unwrap();
    let whole = fs::read(folder.path()).unwrap();
    let first = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for cut in [first, first + 1, whole.len() - 1] {
        fs::write(folder.path(), &whole[..cut]).unwrap();
        assert_eq!(watched::read(&folder.path()).unwrap().len(), 1, "{cut}");
        let mut again = log.clone();
        folder.watch(&mut again, 1).0.unwrap();
        let kept = watched::read(&folder.path()).unwrap();
        assert_eq!(kept.len(), 2, "{cut}");
    }
    // A long truncated line is removed completely.
    fs::write(folder.path(), [&whole[..first], &[b'x'; 5000]].concat()).unwrap();
    folder.watch(&mut log, 1).0.unwrap();
    assert!(fs::read(folder.path()).unwrap().ends_with(b"}\n"));
    // A complete line that is malformed is an error.
    fs::write(folder.path(), [&whole[..first], b"{}\n"].concat()).unwrap();
    assert!(WatchedFile::open(&folder.path()).is_err());
}

#[test]
fn a_second_watcher_of_the_same_file_is_refused() {
    let folder = Folder::new();
    let first = WatchedFile::open(&folder.path()).unwrap();
    assert!(WatchedFile::open(&folder.path()).is_err());
    drop(first);
    assert!(WatchedFile::open(&folder.path()).is_ok());
}
