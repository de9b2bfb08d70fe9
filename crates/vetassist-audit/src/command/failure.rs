//! Failures that end a command with exit code 2.

use std::{fmt::Display, path::Path};

/// The message of a failure, which ends the command with exit code 2.
#[derive(Debug)]
pub(super) struct Failure(pub(super) String);

/// Returns a function that makes a failure of an error about a file.
pub(super) fn at<E: Display>(path: &Path) -> impl FnOnce(E) -> Failure + '_ {
    move |error| Failure(format!("{}: {error}", path.display()))
}

/// Returns a failure with the message of an error.
pub(super) fn failure(error: impl Display) -> Failure {
    Failure(error.to_string())
}
