//! Finds the repository.

use std::path::Path;

/// Returns the repository's top folder.
pub(crate) fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
