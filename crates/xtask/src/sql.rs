//! Assembles the scripts of the extension, and the plain file, from the files in `sql/`.
//!
//! A script is a root file with all files that it requires before it. The head of a file may have these lines:
//! `-- requires: tables/users.sql functions/` names the files that it requires, where a folder stands for all its files;
//! `-- provides: …` names files that it replaces; `-- unless present: …` names a table: the file does nothing if that table
//! exists; `-- makes: …` names objects that it creates without a statement of their own. In a script, `'@tables@'` stands
//! for the names of the tables that it creates or that exist already, `'@relations@'` and `'@event_triggers@'` for the
//! names of these objects, and `'@functions@'` for the signatures of its functions.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{bail, Context, Result};

use crate::workspace::{target, top, VERSION};

/// The version that the upgrade script begins at. Older versions first run released scripts.
const UPGRADED_FROM: &str = "0.2.0";

/// The placeholder that PostgreSQL replaces by the extension's schema.
const SCHEMA: &str = "@extschema@.";

/// Returns every script of the extension with its file name: the installation, the upgrade, and the scripts of earlier
/// versions.
pub(crate) fn scripts() -> Result<Vec<(String, String)>> {
    let guard = "\\echo Use \"CREATE EXTENSION vetassist\" to load this file. \\quit\n";
    let mut scripts = vec![
        (
            format!("vetassist--{VERSION}.sql"),
            format!("{guard}\n{}", Script::of("extension/install.sql")?.text()),
        ),
        (
            format!("vetassist--{UPGRADED_FROM}--{VERSION}.sql"),
            format!("{guard}\n{}", Script::of("extension/upgrade.sql")?.text()),
        ),
    ];
    for name in files_of("released")? {
        scripts.push((name.trim_start_matches("released/").to_owned(), read(&name)?));
    }
    Ok(scripts)
}

/// Returns the plain file, for a database that cannot have the extension.
pub(crate) fn plain() -> Result<String> {
    let text = Script::of("plain/install.sql")?.text();
    for word in ["pg_extension_config_dump", "MODULE_PATHNAME"] {
        if text.contains(word) {
            bail!("the plain file needs the extension: it has {word}");
        }
    }
    // The file replaces only a whole literal, or a name without quotes, by the schema's name.
    if text.contains("'@extschema@.") {
        bail!("in a literal of the plain file, the schema must stand alone");
    }
    let (before, after) = (read("plain/before.txt")?, read("plain/after.txt")?);
    Ok(format!("{before}\n{text}{after}").replace("@version@", VERSION))
}

/// Writes the plain file to `target/vetassist.sql` and returns its path.
pub(crate) fn write_plain() -> Result<PathBuf> {
    let folder = target();
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let path = folder.join("vetassist.sql");
    fs::write(&path, plain()?).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

#[derive(Default)]
struct Script {
    parts: Vec<String>,
    /// The files that were added, or that another file replaces.
    done: HashSet<String>,
    /// The files whose requirements are being added.
    open: Vec<String>,
    /// The names of the objects that it creates, by kind.
    tables: Vec<String>,
    relations: Vec<String>,
    functions: Vec<String>,
    event_triggers: Vec<String>,
}

impl Script {
    /// Joins a root file and all files that it requires. Each file is added once, after those that it requires.
    fn of(root: &str) -> Result<Self> {
        let mut script = Self::default();
        script.add(root)?;
        Ok(script)
    }

    fn add(&mut self, name: &str) -> Result<()> {
        if self.open.iter().any(|open| open == name) {
            bail!("sql/{name} requires itself by way of others");
        }
        if !self.done.insert(name.to_owned()) {
            return Ok(());
        }
        let part = read(name)?;
        for provided in named(&part, "-- provides: ") {
            // The tables of the replaced file exist already.
            let mut there = Self::default();
            there.note_names(&read(&provided)?);
            self.tables.extend(there.tables);
            self.done.insert(provided);
        }
        self.open.push(name.to_owned());
        for required in named(&part, "-- requires: ") {
            match required.strip_suffix('/') {
                Some(folder) => files_of(folder)?.iter().try_for_each(|file| self.add(file))?,
                None => self.add(&required)?,
            }
        }
        self.open.pop();
        self.note_names(&part);
        self.parts.push(match &named(&part, "-- unless present: ")[..] {
            [] => part,
            tables => unless_present(&part, &tables.concat()),
        });
        Ok(())
    }

    /// Records the objects that a file creates. A statement begins at the beginning of a line, which has the name.
    fn note_names(&mut self, part: &str) {
        self.relations.extend(named(part, "-- makes: "));
        let mut rest = part;
        while let Some((line, after)) = rest.split_once('\n') {
            let words: Vec<_> = line
                .split(['(', ' '])
                .filter(|word| !["OR", "REPLACE", "UNIQUE", SCHEMA].contains(word))
                .collect();
            let own = |name: &str| name.trim_start_matches(SCHEMA).to_owned();
            match words[..] {
                ["CREATE", "TABLE", name, ..] => {
                    self.tables.push(own(name));
                    self.relations.push(own(name));
                }
                ["CREATE", "INDEX", name, ..] => self.relations.push(own(name)),
                ["CREATE", "EVENT", "TRIGGER", name, ..] => self.event_triggers.push(own(name)),
                ["CREATE", "FUNCTION" | "PROCEDURE", name, ..] => {
                    self.functions.push(format!("{}({})", own(name), argument_types(rest)));
                }
                _ => {}
            }
            rest = after;
        }
    }

    /// Returns the text of the script, with the lists of names in place of the placeholders.
    fn text(&self) -> String {
        let mut text = String::new();
        for part in &self.parts {
            text += part.trim_end();
            text += "\n\n";
        }
        for (placeholder, names) in [
            ("'@tables@'", &self.tables),
            ("'@relations@'", &self.relations),
            ("'@functions@'", &self.functions),
            ("'@event_triggers@'", &self.event_triggers),
        ] {
            let mut quoted: Vec<_> = names.iter().map(|name| format!("'{name}'")).collect();
            quoted.dedup();
            let list = if quoted.is_empty() { "''".to_owned() } else { quoted.join(", ") };
            text = text.replace(placeholder, &list);
        }
        text
    }
}

/// Returns the types of a function's arguments. Each argument is a name, a type and perhaps a default.
fn argument_types(declaration: &str) -> String {
    let mut depth = 0;
    let mut list = String::new();
    for letter in declaration.chars() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 && !list.is_empty() {
            break;
        }
        // Deeper parentheses belong to a default.
        if depth == 1 {
            list.push(letter);
        }
    }
    let arguments = list.trim_start_matches('(').split(',');
    let types = arguments.filter_map(|argument| {
        let (declared, _) = argument.split_once(" DEFAULT ").unwrap_or((argument, ""));
        let declared = declared.trim();
        // An OUT argument is not part of the signature.
        let taken = declared.strip_prefix("INOUT ").unwrap_or(declared);
        (!taken.starts_with("OUT ")).then_some(taken.split_once(' ')?.1.to_owned())
    });
    types.collect::<Vec<_>>().join(", ")
}

/// Wraps a file so that it does nothing if a table exists already, adopted or created by an earlier run.
fn unless_present(part: &str, table: &str) -> String {
    let (head, body) = part.split_once("\n\n").unwrap_or(("", part));
    format!(
        "{head}

DO $unless_present$
BEGIN
IF to_regclass('@extschema@' || '.{table}') IS NULL THEN

{}

END IF;
END
$unless_present$;",
        body.trim()
    )
}

/// Returns the names that follow a word in the head of a file.
fn named(part: &str, word: &str) -> Vec<String> {
    let head = part.lines().take_while(|line| line.starts_with("--"));
    let lists = head.filter_map(|line| line.strip_prefix(word));
    lists.flat_map(str::split_whitespace).map(str::to_owned).collect()
}

/// Returns the SQL files of a folder below `sql/`, in the order of their names.
fn files_of(folder: &str) -> Result<Vec<String>> {
    let path = top().join("sql").join(folder);
    let entries = fs::read_dir(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<_> = names
        .filter(|name| Path::new(name).extension().is_some_and(|end| end == "sql"))
        .map(|name| format!("{folder}/{name}"))
        .collect();
    names.sort();
    Ok(names)
}

fn read(name: &str) -> Result<String> {
    let path = top().join("sql").join(name);
    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_head_of_a_file_names_other_files() {
        let part =
            "-- Users.\n--\n-- requires: a.sql b/\n-- requires: c.sql\n\n-- requires: d.sql\n";
        assert_eq!(named(part, "-- requires: "), ["a.sql", "b/", "c.sql"]);
        assert_eq!(named(part, "-- provides: "), [""; 0]);
    }

    #[test]
    fn every_file_is_part_of_a_script() -> Result<()> {
        let roots = ["extension/install.sql", "extension/upgrade.sql", "plain/install.sql"];
        let mut done = HashSet::new();
        for root in roots {
            done.extend(Script::of(root)?.done);
        }
        for folder in ["tables", "functions", "extension", "plain"] {
            for name in files_of(folder)? {
                assert!(done.contains(&name), "{name}");
            }
        }
        Ok(())
    }

    #[test]
    fn no_script_has_if_not_exists_or_a_placeholder() -> Result<()> {
        let mut texts = vec![plain()?];
        texts.extend(scripts()?.into_iter().map(|(_, text)| text).take(2));
        for text in texts {
            assert!(!text.contains("NOT EXISTS @") && !text.contains("CREATE TABLE IF"));
            assert!(!text.contains("IF NOT EXISTS idx"));
            for placeholder in ["@tables@", "@relations@", "@functions@", "@event_triggers@"] {
                assert!(!text.contains(placeholder), "{placeholder}");
            }
        }
        Ok(())
    }

    #[test]
    fn a_script_records_the_names_of_the_objects_that_it_creates() {
        let mut script = Script::default();
        script.note_names(
            "-- A table.\n-- makes: s\n\nCREATE TABLE @extschema@.t (\nCREATE UNIQUE INDEX i ON t (c);\n    CREATE TABLE inner (
CREATE OR REPLACE FUNCTION @extschema@.f(\n    a int,\n    b timestamptz DEFAULT now(),\n    INOUT c text[] DEFAULT '{}',\n    OUT d int\n) RETURNS SETOF record (
CREATE OR REPLACE PROCEDURE @extschema@.p() LANGUAGE sql\nCREATE EVENT TRIGGER e ON x\n",
        );
        assert_eq!(script.tables, ["t"]);
        assert_eq!(script.relations, ["s", "t", "i"]);
        assert_eq!(script.functions, ["f(int, timestamptz, text[])", "p()"]);
        assert_eq!(script.event_triggers, ["e"]);
    }
}
