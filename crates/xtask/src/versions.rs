//! Whether the version is the same wherever it is stated. What is built is looked at where it is built.

use std::fs;

use xtask::{
    command::{capture, command, run},
    repository,
    toolchain::workspace_version,
    Context, Error, Result,
};

/// Each file, and the beginnings of the lines in it that state the version, which follows.
const STATED: [(&str, &[&str]); 4] = [
    (
        "Cargo.toml",
        &["version = \"", "vetassist-core = { path = \"crates/vetassist-core\", version = \""],
    ),
    ("crates/vetassist-wasm/npm/package.json", &["  \"version\": \""]),
    (
        "crates/vetassist-wasm/npm/package-lock.json",
        &["  \"version\": \"", "      \"version\": \""],
    ),
    // The extension's is that of its crate.
    ("crates/vetassist-pg/vetassist.control", &["default_version = '"]),
];

const INHERITED: &str = "version.workspace = true";

/// Looks at all of them, and says how many there are.
pub(crate) fn agree() -> Result<u64> {
    let version = workspace_version()?;
    let mut checked = 0;
    for (name, beginnings) in STATED {
        let text = read(name)?;
        for beginning in beginnings {
            stated(&text, beginning, &version)
                .map_err(|what| Error::new(format!("{name}: {what}")))?;
            checked += 1;
        }
    }
    // Every crate takes the workspace's, and the lock file knows it.
    let lock = read("Cargo.lock")?;
    for member in members(&read("Cargo.toml")?) {
        let name = format!("{member}/Cargo.toml");
        let manifest = read(&name)?;
        if !manifest.lines().any(|line| line == INHERITED) {
            return Err(Error::new(format!("{name}: it lacks `{INHERITED}`")));
        }
        let package = manifest.lines().find(|line| line.starts_with("name = ")).unwrap_or_default();
        if !lock.contains(&format!("\n{package}\nversion = \"{version}\"\n")) {
            return Err(Error::new(format!("Cargo.lock has another version for {package}")));
        }
        checked += 2;
    }
    let changelog = read("CHANGELOG.md")?;
    let newest = changelog.lines().find_map(|line| line.strip_prefix("## ")).unwrap_or_default();
    if newest != "Next release" && newest.split_whitespace().next() != Some(&version) {
        return Err(Error::new(format!("CHANGELOG.md begins with {newest} and not {version}")));
    }
    Ok(checked + 1 + released()?)
}

/// Checksums of the scripts that were released, as sha256sum writes them.
const RELEASED: &str = "sql/released/released.sha256";

/// Whether the scripts of released versions are as they were: databases were made by them. A release adds its own
/// two, how one installs it and how one comes to it from the version before, and changes no line.
fn released() -> Result<u64> {
    let list = read(RELEASED)?;
    let entries = fs::read_dir(repository().join("sql/released")).context("cannot read sql")?;
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let names: Vec<_> = names.filter(|name| name.starts_with("vetassist--")).collect();
    if let Some(unlisted) = unlisted(&names, &list) {
        return Err(Error::new(format!(
            "{RELEASED} lacks {unlisted}: (cd sql/released && sha256sum {unlisted} >> released.sha256)"
        )));
    }
    let mut check = command("sha256sum");
    check.current_dir(repository().join("sql/released"));
    run(check.args(["--check", "--strict", "--quiet", "released.sha256"]))?;
    // The list itself only ever grew, as far as this clone knows.
    let history = ["log", "--format=", "--patch", "--unified=0", "--", RELEASED];
    let history = capture(command("git").args(history))?;
    if let Some(line) =
        history.lines().find(|line| line.starts_with('-') && !line.starts_with("---"))
    {
        return Err(Error::new(format!("{RELEASED} once had another line: {}", &line[1..])));
    }
    Ok(list.lines().count() as u64)
}

/// A script of a released version that has no checksum. A version is released if its installation script is kept.
fn unlisted<'a>(names: &'a [String], list: &str) -> Option<&'a str> {
    let versions = |name: &'a str| {
        let versions = name.strip_prefix("vetassist--")?.strip_suffix(".sql")?;
        Some(versions.split("--").collect::<Vec<_>>())
    };
    let is_released = |version: &str| names.contains(&format!("vetassist--{version}.sql"));
    names.iter().map(String::as_str).find(|name| {
        let known = list.lines().any(|line| line.split_whitespace().nth(1) == Some(name));
        !known && versions(name).is_some_and(|of| of.last().is_some_and(|last| is_released(last)))
    })
}

fn read(name: &str) -> Result<String> {
    fs::read_to_string(repository().join(name)).context(format!("cannot read {name}"))
}

/// The first line that begins so must go on with the version.
fn stated(text: &str, beginning: &str, version: &str) -> std::result::Result<(), String> {
    let rest = text
        .lines()
        .find_map(|line| line.strip_prefix(beginning))
        .ok_or_else(|| format!("no line begins with `{beginning}`"))?;
    let found = rest.split(['"', '\'']).next().unwrap_or_default();
    if found == version || found == "@CARGO_VERSION@" {
        Ok(())
    } else {
        Err(format!("`{beginning}{found}` and not {version}"))
    }
}

/// The folders of the workspace's crates.
fn members(manifest: &str) -> Vec<&str> {
    manifest
        .lines()
        .skip_while(|line| !line.starts_with("members = ["))
        .skip(1)
        .take_while(|line| !line.starts_with(']'))
        .filter_map(|line| line.split('"').nth(1))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_is_found_out() {
        assert_eq!(stated("a\nversion = \"1.2.3\"\n", "version = \"", "1.2.3"), Ok(()));
        assert_eq!(stated("v = '@CARGO_VERSION@'", "v = '", "1.2.3"), Ok(()));
        assert!(stated("version = \"1.2.30\"", "version = \"", "1.2.3").is_err());
        assert!(stated("version = \"1.2\"\nversion = \"1.2.3\"", "version = \"", "1.2.3").is_err());
        assert!(stated("", "version = \"", "1.2.3").is_err());
    }

    #[test]
    fn a_released_script_needs_a_checksum() {
        let names =
            ["vetassist--1.sql", "vetassist--1--2.sql", "vetassist--0--1.sql"].map(String::from);
        assert_eq!(unlisted(&names, "ab  vetassist--1.sql\nab  vetassist--0--1.sql"), None);
        assert_eq!(unlisted(&names, "ab  vetassist--1.sql"), Some("vetassist--0--1.sql"));
        assert_eq!(unlisted(&names, "ab  vetassist--0--1.sql"), Some("vetassist--1.sql"));
    }

    #[test]
    fn the_members_are_those_of_the_list() {
        let manifest = "[workspace]\nmembers = [\n    \"a\",\n    \"b/c\",\n]\nexclude = [\"d\"]\n";
        assert_eq!(members(manifest), ["a", "b/c"]);
    }
}
