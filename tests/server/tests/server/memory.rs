//! Tests that the memory of the ring is locked, not in core dumps, and wiped on reload and at exit.
//!
//! Copies on the stack are ignored, because calls that use keys leave some there until later calls overwrite them. In all
//! other memory, such as the heap, a key may only be where the memory is locked.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStdout, Stdio},
};

use pg_scratch::{as_root, capture, random_key};
use postgres::Client;
use serde_json::Value;
use vetassist_core::{MasterKey, Uuid};
use vetassist_server_tests::{repository, wait, KeyedServer};

const USER: &str = "1266421b-a944-46cc-bc26-e3e89453b8cd";

/// A master key in hex, and the bytes to search for: the key, its digits and the key that is derived from it for [`USER`].
struct Secret {
    hex: String,
    needles: Vec<String>,
}

impl Secret {
    fn new() -> Self {
        let hex = random_key().unwrap();
        let user: Uuid = USER.parse().unwrap();
        let user_key = MasterKey::from_hex(&hex).unwrap().derive_user_key(&user);
        let needles = vec![hex.clone(), hex::encode(&hex), hex::encode(user_key.expose_bytes())];
        Self { hex, needles }
    }
}

fn memory(mode: &str, pid: i32, needles: &[&String]) -> std::process::Command {
    let mut python = as_root("python3").unwrap();
    python.arg(repository().join("tests/python/memory.py")).arg(mode).arg(pid.to_string());
    python.args(needles);
    python
}

fn pid(db: &mut Client) -> i32 {
    db.query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0)
}

/// Returns the places in a backend's memory that hold each of these now, without the stack.
fn places(pid: i32, needles: &[&String]) -> Value {
    without_the_stack(&capture(&mut memory("scan", pid, needles)).unwrap())
}

/// Returns the findings that are not on the stack.
fn without_the_stack(found: &str) -> Value {
    let mut found: Value = serde_json::from_str(found).unwrap();
    for places in found.as_object_mut().unwrap().values_mut() {
        places.as_array_mut().unwrap().retain(|place| place["name"] != "[stack]");
    }
    found
}

fn count(places: &Value, needle: &str) -> usize {
    places[needle].as_array().unwrap().len()
}

/// Asserts that every place is locked in memory and left out of core dumps. Returns the number of places.
fn assert_locked(places: &Value) -> usize {
    let all: Vec<_> =
        places.as_object().unwrap().values().flat_map(|of| of.as_array().unwrap()).collect();
    for place in &all {
        let flags: Vec<_> =
            place["flags"].as_array().unwrap().iter().map(|flag| flag.as_str().unwrap()).collect();
        assert!(
            flags.contains(&"lo") && flags.contains(&"dd") && flags.contains(&"wf"),
            "{places}"
        );
    }
    all.len()
}

fn use_ring(db: &mut Client) {
    let query = "SELECT vetassist_decrypt_token(vetassist_encrypt_token('a token', $1), $1), vetassist_hash_ip_keyed('203.0.113.7')";
    let user: Uuid = USER.parse().unwrap();
    for _ in 0..3 {
        db.query_one(query, &[&user]).unwrap();
    }
    assert!(db
        .query_one("SELECT vetassist_decrypt_token(repeat('x', 40)::bytea, $1)", &[&user])
        .is_err());
}

#[test]
#[ignore = "takes seconds"]
fn the_ring_is_in_locked_memory_and_wiped_when_it_is_read_again() {
    let mut server = KeyedServer::start();
    for source in ["file", "command"] {
        let (first, older, second) = (Secret::new(), Secret::new(), Secret::new());
        let all: Vec<_> =
            [&first, &older, &second].iter().flat_map(|secret| &secret.needles).collect();
        server.set_ring(&format!("{}\n{}\n", first.hex, older.hex));
        let mut db = server.connect();
        if source == "command" {
            let path = server.key_file().display().to_string();
            db.batch_execute(&format!(
                "LOAD 'vetassist'; SET vetassist.master_key_file = ''; SET vetassist.master_key_command = 'cat {path}'"
            ))
            .unwrap();
        }
        use_ring(&mut db);
        let pid = pid(&mut db);
        let found = places(pid, &all);
        assert!(assert_locked(&found) >= 4, "{found}");
        // The search finds the keys in locked memory, so it would find them elsewhere. Their digits are nowhere.
        for secret in [&first, &older] {
            assert!(
                count(&found, &secret.needles[0]) > 0 && count(&found, &secret.needles[2]) > 0,
                "{found}"
            );
            assert_eq!(count(&found, &secret.needles[1]), 0);
        }
        server.write_key_file(&format!("{}\n", second.hex), 0o600);
        db.simple_query("SELECT vetassist_reload_keys()").unwrap();
        let found = places(pid, &all);
        assert!(assert_locked(&found) > 0 && count(&found, &second.needles[0]) > 0);
        for needle in first.needles.iter().chain(&older.needles) {
            assert_eq!(count(&found, needle), 0, "{source}: {found}");
        }
        // If reading the ring fails, the old one is wiped, after vetassist_reload_keys() and after SIGHUP.
        for (reload, fails) in
            [("SELECT vetassist_reload_keys()", true), ("SELECT pg_reload_conf()", false)]
        {
            server.write_key_file(&format!("{}\n", second.hex), 0o600);
            db.simple_query("SELECT vetassist_reload_keys()").unwrap();
            use_ring(&mut db);
            server.write_key_file(&format!("{}\nno key\n", first.hex), 0o600);
            assert_eq!(db.simple_query(reload).is_err(), fails, "{source}: {reload}");
            wait(|| db.simple_query("SELECT vetassist_hash_ip_keyed('::1')").is_err());
            let found = places(pid, &all);
            assert_eq!(assert_locked(&found), 0, "{source}: {reload}: {found}");
        }
    }
    assert!(!server.log().contains("cannot be kept out of swap"));
}

/// Reads the memory of a process that is about to exit.
struct Watch(Child, BufReader<ChildStdout>);

impl Watch {
    fn new(pid: i32, needles: &[&String]) -> Self {
        let mut child = memory("exit", pid, needles).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        assert_eq!(line, "tracing\n");
        Self(child, said)
    }

    fn places(mut self) -> Value {
        let mut said = String::new();
        self.1.read_to_string(&mut said).unwrap();
        assert!(self.0.wait().unwrap().success());
        without_the_stack(&said)
    }
}

#[test]
#[ignore = "takes seconds"]
fn the_ring_is_wiped_at_exit() {
    let mut server = KeyedServer::start();
    let secret = Secret::new();
    server.set_ring(&secret.hex);
    // The marker stays in memory. If the search finds it, the search works.
    let marker = "stays-until-the-end-of-the-process";
    let hex_marker = hex::encode(marker);
    let needles: Vec<_> = secret.needles.iter().chain([&hex_marker]).collect();
    for end in ["disconnects", "is terminated"] {
        let mut db = server.connect();
        db.batch_execute(&format!("SET application_name = '{marker}'")).unwrap();
        use_ring(&mut db);
        let pid = pid(&mut db);
        assert!(assert_locked(&places(pid, &needles[..3])) >= 2);
        let watch = Watch::new(pid, &needles);
        if end == "disconnects" {
            drop(db);
        } else {
            let terminate = "SELECT pg_terminate_backend($1)";
            assert!(server.db.query_one(terminate, &[&pid]).unwrap().get::<_, bool>(0));
        }
        let found = watch.places();
        assert!(count(&found, &hex_marker) > 0, "{end}: {found}");
        for needle in &secret.needles {
            assert_eq!(count(&found, needle), 0, "a backend that {end}: {found}");
        }
    }
}
