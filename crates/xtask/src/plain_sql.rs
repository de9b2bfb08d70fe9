//! The tables as one plain SQL file, for a database that cannot have the extension.

use std::{fs, path::PathBuf};

use crate::{repository, toolchain::workspace_version, Context, Error, Result};

/// The files below `sql/` that need no extension, each after those it builds on.
const FILES: [&str; 8] = [
    "users.sql",
    "va_tokens.sql",
    "sessions.sql",
    "auth_audit.sql",
    "keyed_ip_hashes.sql",
    "plain_guard.sql",
    "append_only.sql",
    "plain_privileges.sql",
];

/// What only an extension's script can hold.
const EXTENSION_ONLY: [&str; 2] = ["@extschema@", "pg_extension_config_dump"];

/// The file's text.
///
/// # Errors
/// If a file cannot be read, or needs the extension after all.
pub fn text() -> Result<String> {
    let version = workspace_version()?;
    let mut text = format!(
        "-- The tables of vetassist {version}, for a database that cannot have the extension: the same tables,
-- indexes and comments, and the same guard of the audit trail. `cargo xtask sql` writes this from sql/.
--
-- Run it as the role that is to own the tables, whole or not at all; the first schema of search_path gets them:
--
--     psql -X -1 -v ON_ERROR_STOP=1 -f vetassist.sql
--
-- Run again, it changes nothing. Tables of these names that were there before stay as they are, so have the
-- outcome checked. If the same role later runs CREATE EXTENSION vetassist, it takes them over with their data.
"
    );
    for name in FILES {
        let path = repository().join("sql").join(name);
        let part = fs::read_to_string(&path).context(format!("cannot read {}", path.display()))?;
        if let Some(word) = EXTENSION_ONLY.iter().find(|word| part.contains(**word)) {
            return Err(Error::new(format!("sql/{name} needs the extension: it has {word}")));
        }
        text += "\n";
        text += &part;
    }
    Ok(text)
}

/// Writes it to `target/vetassist.sql`, and says where that is.
///
/// # Errors
/// As [`text`], or if it cannot be written.
pub fn write() -> Result<PathBuf> {
    let folder = repository().join("target");
    fs::create_dir_all(&folder).context(format!("cannot create {}", folder.display()))?;
    let path = folder.join("vetassist.sql");
    fs::write(&path, text()?).context(format!("cannot write {}", path.display()))?;
    Ok(path)
}
