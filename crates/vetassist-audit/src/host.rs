//! The machine that the commands run on. The program uses the operating system, the npm package uses JavaScript.

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
    /// If it cannot be read.
    fn open(&self, path: &Path) -> io::Result<Self::File>;

    /// Creates a file, which must not exist, to write it. Only its owner may read it.
    ///
    /// # Errors
    /// If it exists or cannot be written.
    fn create(&self, path: &Path) -> io::Result<Self::File>;

    /// Opens a file to read it and to append to it, and locks it. If it does not exist, it is created, only its owner may
    /// read it, and its name is synced to disk.
    ///
    /// # Errors
    /// If it cannot be read or written, or another process has locked it.
    fn open_locked(&self, path: &Path) -> io::Result<Self::LockedFile>;

    /// Deletes a file.
    ///
    /// # Errors
    /// If it cannot be deleted.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Connects to a database as [`Database::connect`](crate::database::Database::connect) does.
    ///
    /// # Errors
    /// If the server cannot be reached, or refuses the connection.
    fn connect(
        &self,
        connection: &str,
        schema: &str,
        authority: Option<&Path>,
    ) -> Result<Self::Log, LogError>;

    /// Draws a new key.
    ///
    /// # Errors
    /// If there are no random bytes.
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
    /// Returns its permissions, as the mode bits of Unix.
    ///
    /// # Errors
    /// If they cannot be read.
    fn mode(&self) -> io::Result<u32>;

    /// Truncates the file to this length.
    ///
    /// # Errors
    /// If it cannot be written.
    fn cut(&mut self, len: u64) -> io::Result<()>;

    /// Syncs the file to disk.
    ///
    /// # Errors
    /// If the disk cannot be written.
    fn sync(&mut self) -> io::Result<()>;
}
