//! Checks that every file states the same version, and that released scripts are unchanged.
#![allow(clippy::unwrap_used)]

use vetassist_repository_tests::shell;
use xshell::cmd;

/// The version of the workspace.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Each file, and the text before the version in the lines that state it.
const STATED: [(&str, &[&str]); 3] = [
    ("crates/vetassist-wasm/npm/package.json", &["  \"version\": \""]),
    (
        "crates/vetassist-wasm/npm/package-lock.json",
        &["  \"version\": \"", "      \"version\": \""],
    ),
    // The installation fills the version in.
    ("crates/vetassist-pg/vetassist.control", &["default_version = '"]),
];

/// Checksums of the scripts that were released, as sha256sum writes them.
const RELEASED: &str = "released.sha256";

#[test]
fn every_stated_version_is_that_of_the_workspace() {
    let sh = shell();
    for (name, beginnings) in STATED {
        let text = sh.read_file(name).unwrap();
        for beginning in beginnings {
            let rest = text.lines().find_map(|line| line.strip_prefix(beginning));
            let found = rest.unwrap().split(['"', '\'']).next().unwrap();
            assert!([VERSION, "@CARGO_VERSION@"].contains(&found), "{name}: {beginning}{found}");
        }
    }
}

#[test]
fn every_crate_has_the_version_of_the_workspace() {
    let (sh, cargo) = (shell(), env!("CARGO"));
    let metadata = cmd!(sh, "{cargo} metadata --no-deps --format-version 1").read().unwrap();
    let ids = metadata.split("\"id\":\"path+").skip(1);
    let ids: Vec<_> = ids.map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(ids.len() > 5, "{ids:?}");
    for id in ids {
        assert!(id.ends_with(VERSION), "{id} lacks `version.workspace = true`");
    }
}

#[test]
fn the_changelog_begins_with_the_version() {
    let changelog = shell().read_file("CHANGELOG.md").unwrap();
    let newest = changelog.lines().find_map(|line| line.strip_prefix("## ")).unwrap();
    assert!(newest == "Next release" || newest.split(' ').next() == Some(VERSION), "{newest}");
}

/// Databases exist that the scripts made. A release adds two scripts, one that installs it and one that updates from the
/// last version, and changes no line.
#[test]
fn released_scripts_are_unchanged() {
    let sh = shell();
    let _folder = sh.push_dir("sql/released");
    let list = sh.read_file(RELEASED).unwrap();
    for path in sh.read_dir(".").unwrap() {
        let name = path.file_name().unwrap().to_str().unwrap();
        let listed = list.lines().any(|line| line.split_whitespace().nth(1) == Some(name));
        assert!(
            listed || name == RELEASED,
            "{RELEASED} lacks {name}: (cd sql/released && sha256sum {name} >> {RELEASED})"
        );
    }
    cmd!(sh, "sha256sum --check --strict --quiet {RELEASED}").run().unwrap();
    // No line of the list was ever removed in the history that this clone has.
    let history = cmd!(sh, "git log --format= --patch --unified=0 -- {RELEASED}").read().unwrap();
    let gone = history.lines().find(|line| line.starts_with('-') && !line.starts_with("---"));
    assert_eq!(gone, None, "a line was removed from {RELEASED}");
}
