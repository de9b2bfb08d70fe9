//! Whether the version is the same wherever it is stated. What is built is looked at where it is built.

use std::fs;

use xtask::{repository, toolchain::workspace_version, Context, Error, Result};

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
    Ok(checked + 1)
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
    fn the_members_are_those_of_the_list() {
        let manifest = "[workspace]\nmembers = [\n    \"a\",\n    \"b/c\",\n]\nexclude = [\"d\"]\n";
        assert_eq!(members(manifest), ["a", "b/c"]);
    }
}
