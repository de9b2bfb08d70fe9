//! The installation of PostgreSQL in which the tests run.

use std::{fs, sync::OnceLock};

use pg_scratch::Scratch;

/// Returns the installation that the environment names.
#[must_use]
pub fn scratch() -> &'static Scratch {
    static SCRATCH: OnceLock<Scratch> = OnceLock::new();
    SCRATCH.get_or_init(|| Scratch::from_env().unwrap())
}

/// Returns the plain file, as `cargo xtask sql` writes it.
#[must_use]
pub fn plain_sql() -> String {
    fs::read_to_string(scratch().root().join("vetassist.sql")).unwrap()
}
