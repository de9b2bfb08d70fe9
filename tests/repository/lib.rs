//! A shell for the tests of what is committed.

use std::path::Path;

use xshell::Shell;

/// Returns a shell in the repository's top folder.
///
/// # Panics
/// If there is no such folder.
#[must_use]
pub fn shell() -> Shell {
    let sh = Shell::new().expect("the current folder is there");
    sh.change_dir(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")));
    sh
}
