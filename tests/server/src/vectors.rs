//! Reads the reference vectors.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

/// Returns the repository's top folder.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// Returns a group of the reference vectors.
#[must_use]
pub fn vectors(group: &str) -> Vec<Value> {
    vectors_of("reference.json", group)
}

/// Returns a group of a file of vectors.
#[must_use]
pub fn vectors_of(file: &str, group: &str) -> Vec<Value> {
    let text = fs::read_to_string(repository().join("tests/vectors").join(file)).unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    let cases = all[group].as_array().unwrap().clone();
    assert!(!cases.is_empty());
    cases
}
