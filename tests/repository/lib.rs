//! A shell and the Markdown pages for the tests of the repository's files.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc)] // a panic fails the test, as it should

mod documents;

use std::path::Path;

use xshell::Shell;

pub use documents::{check_links, documentation, pages, Block, Page};

/// Returns a shell in the repository's top folder.
#[must_use]
pub fn shell() -> Shell {
    let sh = Shell::new().unwrap();
    sh.change_dir(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")));
    sh
}
