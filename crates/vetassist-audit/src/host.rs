//! The machine that the commands run on: the program has it from the system, the npm package from JavaScript.

use std::{
    io::{self, Read, Write},
    path::Path,
};

use time::OffsetDateTime;
use vetassist_core::audit_log::AuditKey;

use crate::log::{Log, LogError};

/// A machine: its files, its clock, its connections and its output.
pub trait Host {
    /// An open file.
    type File: HostFile;
    /// An open file that no other process has locked.
    type LockedFile: HostFile;
    /// A connection to a database.
    type Log: Log;

    /// Opens a file to read it.
    ///
    /// # Errors
    /// If it can't be read.
    fn open(&self, path: &Path) -> io::Result<Self::File>;

    /// Creates a file, which must not exist, to write it. Nobody but its owner may read it.
    ///
    /// # Errors
    /// If it exists or can't be written.
    fn create(&self, path: &Path) -> io::Result<Self::File>;

    /// Opens a file to read it and to append to it, and locks it. It is created if it does not exist: for its owner
    /// alone, and the disk has its name.
    ///
    /// # Errors
    /// If it can't be read or written, or another process has locked it.
    fn open_locked(&self, path: &Path) -> io::Result<Self::LockedFile>;

    /// Deletes a file.
    ///
    /// # Errors
    /// If it can't be deleted.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Connects to a database as [`Database::connect`](crate::database::Database::connect) does.
    ///
    /// # Errors
    /// If the server can't be reached, or refuses.
    fn connect(
        &self,
        connection: &str,
        schema: &str,
        authority: Option<&Path>,
    ) -> Result<Self::Log, LogError>;

    /// Draws a new key.
    ///
    /// # Errors
    /// If there is no randomness.
    fn new_key(&self) -> io::Result<AuditKey>;

    /// Returns the time now.
    fn now(&self) -> OffsetDateTime;

    /// Returns the output.
    fn out(&self) -> impl Write;

    /// Returns the output for errors and for progress.
    fn errors(&self) -> impl Write;
}

/// An open file.
pub trait HostFile: Read + Write {
    /// Returns its permissions, as Unix numbers them.
    ///
    /// # Errors
    /// If the system does not say.
    fn mode(&self) -> io::Result<u32>;

    /// Cuts it to this length.
    ///
    /// # Errors
    /// If it can't be written.
    fn cut(&mut self, len: u64) -> io::Result<()>;

    /// Returns when the disk has all of it.
    ///
    /// # Errors
    /// If the disk can't be written.
    fn sync(&mut self) -> io::Result<()>;
}
