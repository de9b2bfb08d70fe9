//! The version of the library.

use pgrx::pg_extern;

/// The version of the installed library.
#[pg_extern(stable, strict, parallel_safe, sql = false)]
fn vetassist_version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
