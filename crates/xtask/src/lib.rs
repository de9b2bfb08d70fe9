//! What the project's commands are made of. Tests use [`pg`] for their servers.

pub mod command;
pub mod pg;
pub mod setup;
pub mod sql;
pub mod toolchain;

use std::{
    fmt, io,
    path::{Path, PathBuf},
    time::Instant,
};

/// Something that stops a command: one line that says what is missing and how to get it.
#[derive(Debug)]
pub struct Error(String);

/// The outcome of a step.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error with this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// Says what was being done when the system refused.
pub trait Context<T> {
    /// Turns the system's error into one line that begins with `what`.
    ///
    /// # Errors
    /// The error, if there is one.
    fn context(self, what: impl fmt::Display) -> Result<T>;
}

impl<T> Context<T> for io::Result<T> {
    fn context(self, what: impl fmt::Display) -> Result<T> {
        self.map_err(|error| Error(format!("{what}: {error}")))
    }
}

/// The repository's top folder.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new(".")).to_owned()
}

/// Prints a step, does it, and prints how long it took.
///
/// # Errors
/// The step's.
pub fn step<T>(what: &str, f: impl FnOnce() -> Result<T>) -> Result<T> {
    println!("==> {what}");
    let started = Instant::now();
    let outcome = f();
    let seconds = started.elapsed().as_secs_f64();
    match &outcome {
        Ok(_) => println!("    done in {seconds:.1} s"),
        Err(_) => println!("    failed after {seconds:.1} s"),
    }
    outcome
}
