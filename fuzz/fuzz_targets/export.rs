//! Verifies any bytes as an export without a panic, and tests that an entry has only one encoding.
#![no_main]

use std::{io::Cursor, time::Duration};

use libfuzzer_sys::fuzz_target;
use vetassist_audit::{
    export::Lines,
    finding::Class,
    log::Shown,
    verify::{verify, Evidence, Expectations},
};
use vetassist_core::audit_log::{leaf_hash, AuditKey, Entry};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(entry) = Entry::decode(bytes) {
        assert_eq!(entry.encode().as_deref(), Ok(bytes));
    }
    let key = AuditKey::from_bytes(&[1; 32]);
    let mut evidence = Evidence::new(key.verifier("log").into_iter().collect());
    evidence.add_note("note", bytes.to_vec());
    let expected = Expectations { evidence, retention: Duration::from_secs(86400) };
    let mut changed = Vec::new();
    let verified = verify(|| Ok(Cursor::new(bytes)), &expected, &mut |finding| {
        // A finding is one line of the report.
        assert!(!finding.to_string().contains('\n'));
        if matches!(finding.class, Class::Changed | Class::Missing) {
            changed.extend(finding.entry);
        }
    });
    let Ok(summary) = verified else { return };
    // Every entry whose data does not match its leaf is reported.
    let mut entries = 0;
    for shown in Lines::new(Cursor::new(bytes)).expect("it was read before") {
        let Ok(Shown::Entry(entry)) = shown else { continue };
        entries += 1;
        let is_sealed = entry.data.is_some_and(|data| leaf_hash(&data) == entry.leaf_hash);
        assert!(is_sealed || changed.contains(&entry.entry) || entry.kind == "row");
    }
    assert_eq!(summary.entries, entries);
});
