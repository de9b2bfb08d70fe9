//! Assembles the scripts of the extension, and the plain file, from the files in `sql/`.
//!
//! Each file names in its head the files that it requires (`-- requires: tables/users.sql functions/`; a folder stands for
//! all its files), and those whose objects it stands for (`-- provides: …`). A script is a root file with everything that
//! it requires before it.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

use crate::{repository, toolchain::workspace_version, Context, Error, Result};

/// The version that upgrades begin at. Older ones get there by released scripts.
const UPGRADED_FROM: &str = "0.2.0";

/// The placeholder that PostgreSQL replaces by the extension's schema.
const SCHEMA: &str = "@extschema@.";

/// Returns every script to install, each with its file name: the installation, the upgrade, and those of the versions
/// before.
///
/// # Errors
/// If a file cannot be read, requires itself, or names a file that is not there.
pub fn scripts() -> Result<Vec<(String, String)>> {
    let version = workspace_version()?;
    let guard = "\\echo Use \"CREATE EXTENSION vetassist\" to load this file. \\quit\n";
    let mut scripts = vec![
        (
            format!("vetassist--{version}.sql"),
            format!("{guard}\n{}", assemble("extension/install.sql")?),
        ),
        (
            format!("vetassist--{UPGRADED_FROM}--{version}.sql"),
            format!("{guard}\n{}", assemble("extension/upgrade.sql")?),
        ),
    ];
    for name in files_of("released")? {
        scripts.push((name.trim_start_matches("released/").to_owned(), read(&name)?));
    }
    Ok(scripts)
}

/// Returns the plain file: the tables for a database that cannot have the extension.
///
/// # Errors
/// As [`scripts`], or if a part needs the extension.
pub fn plain() -> Result<String> {
    let version = workspace_version()?;
    let text = assemble("plain/install.sql")?.replace(SCHEMA, "");
    for word in ["@extschema", "pg_extension_config_dump", "MODULE_PATHNAME"] {
        if text.contains(word) {
            return Err(Error::new(format!("the plain file needs the extension: it has {word}")));
        }
    }
    Ok(format!(
        "-- The tables of vetassist {version}, for a database that cannot have the extension: the same tables,
-- indexes and comments, and the same guard of the audit trail. `cargo xtask sql` writes this from sql/.
--
-- Run it as the role that is to own the tables, whole or not at all; the first schema of search_path gets them:
--
--     psql -X -1 -v ON_ERROR_STOP=1 -f vetassist.sql
--
-- Run again, it changes nothing. Tables of these names that were there before stay as they are, so have the
-- outcome checked. If the same role later runs CREATE EXTENSION vetassist, it takes them over with their data.

{text}"
    ))
}

/// Writes the plain file to `target/vetassist.sql` and returns its path.
///
/// # Errors
/// As [`plain`], or if it cannot be written.
pub fn write_plain() -> Result<PathBuf> {
    let folder = repository().join("target");
    fs::create_dir_all(&folder).context(format!("cannot create {}", folder.display()))?;
    let path = folder.join("vetassist.sql");
    fs::write(&path, plain()?).context(format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// Joins a root file and all that it requires, each once, what is required first.
fn assemble(root: &str) -> Result<String> {
    let mut script = Script::default();
    script.add(root)?;
    Ok(script.text)
}

#[derive(Default)]
struct Script {
    text: String,
    /// The files that are in it or need not be.
    done: HashSet<String>,
    /// The files whose requirements are being added.
    open: Vec<String>,
}

impl Script {
    fn add(&mut self, name: &str) -> Result<()> {
        if self.open.iter().any(|open| open == name) {
            return Err(Error::new(format!("sql/{name} requires itself by way of others")));
        }
        if !self.done.insert(name.to_owned()) {
            return Ok(());
        }
        let part = read(name)?;
        self.done.extend(named(&part, "-- provides: "));
        self.open.push(name.to_owned());
        for required in named(&part, "-- requires: ") {
            match required.strip_suffix('/') {
                Some(folder) => files_of(folder)?.iter().try_for_each(|file| self.add(file))?,
                None => self.add(&required)?,
            }
        }
        self.open.pop();
        self.text += part.trim_end();
        self.text += "\n\n";
        Ok(())
    }
}

/// The files that the head of a file names behind a word.
fn named(part: &str, word: &str) -> Vec<String> {
    let head = part.lines().take_while(|line| line.starts_with("--"));
    let lists = head.filter_map(|line| line.strip_prefix(word));
    lists.flat_map(str::split_whitespace).map(str::to_owned).collect()
}

/// The SQL files of a folder below `sql/`, by name.
fn files_of(folder: &str) -> Result<Vec<String>> {
    let path = repository().join("sql").join(folder);
    let entries = fs::read_dir(&path).context(format!("cannot read {}", path.display()))?;
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<_> = names
        .filter(|name| Path::new(name).extension().is_some_and(|end| end == "sql"))
        .map(|name| format!("{folder}/{name}"))
        .collect();
    names.sort();
    Ok(names)
}

fn read(name: &str) -> Result<String> {
    let path = repository().join("sql").join(name);
    fs::read_to_string(&path).context(format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_alone_names_files() {
        let part =
            "-- Users.\n--\n-- requires: a.sql b/\n-- requires: c.sql\n\n-- requires: d.sql\n";
        assert_eq!(named(part, "-- requires: "), ["a.sql", "b/", "c.sql"]);
        assert_eq!(named(part, "-- provides: "), [""; 0]);
    }

    #[test]
    fn every_file_is_in_a_script() -> Result<()> {
        let scripts: String = scripts()?.into_iter().map(|(_, text)| text).collect();
        let all = (scripts + &plain()?).replace(SCHEMA, "");
        for folder in ["tables", "functions", "extension", "plain"] {
            for name in files_of(folder)? {
                let part = read(&name)?.replace(SCHEMA, "");
                assert!(all.contains(part.trim_end()), "{name}");
            }
        }
        Ok(())
    }
}
