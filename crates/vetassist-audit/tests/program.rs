//! Tests the program: its files, its output and its exit codes.
#![allow(clippy::unwrap_used, missing_docs)]

mod memory;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use memory::Memory;
use tempfile::TempDir;
use time::OffsetDateTime;
use vetassist_audit::export;
use vetassist_core::audit_log::{sign_note, AuditKey, VerifierKey};

fn run(arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_vetassist-audit"));
    program.env_remove("DATABASE_URL").args(arguments).output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

const ORIGIN: &str = "vetassist/0f6c1d9e-5c1c-4a57-9a8e-2b1f6f0f4f11";

fn path(folder: &TempDir, name: &str) -> String {
    folder.path().join(name).to_str().unwrap().into()
}

#[test]
fn a_key_file_is_not_overwritten_and_must_be_private() {
    let folder = tempfile::tempdir().unwrap();
    let file = path(&folder, "audit.key");
    let arguments = ["--key-file", &file, "--origin", ORIGIN];
    let made = run(&[&["keygen"], &arguments[..]].concat());
    assert_eq!(code(&made), 0, "{}", said(&made));
    let verifier = String::from_utf8(made.stdout.clone()).unwrap();
    let key = AuditKey::from_hex(fs::read_to_string(&file).unwrap().trim_end()).unwrap();
    assert_eq!(verifier, format!("{}\n", key.verifier(ORIGIN).unwrap()));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let again = run(&[&["verifier"], &arguments[..]].concat());
    assert_eq!(again.stdout, made.stdout);
    // An existing key file is not overwritten.
    let kept = fs::read(&file).unwrap();
    assert_eq!(code(&run(&[&["keygen"], &arguments[..]].concat())), 2);
    assert_eq!(fs::read(&file).unwrap(), kept);
    // A key file that others may read is refused, and nothing of it is printed.
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let refused = run(&[&["verifier"], &arguments[..]].concat());
    assert_eq!(code(&refused), 2);
    assert!(said(&refused).contains("chmod 600"), "{}", said(&refused));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&file, format!("{}00", fs::read_to_string(&file).unwrap().trim_end())).unwrap();
    let refused = run(&[&["verifier"], &arguments[..]].concat());
    assert_eq!(code(&refused), 2);
    let digits = String::from_utf8(kept).unwrap();
    assert!(!said(&refused).contains(&digits[..8]), "{}", said(&refused));
}

/// Writes an export and a note of it. Returns their paths and the key's verifier.
fn exported(folder: &Path, log: &mut Memory) -> (PathBuf, PathBuf, VerifierKey) {
    let key = AuditKey::from_bytes(&[1; 32]);
    let name = log.origin.to_string();
    let (file, note) = (folder.join("export"), folder.join("note"));
    fs::write(&note, sign_note(&log.checkpoint_now().to_string(), &name, &[&key]).unwrap())
        .unwrap();
    write(&file, log);
    (file, note, key.verifier(&name).unwrap())
}

fn write(file: &Path, log: &mut Memory) {
    let mut bytes = Vec::new();
    export::write(log, &mut bytes, OffsetDateTime::UNIX_EPOCH, |_, _| {}).unwrap();
    fs::write(file, bytes).unwrap();
}

#[test]
fn the_exit_code_of_verify_tells_intact_from_changed_and_failed() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = Memory::new();
    log.sign_ins(20);
    let (file, note, verifier) = exported(folder.path(), &mut log);
    let (file, note) = (file.to_str().unwrap(), note.to_str().unwrap());
    let verifier = verifier.to_string();
    let arguments = ["verify", file, "--key", &verifier, "--since", note];

    let intact = run(&arguments);
    assert_eq!(code(&intact), 0, "{}", said(&intact));
    let expected = "20 entries, 20 rows, 0 changes pending\n20 entries covered by signed checkpoints\nintact\n";
    assert_eq!(String::from_utf8(intact.stdout).unwrap(), expected);

    log.rows.get_mut(&7).unwrap().ip_hash = None;
    write(Path::new(file), &mut log);
    let changed = run(&arguments);
    assert_eq!(code(&changed), 1);
    let expected = "problem: changed, entry 6, row 7: the row differs from the sealed row\n";
    assert!(said(&changed).starts_with(expected), "{}", said(&changed));
    assert!(said(&changed).ends_with("1 changed\nNOT intact: 1 problems\n"), "{}", said(&changed));

    // Wrong usage and unreadable files end with 2.
    for arguments in [
        &["verify", file][..],
        &["verify", file, "--key", "none"],
        &["verify", "/nonexistent", "--key", &verifier],
        &["verify", file, "--key", &verifier, "--since", "/nonexistent"],
        &["verify", file, "--key", &verifier, "--watched", file],
        &["verify", note, "--key", &verifier],
        &["verify", file, "--key", &verifier, "--retention", "1y"],
        &["watch", "--key-file", file, "--watched", file],
        &["nonsense"],
    ] {
        let failed = run(arguments);
        assert_eq!(code(&failed), 2, "{arguments:?}: {}", said(&failed));
    }
    for arguments in [&["--help"][..], &["--version"], &["verify", "--help"]] {
        assert_eq!(code(&run(arguments)), 0, "{arguments:?}");
    }
}

#[test]
fn a_failed_connection_ends_with_2_and_prints_no_password() {
    let folder = tempfile::tempdir().unwrap();
    let (key, watched) = (path(&folder, "key"), path(&folder, "watched"));
    assert_eq!(code(&run(&["keygen", "--key-file", &key, "--origin", ORIGIN])), 0);
    for database in [
        "postgresql://auditor:pa55word@127.0.0.1:1/postgres?connect_timeout=1",
        "host=/nonexistent user=auditor password=pa55word",
        "nonsense pa55word",
    ] {
        for arguments in [
            &["watch", "--database", database, "--key-file", &key, "--watched", &watched][..],
            &["export", &path(&folder, "export"), "--database", database],
        ] {
            let failed = run(arguments);
            assert_eq!(code(&failed), 2, "{}", said(&failed));
            assert!(!said(&failed).contains("pa55word"), "{}", said(&failed));
        }
    }
    assert!(!Path::new(&path(&folder, "export")).exists());
}
