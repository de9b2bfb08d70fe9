//! Compares the audit log with the values of another implementation, refusals included.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeMap;

use serde::Deserialize;
use vetassist_core::{
    audit_log::{
        commit, consistency_proof, inclusion_proof, leaf_hash, open_note, root, sign_note,
        verify_consistency, verify_inclusion, AuditKey, Checkpoint, Entry, EntryError, Hash,
        NoteError, Row, Salt, VerifierKey, MAX_VALUE_LEN,
    },
    Timestamp,
};

#[derive(Deserialize)]
struct Vectors {
    origin: String,
    audit_key: String,
    rows: Vec<VectorRow>,
    entries: Vec<Leaf>,
    more: Vec<Leaf>,
    roots: BTreeMap<usize, String>,
    inclusion: BTreeMap<String, Vec<String>>,
    consistency: BTreeMap<String, Vec<String>>,
    verifier: String,
    checkpoint: String,
    empty: Empty,
}

#[derive(Deserialize)]
struct VectorRow {
    fields: (i64, Option<String>, String, Option<String>, Option<String>, serde_json::Value),
    salt_event_data: String,
    salt_ip_hash: String,
    commitment_event_data: String,
    commitment_ip_hash: String,
}

#[derive(Deserialize)]
struct Leaf {
    what: String,
    data: String,
    leaf: String,
}

#[derive(Deserialize)]
struct Empty {
    root: String,
    checkpoint: String,
}

#[derive(Deserialize)]
struct Refusals {
    notes: Vec<RefusedNote>,
    verifiers: Vec<RefusedVerifier>,
    inclusion: Vec<RefusedInclusion>,
    consistency: Vec<RefusedConsistency>,
    entries: Vec<RefusedEntry>,
}

#[derive(Deserialize)]
struct RefusedNote {
    why: String,
    go_refuses: bool,
    note: String,
}

#[derive(Deserialize)]
struct RefusedVerifier {
    why: String,
    verifier: String,
}

#[derive(Deserialize)]
struct RefusedInclusion {
    why: String,
    entry: usize,
    size: usize,
    proof: Vec<String>,
}

#[derive(Deserialize)]
struct RefusedConsistency {
    why: String,
    from: usize,
    to: usize,
    proof: Vec<String>,
}

#[derive(Deserialize)]
struct RefusedEntry {
    why: String,
    data: String,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../../../tests/vectors/audit.json")).unwrap()
}

fn refusals() -> Refusals {
    serde_json::from_str(include_str!("../../../tests/vectors/audit_refused.json")).unwrap()
}

fn hash(hex: &str) -> Hash {
    Hash::try_from(&*hex::decode(hex).unwrap()).unwrap()
}

fn hashes(hex: &[String]) -> Vec<Hash> {
    hex.iter().map(|hex| hash(hex)).collect()
}

fn salt(hex: &str) -> Salt {
    hex::decode(hex).unwrap().try_into().unwrap()
}

fn key(vectors: &Vectors) -> AuditKey {
    AuditKey::from_hex(&vectors.audit_key).unwrap()
}

fn leaves(vectors: &Vectors) -> Vec<Hash> {
    vectors.entries.iter().map(|entry| hash(&entry.leaf)).collect()
}

/// Returns the two numbers of `0 in 5`.
fn numbers(text: &str, between: &str) -> (usize, usize) {
    let (left, right) = text.split_once(between).unwrap();
    (left.parse().unwrap(), right.parse().unwrap())
}

fn u64_of(number: usize) -> u64 {
    number.try_into().unwrap()
}

#[test]
fn rows_and_commitments_match_the_vectors() {
    let vectors = vectors();
    for row in &vectors.rows {
        let (id, user_id, event_type, event_data, ip_hash, created_at) = &row.fields;
        let event_data = commit(&salt(&row.salt_event_data), event_data.as_deref()).unwrap();
        assert_eq!(event_data, hash(&row.commitment_event_data), "{id}");
        let ip_hash = commit(&salt(&row.salt_ip_hash), ip_hash.as_deref()).unwrap();
        assert_eq!(ip_hash, hash(&row.commitment_ip_hash), "{id}");
        let entry = Entry::Row(Row {
            id: *id,
            user_id: user_id.as_deref().map(|id| id.parse().unwrap()),
            event_type: event_type.clone(),
            created_at: match created_at {
                serde_json::Value::Number(micros) => {
                    Timestamp::from_unix_micros(micros.as_i64().unwrap())
                }
                serde_json::Value::String(word) if word == "infinity" => Some(Timestamp::INFINITY),
                other => {
                    assert!(other.is_null());
                    None
                }
            },
            event_data,
            ip_hash,
        });
        let data = hex::encode(entry.encode().unwrap());
        let mut known = vectors.entries.iter().chain(&vectors.more);
        assert!(known.any(|leaf| leaf.data == data), "{id}");
    }
}

#[test]
fn each_entry_of_the_vectors_is_read_and_written_unchanged() {
    let vectors = vectors();
    assert_eq!(vectors.entries.len() + vectors.more.len(), 7);
    for leaf in vectors.entries.iter().chain(&vectors.more) {
        let data = hex::decode(&leaf.data).unwrap();
        assert_eq!(leaf_hash(&data), hash(&leaf.leaf), "{}", leaf.what);
        let entry = Entry::decode(&data).unwrap();
        assert!(leaf.what.starts_with(entry.kind()), "{}", leaf.what);
        assert_eq!(entry.encode().unwrap(), data, "{}", leaf.what);
        assert_eq!(entry.leaf_hash().unwrap(), hash(&leaf.leaf), "{}", leaf.what);
        // A truncated entry is refused.
        for len in 0..data.len() {
            assert!(Entry::decode(&data[..len]).is_err(), "{} of {}", len, leaf.what);
        }
    }
}

#[test]
fn each_malformed_entry_of_the_vectors_is_refused() {
    for refused in refusals().entries {
        let data = hex::decode(&refused.data).unwrap();
        assert!(Entry::decode(&data).is_err(), "{}", refused.why);
    }
}

#[test]
fn a_commitment_to_a_value_that_is_too_long_is_refused() {
    let longest = "x".repeat(MAX_VALUE_LEN);
    assert!(commit(&[0; 16], Some(&longest)).is_ok());
    assert_eq!(commit(&[0; 16], Some(&(longest + "x"))), Err(EntryError::TooLong));
}

#[test]
fn the_first_and_last_times_of_postgresql_are_exact() {
    // The last time is past the microseconds since 1970 that 64 bits can hold.
    let times = [
        (Timestamp::MIN, "-210866803200000000"),
        (Timestamp::MAX, "9224318015999999999"),
        (Timestamp::from_unix_micros(-1).unwrap(), "-1"),
        (Timestamp::INFINITY, "infinity"),
        (Timestamp::NEG_INFINITY, "-infinity"),
    ];
    for (time, text) in times {
        let vectors = vectors();
        let Entry::Row(mut row) =
            Entry::decode(&hex::decode(&vectors.entries[0].data).unwrap()).unwrap()
        else {
            panic!("the first entry is a row");
        };
        row.created_at = Some(time);
        let entry = Entry::Row(row);
        let data = entry.encode().unwrap();
        let field = [&u32::try_from(text.len()).unwrap().to_be_bytes()[..], text.as_bytes()];
        assert!(data.windows(4 + text.len()).any(|part| part == field.concat()), "{text}");
        assert_eq!(Entry::decode(&data).unwrap(), entry);
    }
}

#[test]
fn roots_and_proofs_match_the_vectors() {
    let vectors = vectors();
    let leaves = leaves(&vectors);
    for (size, expected) in &vectors.roots {
        assert_eq!(root(&leaves[..*size]), hash(expected), "{size}");
    }
    for (which, proof) in &vectors.inclusion {
        let (entry, size) = numbers(which, " in ");
        let proof = hashes(proof);
        assert_eq!(inclusion_proof(&leaves[..size], entry).unwrap(), proof, "{which}");
        let root = root(&leaves[..size]);
        verify_inclusion(&leaves[entry], u64_of(entry), u64_of(size), &proof, &root).unwrap();
    }
    for (which, proof) in &vectors.consistency {
        let (from, to) = numbers(which, " to ");
        let proof = hashes(proof);
        assert_eq!(consistency_proof(&leaves[..to], from).unwrap(), proof, "{which}");
        let (old, new) = (root(&leaves[..from]), root(&leaves[..to]));
        verify_consistency(u64_of(from), &old, u64_of(to), &new, &proof).unwrap();
    }
}

#[test]
fn each_wrong_proof_of_the_vectors_is_refused() {
    let leaves = leaves(&vectors());
    let refusals = refusals();
    for refused in &refusals.inclusion {
        let RefusedInclusion { why, entry, size, proof } = refused;
        let leaf = leaves.get(*entry).unwrap_or(&leaves[0]);
        let root = root(&leaves[..*size]);
        let verified = verify_inclusion(leaf, u64_of(*entry), u64_of(*size), &hashes(proof), &root);
        assert!(verified.is_err(), "{why}");
    }
    for refused in &refusals.consistency {
        let RefusedConsistency { why, from, to, proof } = refused;
        let (old, new) = (root(&leaves[..*from]), root(&leaves[..*to]));
        let proof = hashes(proof);
        let verified = verify_consistency(u64_of(*from), &old, u64_of(*to), &new, &proof);
        assert!(verified.is_err(), "{why}");
    }
    assert!(inclusion_proof(&leaves, 5).is_err());
    assert!(consistency_proof(&leaves, 6).is_err());
}

#[test]
fn signed_checkpoints_match_the_vectors() {
    let vectors = vectors();
    let key = key(&vectors);
    let verifier = key.verifier(&vectors.origin).unwrap();
    assert_eq!(verifier.to_string(), vectors.verifier);
    assert_eq!(vectors.verifier.parse(), Ok(verifier.clone()));
    let known = [verifier];
    let size_5 = Checkpoint {
        origin: vectors.origin.parse().unwrap(),
        size: 5,
        root: hash(&vectors.roots[&5]),
    };
    let size_0 = Checkpoint { size: 0, root: hash(&vectors.empty.root), ..size_5 };
    for (checkpoint, note) in [(size_5, &vectors.checkpoint), (size_0, &vectors.empty.checkpoint)] {
        let body = checkpoint.to_string();
        assert_eq!(body.parse(), Ok(checkpoint));
        assert_eq!(sign_note(&body, &vectors.origin, &[&key]).as_ref(), Ok(note));
        assert_eq!(open_note(note.as_bytes(), &known).unwrap().text(), body);
        assert_eq!(Checkpoint::open(note.as_bytes(), &known), Ok(checkpoint));
    }
}

#[test]
fn a_checkpoint_opens_only_if_its_own_origin_signed_it() {
    let vectors = vectors();
    let key = key(&vectors);
    let other = vectors.origin.replace("0f6c", "0f6d");
    let known = [&vectors.origin, &other].map(|name| key.verifier(name).unwrap());
    let body = vectors.checkpoint.split_once("\n\n").unwrap().0.to_owned() + "\n";
    // Notes of both names open with a known key. Only the note of its own origin is a checkpoint.
    let note = sign_note(&body, &other, &[&key]).unwrap();
    assert!(open_note(note.as_bytes(), &known).is_ok());
    assert_eq!(Checkpoint::open(note.as_bytes(), &known), Err(NoteError::NotSigned));
    let note = sign_note("text\n", &other, &[&key]).unwrap();
    assert_eq!(Checkpoint::open(note.as_bytes(), &known), Err(NoteError::NotACheckpoint));
    assert!(Checkpoint::open(vectors.checkpoint.as_bytes(), &known).is_ok());
}

#[test]
fn each_malformed_note_of_the_vectors_is_refused() {
    let vectors = vectors();
    let verifiers: [VerifierKey; 1] = [vectors.verifier.parse().unwrap()];
    let origin = vectors.origin.parse().unwrap();
    for refused in refusals().notes {
        let RefusedNote { why, go_refuses, note } = refused;
        let found = Checkpoint::open(note.as_bytes(), &verifiers);
        assert!(!found.is_ok_and(|checkpoint| checkpoint.origin == origin), "{why}");
        // A note that Go refuses is malformed whatever its text is.
        assert!(!go_refuses || open_note(note.as_bytes(), &verifiers).is_err(), "{why}");
    }
    for refused in refusals().verifiers {
        assert!(refused.verifier.parse::<VerifierKey>().is_err(), "{}", refused.why);
    }
}

#[test]
fn notes_have_limits_of_length_and_signatures() {
    let vectors = vectors();
    let key = key(&vectors);
    let known = [key.verifier("a").unwrap()];
    let note = sign_note("text\n", "a", &[&key]).unwrap();
    let (body, line) = note.split_once("\n\n").unwrap();
    let others = |count: u8| -> String {
        let lines = (0..count).map(|other| {
            let other = AuditKey::from_bytes(&[other; 32]);
            let note = sign_note("text\n", "other", &[&other]).unwrap();
            note.split_once("\n\n").unwrap().1.to_owned()
        });
        format!("{body}\n\n{}{line}", lines.collect::<String>())
    };
    for count in [0, 15, 99] {
        assert!(open_note(others(count).as_bytes(), &known).is_ok(), "{count}");
    }
    assert_eq!(open_note(others(100).as_bytes(), &known), Err(NoteError::TooManySignatures));

    // During a rotation two keys sign. Either verifier opens the note.
    let new = AuditKey::from_bytes(&[7; 32]);
    let both = sign_note("text\n", "a", &[&key, &new]).unwrap();
    for (known, signatures) in [
        (vec![known[0].clone()], 1),
        (vec![new.verifier("a").unwrap()], 1),
        (vec![known[0].clone(), new.verifier("a").unwrap()], 2),
    ] {
        assert_eq!(open_note(both.as_bytes(), &known).unwrap().signatures().len(), signatures);
    }

    // The note has 1 MB, with blank lines in the text.
    let around = sign_note("\n", "a", &[&key]).unwrap().len();
    let longest = format!("{}\n", &"x\n\ny".repeat(250_000)[..1_000_000 - around]);
    let note = sign_note(&longest, "a", &[&key]).unwrap();
    assert_eq!(note.len(), 1_000_000);
    assert_eq!(open_note(note.as_bytes(), &known).unwrap().text(), longest);
    let too_long = format!("x{longest}");
    assert_eq!(sign_note(&too_long, "a", &[&key]), Err(NoteError::TooLong));
    assert_eq!(open_note(format!("x{note}").as_bytes(), &known), Err(NoteError::TooLong));
    assert_eq!(open_note(b"\xff", &known), Err(NoteError::NotText));

    for text in ["no line feed", "a\ttab\n", "\r\n"] {
        assert!(sign_note(text, "a", &[&key]).is_err(), "{text:?}");
    }
    for name in ["", "a b", "a+b", "a\n", "a\u{85}"] {
        assert_eq!(sign_note("text\n", name, &[&key]), Err(NoteError::Name), "{name:?}");
    }
    assert_eq!(sign_note("text\n", "a", &[]), Err(NoteError::NotSigned));
    assert_eq!(sign_note("text\n", "a", &[&key; 101]), Err(NoteError::TooManySignatures));
}

#[test]
fn the_debug_format_of_a_key_shows_no_byte_of_it() {
    let vectors = vectors();
    let key = key(&vectors);
    assert_eq!(hex::encode(key.expose_bytes()), vectors.audit_key);
    assert!(!format!("{key:?}").contains(&vectors.audit_key[..8]));
    for refused in ["", "21", &vectors.audit_key[1..], &format!("{}\n", vectors.audit_key)] {
        assert!(AuditKey::from_hex(refused).is_err(), "{refused:?}");
    }
}
