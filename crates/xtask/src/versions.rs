//! Compares the version wherever it is stated. What is built is looked at where it is built.

use anyhow::{ensure, Context, Result};
use xshell::{cmd, Shell};

use crate::{setup::Tools, workspace::version};

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

/// Looks at all of them, and says how many there are.
pub(crate) fn agree(tools: &Tools) -> Result<u64> {
    let (sh, version) = (&tools.sh, version()?);
    let mut checked = 0;
    for (name, beginnings) in STATED {
        let text = sh.read_file(name)?;
        for beginning in beginnings {
            let found =
                stated(&text, beginning).with_context(|| format!("{name}: {beginning}?"))?;
            let agrees = found == version || found == "@CARGO_VERSION@";
            ensure!(agrees, "{name}: {beginning}{found} and not {version}");
            checked += 1;
        }
    }
    let metadata = tools.cargo("metadata --no-deps --format-version 1").read()?;
    let members: Vec<_> = members(&metadata).collect();
    ensure!(members.len() > 1, "cargo metadata names no crates");
    for member in &members {
        ensure!(member.ends_with(&version), "{member} lacks `version.workspace = true`");
    }
    let changelog = sh.read_file("CHANGELOG.md")?;
    let newest = changelog.lines().find_map(|line| line.strip_prefix("## ")).unwrap_or_default();
    ensure!(
        newest == "Next release" || newest.split_whitespace().next() == Some(&version),
        "CHANGELOG.md begins with {newest} and not {version}"
    );
    Ok(checked + members.len() as u64 + 1 + released(sh)?)
}

/// Returns what follows this beginning in the first line that has it, up to the quote.
fn stated<'a>(text: &'a str, beginning: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(beginning))?.split(['"', '\'']).next()
}

/// Returns the name and version of each crate of the workspace, as cargo's ids end.
fn members(metadata: &str) -> impl Iterator<Item = &str> {
    let ids = metadata.split("\"id\":\"path+").skip(1);
    ids.filter_map(|rest| rest.split('"').next()?.rsplit('/').next())
}

/// Checks that the scripts of released versions are as they were: databases were made by them. A release adds its own
/// two, how one installs it and how one comes to it from the version before, and changes no line.
fn released(sh: &Shell) -> Result<u64> {
    let _folder = sh.push_dir("sql/released");
    let list = sh.read_file(RELEASED)?;
    for path in sh.read_dir(".")? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let listed = list.lines().any(|line| line.split_whitespace().nth(1) == Some(&name));
        ensure!(
            listed || name == RELEASED,
            "{RELEASED} lacks {name}: (cd sql/released && sha256sum {name} >> {RELEASED})"
        );
    }
    cmd!(sh, "sha256sum --check --strict --quiet {RELEASED}").quiet().run()?;
    // The list itself only ever grew, as far as this clone knows.
    let history = cmd!(sh, "git log --format= --patch --unified=0 -M -- {RELEASED}").read()?;
    let gone = history.lines().find(|line| line.starts_with('-') && !line.starts_with("---"));
    ensure!(gone.is_none(), "{RELEASED} once had another line: {gone:?}");
    Ok(list.lines().count() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_where_they_are_stated() {
        assert_eq!(stated("a\nversion = \"1.2.3\"\n", "version = \""), Some("1.2.3"));
        assert_eq!(stated("v = '@CARGO_VERSION@'", "v = '"), Some("@CARGO_VERSION@"));
        assert_eq!(stated("", "version = \""), None);
        let metadata =
            r#"{"id":"path+file:///a/b#c@1.2","x":1},{"id":"path+file:///a/d#1.3","y":2}"#;
        assert_eq!(members(metadata).collect::<Vec<_>>(), ["b#c@1.2", "d#1.3"]);
    }
}
