//! Checks what the scripts for PostgreSQL are written with.
#![allow(clippy::unwrap_used)]

use vetassist_repository_tests::shell;
use xshell::cmd;

#[test]
fn a_backslash_stands_only_in_an_escape_string() {
    // The setting standard_conforming_strings of a caller changes what a backslash in another string means.
    let sh = shell();
    let files = cmd!(sh, "git ls-files -- sql/*.sql :!sql/released/").quiet().read().unwrap();
    assert!(files.lines().count() > 80);
    for path in files.lines() {
        for line in sh.read_file(path).unwrap().lines() {
            assert!(!line.contains('\\') || line.contains("E'"), "{path}: {line}");
        }
    }
}
