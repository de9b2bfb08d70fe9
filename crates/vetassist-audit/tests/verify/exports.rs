//! Tests exports that are incomplete or changed.

use std::{io::Cursor, sync::LazyLock, time::Duration};

use proptest::prelude::*;
use vetassist_audit::{
    export::ExportError,
    finding::Summary,
    verify::{verify, Evidence, Expectations},
};

use super::{evidence, export, lawful::lawful_trail, memory::Memory};

#[test]
fn incomplete_exports_are_refused() {
    let mut log = Memory::new();
    log.sign_ins(5);
    log.erase(2);
    let bytes = export(&mut log);
    let text = String::from_utf8(bytes).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let without = |place: usize| {
        let mut lines = lines.clone();
        lines.remove(place);
        lines.concat()
    };
    let swapped = {
        let mut lines = lines.clone();
        lines.swap(1, 2);
        lines.concat()
    };
    let refused = [
        String::new(),
        without(0),
        without(2),
        without(lines.len() - 2),
        without(lines.len() - 1),
        swapped,
        text[..text.len() - 1].into(),
        format!("{text}\n"),
        format!("{text}{}", lines[1]),
        text.replace("export v1", "export v2"),
        text.replace("\"kind\":\"row\"", "\"kind\":\"row\",\"more\":1"),
        text.replace("leaf_hash\":\"", "leaf_hash\":\"AA"),
        text.replace("vetassist/", "vetassist/0"),
    ];
    for text in refused {
        let open = || Ok(Cursor::new(text.as_bytes()));
        let retention = Duration::ZERO;
        let expected = Expectations { evidence: evidence(&log), retention };
        let refused: Result<Summary, ExportError> = verify(open, &expected, &mut |_| {});
        assert!(refused.is_err(), "{text}");
    }
}

/// An export of a trail with lawful changes, and its watched checkpoints.
static WATCHED: LazyLock<(Vec<u8>, Evidence)> = LazyLock::new(|| {
    let (mut log, kept) = lawful_trail();
    let mut evidence = evidence(&log);
    evidence.add_watched("watched", kept);
    (export(&mut log), evidence)
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Changes one byte of a watched export.
    #[test]
    fn every_changed_byte_is_refused_or_found(at: prop::sample::Index, byte in 0x20_u8..0x7f) {
        let (whole, evidence) = &*WATCHED;
        let mut bytes = whole.clone();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let retention = Duration::from_secs(365 * 86400);
        let open = || Ok(Cursor::new(&bytes));
        let verified = verify(open, &Expectations { evidence: evidence.clone(), retention }, &mut |_| {});
        let exported_at = whole.windows(11).position(|part| part == b"exported_at").unwrap();
        // No checkpoint proves the time of the export.
        let is_free = bytes == *whole || (exported_at..exported_at + 40).contains(&at);
        prop_assert!(is_free || verified.map_or(true, |summary| !summary.is_intact()));
    }
}
