//! Compares results with golden files.

use std::{env, fs, path::Path};

use crate::vectors::repository;

/// Asserts that a text equals a golden file of this crate. With `UPDATE_GOLDEN=1` it writes the file instead.
pub fn compare_with_golden(name: &str, found: &str) {
    compare_with_golden_at(&repository().join("tests/server/golden").join(name), found);
}

/// Asserts that a text equals a golden file. With `UPDATE_GOLDEN=1` it writes the file instead.
pub fn compare_with_golden_at(path: &Path, found: &str) {
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, found).unwrap();
        return;
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    for (number, pair) in found.lines().zip(expected.lines()).enumerate() {
        assert_eq!(pair.0, pair.1, "{} line {}", path.display(), number + 1);
    }
    assert_eq!(found, expected, "{}", path.display());
}
