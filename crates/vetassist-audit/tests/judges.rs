//! Verifies notes and proofs of the core with Go's packages for transparency logs and with Python. Neither shares code with
//! the core. `cargo xtask test judges` installs both.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    env,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::{json, Value};
use vetassist_core::{
    audit_log::{
        consistency_proof, inclusion_proof, leaf_hash, root, sign_note, AuditKey, Checkpoint,
        Entry, Hash, Origin, Rehash,
    },
    Uuid,
};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hexes(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(ToString::to_string).collect()
}

fn vectors(name: &str) -> Value {
    let path = repository().join("tests/vectors").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Returns a log with every proof of small sizes and of some large ones, and with notes by one key and by two.
fn own_claims() -> Value {
    let origin = Origin::new(Uuid::from_u128(19));
    let name = origin.to_string();
    let keys = [AuditKey::from_bytes(&[1; 32]), AuditKey::from_bytes(&[2; 32])];
    let leaves: Vec<Vec<u8>> = (0..300)
        .map(|row| Entry::Rehash(Rehash { row, ip_hash: leaf_hash(b"") }).encode().unwrap())
        .collect();
    let hashes: Vec<Hash> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
    let sizes: Vec<usize> = (0..=40).chain([63, 64, 65, 255, 256, 257, 300]).collect();
    let mut notes = Vec::new();
    let mut inclusion = Vec::new();
    let mut consistency = Vec::new();
    for to in sizes.iter().copied() {
        let root = root(&hashes[..to]);
        let checkpoint = Checkpoint { origin, size: to as u64, root }.to_string();
        notes.push(sign_note(&checkpoint, &name, &[&keys[0]]).unwrap());
        notes.push(sign_note(&checkpoint, &name, &[&keys[0], &keys[1]]).unwrap());
        for entry in (0..to).filter(|entry| to <= 40 || entry % 7 == 0 || entry + 1 == to) {
            let proof = hexes(&inclusion_proof(&hashes[..to], entry).unwrap());
            inclusion.push(json!({ "entry": entry, "size": to, "proof": proof }));
        }
        for from in sizes.iter().copied().filter(|from| *from <= to) {
            let proof = hexes(&consistency_proof(&hashes[..to], from).unwrap());
            consistency.push(json!({ "from": from, "to": to, "proof": proof }));
        }
    }
    let verifiers: Vec<String> =
        keys.iter().map(|key| key.verifier(&name).unwrap().to_string()).collect();
    json!({
        "origin": name,
        "verifiers": verifiers,
        "leaves": leaves.iter().map(|leaf| hex(leaf)).collect::<Vec<_>>(),
        "notes": notes,
        "inclusion": inclusion,
        "consistency": consistency,
        "refused": [],
    })
}

/// Returns the vectors that every implementation is tested with, refusals included.
fn vector_claims(go_alone: bool) -> Value {
    let known = vectors("audit.json");
    let numbers = |text: &str, between| {
        let (left, right) = text.split_once(between).unwrap();
        (left.parse::<u64>().unwrap(), right.parse::<u64>().unwrap())
    };
    let inclusion = known["inclusion"].as_object().unwrap().iter().map(|(which, proof)| {
        let (entry, size) = numbers(which, " in ");
        json!({ "entry": entry, "size": size, "proof": proof })
    });
    let consistency = known["consistency"].as_object().unwrap().iter().map(|(which, proof)| {
        let (from, to) = numbers(which, " to ");
        json!({ "from": from, "to": to, "proof": proof })
    });
    let entries = known["entries"].as_array().unwrap();
    let refused = vectors("audit_refused.json")["notes"].as_array().unwrap().clone();
    let other_log = "the origin of another log";
    let refused: Vec<Value> = refused
        .into_iter()
        .filter(|note| if go_alone { note["go_refuses"] == true } else { note["why"] != other_log })
        .collect();
    let more = known["more"].as_array().unwrap();
    json!({
        "origin": known["origin"],
        "rows": known["rows"],
        "row_data": entries.iter().chain(more).map(|entry| entry["data"].clone()).collect::<Vec<_>>(),
        "verifiers": [known["verifier"]],
        "leaves": entries.iter().map(|entry| entry["data"].clone()).collect::<Vec<_>>(),
        "notes": [known["checkpoint"], known["empty"]["checkpoint"]],
        "inclusion": inclusion.collect::<Vec<_>>(),
        "consistency": consistency.collect::<Vec<_>>(),
        "refused": refused,
    })
}

/// Passes claims to a verifier. Returns the number of claims that it checked, or its error.
fn judge(mut command: Command, claims: &Value) -> Result<usize, String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    child.stdin.take().unwrap().write_all(claims.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap().trim().parse().unwrap())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

fn go() -> Command {
    let mut go = Command::new("go");
    // Go uses Debian's packages, and fetches no modules.
    go.env("GO111MODULE", "off").env("GOPATH", "/usr/share/gocode").env("GOFLAGS", "");
    go.env("GOCACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("go"));
    go.arg("run").arg(repository().join("tests/go/judge.go"));
    go
}

fn python() -> Command {
    let python = env::var_os("VETASSIST_TEST_PYTHON");
    let mut python = Command::new(python.expect("VETASSIST_TEST_PYTHON is not set"));
    python.arg("-B").arg(repository().join("tests/python/audit_log.py"));
    python
}

/// Returns the number of claims, without proofs from size 0 if the verifier has none.
fn count(claims: &Value, with_empty: bool) -> usize {
    let length = |name: &str| claims[name].as_array().unwrap().len();
    let from_0 = claims["consistency"].as_array().unwrap().iter().filter(|one| one["from"] == 0);
    let left_out = if with_empty { 0 } else { from_0.count() };
    length("notes") + length("inclusion") + length("consistency") + length("refused") - left_out
}

/// Returns wrong claims. A verifier must refuse each of them.
fn wrong_claims() -> Vec<(&'static str, Value)> {
    let mut wrong = Vec::new();
    let mut change = |what, change: fn(&mut Value)| {
        let mut claims = own_claims();
        change(&mut claims);
        wrong.push((what, claims));
    };
    change("another leaf", |claims| claims["leaves"][5] = json!("00"));
    change("another note", |claims| {
        let text = claims["notes"][9].as_str().unwrap().replace("\n4\n", "\n5\n");
        claims["notes"][9] = json!(text);
    });
    change("another proof of inclusion", |claims| {
        claims["inclusion"][50]["proof"][0] = json!("00".repeat(32));
    });
    change("another proof of consistency", |claims| {
        let last = claims["consistency"]
            .as_array_mut()
            .unwrap()
            .iter_mut()
            .rfind(|one| one["proof"].as_array().unwrap().len() > 2);
        last.unwrap()["proof"][1] = json!("00".repeat(32));
    });
    change("a good note among those that are refused", |claims| {
        claims["refused"] = json!([{ "why": "none", "note": claims["notes"][3] }]);
    });
    wrong
}

#[test]
fn go_verifies_the_notes_and_proofs() {
    for claims in [own_claims(), vector_claims(true)] {
        assert_eq!(judge(go(), &claims), Ok(count(&claims, false)));
    }
    for (what, claims) in wrong_claims() {
        assert!(judge(go(), &claims).is_err(), "{what}");
    }
}

#[test]
fn python_verifies_the_notes_and_proofs() {
    let vectors = vector_claims(false);
    let rows = vectors["rows"].as_array().unwrap().len();
    assert_eq!(judge(python(), &vectors), Ok(count(&vectors, true) + rows));
    let own = own_claims();
    assert_eq!(judge(python(), &own), Ok(count(&own, true)));
    for (what, claims) in wrong_claims() {
        assert!(judge(python(), &claims).is_err(), "{what}");
    }
}
