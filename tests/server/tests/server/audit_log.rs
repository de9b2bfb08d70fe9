//! Tests the audit log: the bytes of its entries, its roots and its proofs.

use std::{env, io::Write, process::Command, process::Stdio};

use postgres::Client;
use serde_json::{json, Value};
use vetassist_core::audit_log::{
    consistency_proof, inclusion_proof, leaf_hash, root, Checkpoint, Hash,
};
use vetassist_server_tests::{
    audit_log::{audit_key, checkpoint, seal, signed},
    column_of, database, database_with, repository, sqlstate, vectors_of,
};

fn vectors() -> Value {
    let path = repository().join("tests/vectors/audit.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn hex_of(db: &mut Client, expression: &str) -> String {
    db.query_one(&format!("SELECT encode({expression}, 'hex')"), &[]).unwrap().get(0)
}

/// Returns the value as a SQL literal, or NULL.
fn literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".into(),
        Value::String(text) => format!("'{}'", text.replace('\'', "''")),
        other => format!("'{other}'"),
    }
}

fn texts(values: &Value) -> Vec<String> {
    values.as_array().unwrap().iter().map(|value| value.as_str().unwrap().to_owned()).collect()
}

#[test]
fn rows_and_commitments_match_the_vectors() {
    let mut db = database();
    let all = vectors();
    let leaves: Vec<String> = ["entries", "more"]
        .iter()
        .flat_map(|group| all[group].as_array().unwrap().clone())
        .map(|entry| entry["data"].as_str().unwrap().to_owned())
        .collect();
    for row in vectors_of("audit.json", "rows") {
        let fields = &row["fields"];
        let mut commitments = Vec::new();
        for (name, value) in [("event_data", &fields[3]), ("ip_hash", &fields[4])] {
            let salt = row[format!("salt_{name}")].as_str().unwrap();
            let commit = format!("vetassist_audit_commit('\\x{salt}', {})", literal(value));
            assert_eq!(hex_of(&mut db, &commit), row[format!("commitment_{name}")]);
            commitments.push(commit);
        }
        let time = match &fields[5] {
            Value::Number(micros) => format!("timestamptz '2000-01-01 00:00:00+00' + ({micros} - 946684800000000) * interval '1 microsecond'"),
            other => format!("{}::timestamptz", literal(other)),
        };
        let data = format!(
            "vetassist_audit_row({}::bigint, {}::uuid, {}, vetassist_audit_time({time}), {})",
            literal(&fields[0]),
            literal(&fields[1]),
            literal(&fields[2]),
            commitments.join(", ")
        );
        let made = hex_of(&mut db, &data);
        assert!(leaves.contains(&made), "{}: {made}", fields[0]);
        assert_eq!(
            hex_of(&mut db, &format!("sha256('\\x00'::bytea || {data})")),
            all["entries"]
                .as_array()
                .unwrap()
                .iter()
                .chain(all["more"].as_array().unwrap())
                .find(|entry| entry["data"] == *made)
                .unwrap()["leaf"]
        );
    }
}

/// Tests PostgreSQL's first and last times, infinite times and some between.
#[test]
fn times_are_exact_to_the_microsecond() {
    let mut db = database();
    for (time, micros) in [
        ("1970-01-01 00:00:00+00", "0"),
        ("1969-12-31 23:59:59.999999+00", "-1"),
        ("2026-01-02 03:04:05.678901+00", "1767323045678901"),
        ("294276-12-31 23:59:59.999999+00", "9224318015999999999"),
        ("294270-06-01 12:34:56.654321+00", "9224110182896654321"),
        ("4714-11-24 00:00:00+00 BC", "-210866803200000000"),
        ("infinity", "infinity"),
        ("-infinity", "-infinity"),
    ] {
        let query = format!("SELECT vetassist_audit_time('{time}')");
        assert_eq!(column_of(&mut db, &query), [micros], "{time}");
    }
}

#[test]
fn changes_roots_proofs_and_the_checkpoint_match_the_vectors() {
    let mut db = database();
    let all = vectors();
    let entries = all["entries"].as_array().unwrap();
    // The log of the vectors has three rows, then a pending erasure and a pending purge.
    for (index, entry) in entries.iter().take(3).enumerate() {
        db.batch_execute(&format!(
            "INSERT INTO vetassist_audit_leaves (entry, audit_id, kind, leaf_hash) VALUES ({index}, {index}, 'r', '\\x{}')",
            entry["leaf"].as_str().unwrap()
        ))
        .unwrap();
    }
    db.batch_execute(&format!(
        "INSERT INTO vetassist_audit_head (origin, size, root, system_identifier, database, recent_id, swept_id)
         VALUES ({}, 0, '', 0, 0, 0, 0);
         SELECT vetassist_grow_audit_tree(3);
         INSERT INTO vetassist_audit_pending (transaction, part, kind, audit_ids, entries, cutoff, session_user_name, at) VALUES
             ('1', 1, 'e', '{{0}}', NULL, NULL, 'vetassist_app', '2026-01-03 03:04:05+00'),
             ('1', 2, 'u', '{{1,2}}', '{{[1,3)}}', '2026-01-01 00:00:00+00', 'vetassist_admin', '2027-01-01 00:00:00+00')",
        literal(&all["origin"])
    ))
    .unwrap();
    let sealed: i32 = db.query_one("SELECT vetassist_seal_pending(100)", &[]).unwrap().get(0);
    assert_eq!(sealed, 2);
    db.batch_execute("SELECT vetassist_grow_audit_tree(2)").unwrap();
    let data = column_of(&mut db, "SELECT encode(data, 'hex') FROM vetassist_audit_leaves WHERE data IS NOT NULL ORDER BY entry");
    let expected: Vec<&str> =
        entries.iter().skip(3).map(|entry| entry["data"].as_str().unwrap()).collect();
    assert_eq!(data, expected);
    let roots = all["roots"].as_object().unwrap();
    for (size, root) in roots {
        assert_eq!(hex_of(&mut db, &format!("vetassist_audit_root(0, {size})")), *root);
    }
    let signed = all["checkpoint"].as_str().unwrap();
    assert!(signed.starts_with(&format!("{}\n", checkpoint(&mut db))));
    // A signed note is accepted as a checkpoint.
    let problems = "SELECT problem FROM vetassist_verify_audit($1) WHERE problem IN ('other_log', 'rolled_back', 'rewritten')";
    assert!(db.query(problems, &[&signed]).unwrap().is_empty());
    for (function, between, group) in
        [("inclusion", " in ", "inclusion"), ("consistency", " to ", "consistency")]
    {
        for (which, proof) in all[group].as_object().unwrap() {
            let (left, right) = which.split_once(between).unwrap();
            let query = format!("SELECT encode(h, 'hex') FROM unnest(vetassist_audit_{function}({left}, {right})) WITH ORDINALITY AS p (h, n) ORDER BY n");
            assert_eq!(column_of(&mut db, &query), texts(proof), "{function} {which}");
        }
    }
    for call in [
        "vetassist_audit_inclusion(5, 5)",
        "vetassist_audit_inclusion(-1, 5)",
        "vetassist_audit_inclusion(0, 6)",
        "vetassist_audit_inclusion(0, 9223372036854775807)",
        "vetassist_audit_consistency(-1, 5)",
        "vetassist_audit_consistency(4, 3)",
        "vetassist_audit_consistency(0, 6)",
        "vetassist_audit_entries(-1, 1)",
        "vetassist_audit_entries(0, 0)",
        "vetassist_audit_entries(NULL, 1)",
    ] {
        let error = db.simple_query(&format!("SELECT {call}")).unwrap_err();
        assert_eq!(sqlstate(&error), "22023", "{call}");
        assert!(error.as_db_error().unwrap().hint().is_some(), "{call}");
    }
    let none: Vec<Vec<u8>> =
        db.query_one("SELECT vetassist_audit_consistency(0, 5)", &[]).unwrap().get(0);
    assert_eq!(none, Vec::<Vec<u8>>::new());
    assert!(db
        .query("SELECT * FROM vetassist_audit_entries(9223372036854775807, 2147483647)", &[])
        .unwrap()
        .is_empty());
}

/// Tests every function that takes a checkpoint.
#[test]
fn a_malformed_checkpoint_is_refused() {
    let mut db = database();
    seal(&mut db);
    let good = checkpoint(&mut db);
    db.execute("SELECT vetassist_note_watch($1)", &[&good]).unwrap();
    for bad in [
        String::new(),
        good.replace("\n0\n", "\n05\n"),
        good.replace("\n0\n", "\n-1\n"),
        good.replace('\n', "\r\n"),
        good.replace('=', ""),
        good.replace("vetassist/", "other/"),
        good.to_uppercase(),
        format!("{good}more\n"),
        format!("{good}\n"),
        good.trim_end().to_owned(),
        format!(" {good}"),
    ] {
        for call in ["SELECT vetassist_note_watch($1)", "SELECT * FROM vetassist_verify_audit($1)"]
        {
            let error = db.execute(call, &[&bad]).unwrap_err();
            assert_eq!(sqlstate(&error), "22023", "{call} {bad:?}");
        }
    }
    let error = db.execute("SELECT vetassist_note_watch($1)", &[&signed(&good)]).unwrap_err();
    assert_eq!(sqlstate(&error), "22023");
    let events = column_of(&mut db, "SELECT event_data ->> 'by' || ' ' || (event_data ->> 'checkpoint') FROM vetassist_auth_audit WHERE event_type = 'audit_watched'");
    assert_eq!(events, [format!("postgres {good}")]);
}

#[test]
fn a_database_with_another_encoding_than_utf8_is_refused() {
    for options in [
        "ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0",
        "ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0",
    ] {
        let mut db = database_with(options);
        let error = db.batch_execute("CALL vetassist_seal_audit()").unwrap_err();
        assert_eq!(sqlstate(&error), "0A000", "{options}");
        assert!(error.as_db_error().unwrap().hint().unwrap().contains("UTF8"));
        let checks = column_of(&mut db, "SELECT DISTINCT problem FROM vetassist_verify_audit()");
        assert_eq!(checks, [""; 0]);
    }
}

/// Tests small sizes, and sizes around the blocks of nodes that are stored.
#[test]
fn proofs_match_those_of_the_core_and_of_python() {
    let mut db = database();
    let sizes = [0_usize, 1, 2, 3, 7, 8, 9, 255, 256, 257, 511, 512, 513, 770, 1025];
    let mut checkpoints = Vec::new();
    let mut at = 0;
    for size in sizes {
        db.execute("INSERT INTO vetassist_auth_audit (event_type, event_data, ip_hash) SELECT 'x', '{\"a\": 1}', 'h' FROM generate_series(1, $1::bigint)", &[&i64::try_from(size - at).unwrap()]).unwrap();
        at = size;
        seal(&mut db);
        checkpoints.push(checkpoint(&mut db));
    }
    let leaves: Vec<Vec<u8>> = db
        .query("SELECT data FROM vetassist_audit_entries(0, 2000)", &[])
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    let hashes: Vec<Hash> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
    assert_eq!(hashes.len(), 1025);
    let bytes = |proof: Vec<Hash>| -> Vec<Vec<u8>> {
        proof.iter().map(|hash| hash.as_bytes().to_vec()).collect()
    };
    let hexes = |proof: &[Vec<u8>]| -> Vec<String> { proof.iter().map(hex::encode).collect() };
    let (mut inclusion, mut consistency) = (Vec::new(), Vec::new());
    for (place, to) in sizes.into_iter().enumerate() {
        let Checkpoint { size, root: sealed, .. } = checkpoints[place].parse().unwrap();
        assert_eq!((size, sealed), (to as u64, root(&hashes[..to])));
        for entry in (0..to).filter(|entry| entry % 61 == 0 || entry + 1 == to) {
            let (index, size) = (i64::try_from(entry).unwrap(), i64::try_from(to).unwrap());
            let proof: Vec<Vec<u8>> = db
                .query_one("SELECT vetassist_audit_inclusion($1, $2)", &[&index, &size])
                .unwrap()
                .get(0);
            assert_eq!(
                proof,
                bytes(inclusion_proof(&hashes[..to], entry).unwrap()),
                "{entry} in {to}"
            );
            inclusion.push(json!({ "entry": entry, "size": to, "proof": hexes(&proof) }));
        }
        for from in sizes.into_iter().filter(|from| *from <= to) {
            let (first, last) = (i64::try_from(from).unwrap(), i64::try_from(to).unwrap());
            let proof: Vec<Vec<u8>> = db
                .query_one("SELECT vetassist_audit_consistency($1, $2)", &[&first, &last])
                .unwrap()
                .get(0);
            assert_eq!(
                proof,
                bytes(consistency_proof(&hashes[..to], from).unwrap()),
                "{from} to {to}"
            );
            consistency.push(json!({ "from": from, "to": to, "proof": hexes(&proof) }));
        }
    }
    let origin = checkpoint(&mut db).split('\n').next().unwrap().to_owned();
    let claims = json!({
        "origin": origin,
        "verifiers": [audit_key().verifier(&origin).unwrap().to_string()],
        "leaves": leaves.iter().map(hex::encode).collect::<Vec<_>>(),
        "notes": checkpoints.iter().map(|text| signed(text)).collect::<Vec<_>>(),
        "inclusion": inclusion,
        "consistency": consistency,
        "refused": [],
    });
    let python = env::var_os("VETASSIST_TEST_PYTHON")
        .expect("VETASSIST_TEST_PYTHON is set by cargo xtask test server");
    let mut child = Command::new(python)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(repository().join("tests/python/audit_log.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(claims.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let count = inclusion.len() + consistency.len() + checkpoints.len();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), count.to_string());
}
