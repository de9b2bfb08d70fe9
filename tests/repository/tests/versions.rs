//! The version is the same wherever it is stated, and what was released stays as it was.
#![allow(clippy::unwrap_used)]

use vetassist_repository_tests::shell;
use xshell::cmd;

/// The version of the workspace.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Each file, and the beginnings of the lines in it that state the version, which follows.
const STATED: [(&str, &[&str]); 3] = [
    ("crates/vetassist-wasm/npm/package.json", &["  \"version\": \""]),
    (
        "crates/vetassist-wasm/npm/package-lock.json",
        &["  \"version\": \"", "      \"version\": \""],
    ),
    // Filled in where it is installed.
    ("crates/vetassist-pg/vetassist.control", &["default_version = '"]),
];

/// Checksums of the scripts that were released, as sha256sum writes them.
const RELEASED: &str = "released.sha256";

#[test]
fn the_version_is_the_workspaces_wherever_it_is_stated() {
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
fn every_crate_takes_the_workspaces_version() {
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

/// Databases were made by them. A release adds its own two, how one installs it and how one comes to it from the version
/// before, and changes no line.
#[test]
fn the_scripts_of_released_versions_are_as_they_were() {
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
    // The list itself only ever grew, as far as this clone knows.
    let history = cmd!(sh, "git log --format= --patch --unified=0 -- {RELEASED}").read().unwrap();
    let gone = history.lines().find(|line| line.starts_with('-') && !line.starts_with("---"));
    assert_eq!(gone, None, "a line that {RELEASED} once had");
}
