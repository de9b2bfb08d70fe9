//! The system that the program runs on.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use time::OffsetDateTime;
use vetassist_core::audit_log::AuditKey;

use crate::{
    clock,
    database::Database,
    host::Host,
    log::LogError,
    unix_file::{LockedFile, OWNER_ONLY},
};

/// The system that the program runs on.
#[derive(Clone, Copy, Debug)]
pub struct System;

impl Host for System {
    type File = File;
    type LockedFile = LockedFile;
    type Log = Database;

    fn open(&self, path: &Path) -> io::Result<File> {
        File::open(path)
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY).open(path)
    }

    fn open_locked(&self, path: &Path) -> io::Result<LockedFile> {
        LockedFile::open(path)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn connect(
        &self,
        connection: &str,
        schema: &str,
        authority: Option<&Path>,
    ) -> Result<Self::Log, LogError> {
        Database::connect(connection, schema, authority)
    }

    fn new_key(&self) -> io::Result<AuditKey> {
        AuditKey::generate().map_err(io::Error::other)
    }

    fn now(&self) -> OffsetDateTime {
        clock::now()
    }

    fn out(&self) -> impl Write {
        io::stdout()
    }

    fn errors(&self) -> impl Write {
        io::stderr()
    }
}
