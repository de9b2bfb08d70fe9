//! Compares the core's reader of notes with another one, written from the standard signed-note. The other one verifies a
//! signature by signing again, because Ed25519 is deterministic.
#![no_main]

use base64ct::{Base64, Encoding};
use libfuzzer_sys::fuzz_target;
use vetassist_core::audit_log::{open_note, sign_note, AuditKey, Checkpoint, NoteError};

const NAME: &str = "log";

/// The text, and the line, name and bytes of each signature.
type Read<'a> = (&'a str, Vec<(&'a str, &'a str, Vec<u8>)>);

fn read(note: &[u8]) -> Option<Read<'_>> {
    let note = std::str::from_utf8(note).ok().filter(|note| note.len() <= 1_000_000)?;
    if note.chars().any(|c| u32::from(c) < 0x20 && c != '\n') {
        return None;
    }
    let blank = (0..note.len()).rev().find(|at| note.as_bytes()[*at..].starts_with(b"\n\n"))?;
    let (text, lines) = (&note[..blank + 1], &note[blank + 2..]);
    let mut signatures = Vec::new();
    if !lines.ends_with('\n') || lines.lines().count() > 100 {
        return None;
    }
    for line in lines.split_terminator('\n') {
        let mut parts = line.splitn(3, ' ');
        let (dash, name, base64) = (parts.next()?, parts.next()?, parts.next()?);
        let bytes = Base64::decode_vec(base64).ok().filter(|bytes| bytes.len() >= 5)?;
        let bad = |c: char| c.is_whitespace() || c == '+' || u32::from(c) == 0x7f;
        if dash != "\u{2014}" || name.is_empty() || name.contains(bad) {
            return None;
        }
        signatures.push((line, name, bytes));
    }
    Some((text, signatures))
}

/// Returns true if the known key signed, and every signature that names that key is its own.
fn is_signed(key: &AuditKey, id: &[u8], (text, signatures): &Read<'_>) -> bool {
    let own: Vec<_> =
        signatures.iter().filter(|(_, name, bytes)| *name == NAME && &bytes[..4] == id).collect();
    let note = sign_note(text, NAME, &[key]);
    !own.is_empty()
        && own.iter().all(|(line, ..)| {
            note.as_ref().is_ok_and(|note| note.ends_with(&format!("\n\n{line}\n")))
        })
}

fn check(note: &[u8]) {
    let key = AuditKey::from_bytes(&[1; 32]);
    let verifier = key.verifier(NAME).expect("a name");
    let id: Vec<u8> = (0..8)
        .step_by(2)
        .map(|at| u8::from_str_radix(&verifier.id()[at..at + 2], 16).expect("digits"))
        .collect();
    let expected = read(note);
    match (open_note(note, &[verifier]), &expected) {
        (Ok(opened), Some(read)) => {
            assert_eq!(opened.text(), read.0);
            assert!(is_signed(&key, &id, read));
            if let Ok(checkpoint) = opened.text().parse::<Checkpoint>() {
                assert_eq!(checkpoint.to_string(), opened.text());
            }
        }
        (Err(NoteError::Refused | NoteError::NotSigned), Some(read)) => {
            assert!(!is_signed(&key, &id, read));
        }
        (Err(_), None) => {}
        (found, _) => panic!("{found:?} and not {expected:?}"),
    }
}

type Lines = Vec<(String, Vec<u8>)>;

fuzz_target!(|input: (&[u8], &str, Lines, Option<(u16, u8)>)| {
    let (raw, text, others, damage) = input;
    check(raw);
    // The same with a text that the key signed.
    let key = AuditKey::from_bytes(&[1; 32]);
    let Ok(mut note) = sign_note(&format!("{text}\n"), NAME, &[&key]) else { return };
    for (name, bytes) in others {
        note.push_str(&format!("\u{2014} {name} {}\n", Base64::encode_string(&bytes)));
    }
    let mut note = note.into_bytes();
    if let Some((at, bits)) = damage {
        let at = usize::from(at) % note.len();
        note[at] ^= bits;
    }
    check(&note);
});
