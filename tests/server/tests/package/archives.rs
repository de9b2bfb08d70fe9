//! Tests the source archive, the PGXN archive and the list of parts.

use std::{collections::BTreeSet, fs, process::Command};

use pg_scratch::capture;
use serde_json::Value;

use crate::{file_of, release};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The fields that version 1.0.0 of PGXN's specification requires.
const REQUIRED: [&str; 7] =
    ["name", "version", "abstract", "maintainer", "license", "provides", "meta-spec"];

/// The crates that are released, by the system that they run in.
const LINKED: [(&str, &[&str]); 2] = [
    (
        "x86_64-unknown-linux-gnu",
        &["vetassist-core", "vetassist-pg", "vetassist-audit", "vetassist-py"],
    ),
    (
        "wasm32-unknown-unknown",
        &[
            "vetassist-wasm",
            "vetassist-audit-wasm",
            "vetassist-metadata-wasm",
            "vetassist-schema-wasm",
        ],
    ),
];

fn unzip(name: &str) -> String {
    let mut unzip = Command::new("unzip");
    unzip
        .arg("-p")
        .arg(file_of(&release(), ".pgxn.zip"))
        .arg(format!("vetassist-{VERSION}/{name}"));
    capture(&mut unzip).unwrap()
}

#[test]
fn the_pgxn_archive_has_the_required_fields_and_files() {
    let meta: Value = serde_json::from_str(&unzip("META.json")).unwrap();
    for field in REQUIRED {
        assert!(!meta[field].is_null(), "{field}: {meta}");
    }
    assert_eq!(meta["name"], "vetassist");
    assert_eq!(meta["version"], VERSION);
    assert_eq!(meta["meta-spec"]["version"], "1.0.0");
    assert!(["stable", "testing", "unstable"].iter().any(|one| meta["release_status"] == *one));
    let extension = &meta["provides"]["vetassist"];
    assert_eq!(extension["version"], VERSION);
    for field in ["file", "docfile"] {
        assert!(!unzip(extension[field].as_str().unwrap()).is_empty(), "{field}");
    }
    assert!(unzip("Makefile").contains("\ninstall:\n"));
}

/// The archive states its commit, which may be older than the newest one.
#[test]
fn the_source_archive_has_the_files_of_its_commit() {
    let archive = file_of(&release(), &format!("vetassist-{VERSION}-source.tar.gz"));
    let lines = |script: &str| {
        let mut sh = Command::new("sh");
        sh.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        let text = capture(sh.args(["-euc", script, "sh"]).arg(&archive)).unwrap();
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    let archived = lines("tar -tzf \"$1\" | grep -v '/$' | cut -d / -f 2-");
    let committed =
        lines("git ls-tree -r --name-only \"$(gzip -dc \"$1\" | git get-tar-commit-id)\"");
    assert!(archived.len() > 300, "{archived:?}");
    assert_eq!(archived, committed);
}

/// Crates that only tests or builds use are not in the list.
#[test]
fn the_list_of_parts_has_exactly_the_linked_crates() {
    let text = fs::read_to_string(file_of(&release(), ".cdx.json")).unwrap();
    let list: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(list["bomFormat"], "CycloneDX");
    assert_eq!(list["metadata"]["component"]["version"], VERSION);
    let components = list["components"].as_array().unwrap();
    let find = |name: &str| components.iter().find(|one| one["name"] == name);
    for linked in ["aes-gcm", "hkdf", "pgrx", "clap", "wasm-bindgen", "vetassist-core"] {
        assert!(find(linked).is_some(), "{linked}");
    }
    for other in ["proptest", "bindgen", "serde_derive", "xtask", "windows-sys"] {
        assert!(find(other).is_none(), "{other}");
    }
    let aes = find("aes-gcm").unwrap();
    assert_eq!(aes["licenses"][0]["expression"], "Apache-2.0 OR MIT");
    assert_eq!(aes["hashes"][0]["content"].as_str().unwrap().len(), 64);
}

/// Asks cargo again, for each crate that is released.
#[test]
fn the_list_of_parts_names_every_crate_that_cargo_links() {
    let text = fs::read_to_string(file_of(&release(), ".cdx.json")).unwrap();
    let list: Value = serde_json::from_str(&text).unwrap();
    let components = list["components"].as_array().unwrap();
    let named: BTreeSet<_> =
        components.iter().map(|one| one["bom-ref"].as_str().unwrap()).collect();
    for (target, crates) in LINKED {
        for name in crates {
            let mut cargo = Command::new(env!("CARGO"));
            cargo.args(["tree", "--locked", "--prefix", "none", "--format", "{p}"]);
            cargo.args(["--edges", "normal,no-proc-macro", "--target", target, "--package", name]);
            let tree = capture(&mut cargo).unwrap();
            let linked: BTreeSet<_> = tree
                .lines()
                .map(|line| {
                    let mut words = line.split(' ');
                    let [name, version] = [(); 2].map(|()| words.next().unwrap());
                    format!("{name}@{}", version.trim_start_matches('v'))
                })
                .collect();
            assert!(linked.len() > 1, "{name}: {tree}");
            for one in linked {
                assert!(named.contains(&*one), "{name}: {one} is missing");
            }
        }
    }
}
