//! The installation that the tests run in.

use std::{fs, sync::OnceLock};

use pg_scratch::Scratch;

/// Returns it.
#[must_use]
pub fn scratch() -> &'static Scratch {
    static SCRATCH: OnceLock<Scratch> = OnceLock::new();
    SCRATCH.get_or_init(|| Scratch::from_env().unwrap())
}

/// The plain SQL file, as `cargo xtask sql` writes it.
#[must_use]
pub fn plain_sql() -> String {
    fs::read_to_string(scratch().root().join("vetassist.sql")).unwrap()
}
