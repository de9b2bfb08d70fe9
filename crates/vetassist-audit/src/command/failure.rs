//! Failures that end a command with exit code 2.

use std::{fmt::Display, path::Path};

/// Says what could not be done; it ends with exit code 2.
#[derive(Debug)]
pub(super) struct Failure(pub(super) String);

/// Says what could not be done, and to which file.
pub(super) fn at<E: Display>(path: &Path) -> impl FnOnce(E) -> Failure + '_ {
    move |error| Failure(format!("{}: {error}", path.display()))
}

/// Says what could not be done.
pub(super) fn failure(error: impl Display) -> Failure {
    Failure(error.to_string())
}
