//! The version of the library.

use pgrx::pg_extern;

use crate::{errors::SqlResult, values::TextResult};

/// Returns the version of the installed library.
#[pg_extern(stable, strict, parallel_safe, sql = false)]
fn vetassist_version() -> SqlResult<TextResult> {
    Ok(TextResult::of(env!("CARGO_PKG_VERSION"))?)
}
