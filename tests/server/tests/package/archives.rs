//! The source, what PGXN takes, and the list of parts.

use std::{fs, process::Command};

use pg_scratch::capture;
use serde_json::Value;

use crate::{file_of, release};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The fields that version 1.0.0 of PGXN's specification requires.
const REQUIRED: [&str; 7] =
    ["name", "version", "abstract", "maintainer", "license", "provides", "meta-spec"];

fn unzip(name: &str) -> String {
    let mut unzip = Command::new("unzip");
    unzip
        .arg("-p")
        .arg(file_of(&release(), ".pgxn.zip"))
        .arg(format!("vetassist-{VERSION}/{name}"));
    capture(&mut unzip).unwrap()
}

#[test]
fn pgxn_finds_what_it_requires() {
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

#[test]
fn the_source_is_what_is_committed() {
    let archive = file_of(&release(), &format!("vetassist-{VERSION}.tar.gz"));
    let list = capture(Command::new("tar").arg("-tzf").arg(archive)).unwrap();
    let committed = capture(
        Command::new("git").args(["ls-tree", "-r", "--name-only", "HEAD"]).current_dir("../.."),
    )
    .unwrap();
    let mut archived: Vec<_> = list
        .lines()
        .filter(|line| !line.ends_with('/'))
        .map(|line| line.split_once('/').unwrap().1)
        .collect();
    archived.sort_unstable();
    let mut committed: Vec<_> = committed.lines().collect();
    committed.sort_unstable();
    assert_eq!(archived, committed);
}

/// It has what is linked, and not what tests or builds take.
#[test]
fn the_list_of_parts_has_what_is_linked() {
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
