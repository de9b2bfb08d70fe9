//! Unix files: their permissions, and a lock that ends with the process.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use crate::host::HostFile;

/// The permissions of a file that only its owner may read.
pub(crate) const OWNER_ONLY: u32 = 0o600;

impl HostFile for File {
    fn mode(&self) -> io::Result<u32> {
        Ok(self.metadata()?.permissions().mode())
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}

/// A file that no other process has locked.
#[derive(Debug)]
pub struct LockedFile(File);

impl LockedFile {
    /// Opens a file to read it and to append to it, and locks it. It is created if it does not exist.
    ///
    /// # Errors
    /// If it cannot be read or written, or another process has locked it.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.read(true).append(true).create(true).mode(OWNER_ONLY).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::other("another watcher has the file open"));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let file = Self(file);
        if file.0.metadata()?.len() == 0 {
            // The folder is synced too, so that the name of a new file is on the disk.
            let folder = path.parent().filter(|folder| *folder != Path::new(""));
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        }
        Ok(file)
    }
}

impl Drop for LockedFile {
    /// Unlocks the file at once. Closing it would not be enough: a child that was just forked may still have a copy of the
    /// descriptor, which keeps the lock.
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

impl Read for LockedFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for LockedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl HostFile for LockedFile {
    fn mode(&self) -> io::Result<u32> {
        self.0.mode()
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.0.cut(len)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test that cannot go on has failed
mod self_tests {
    use super::*;

    #[test]
    fn a_copy_of_the_descriptor_does_not_keep_the_lock() {
        let path = std::env::temp_dir().join(format!("vetassist-watched-{}", std::process::id()));
        let first = LockedFile::open(&path).unwrap();
        // A child has such a copy between fork and exec.
        let copy = first.0.try_clone().unwrap();
        assert!(LockedFile::open(&path).is_err());
        drop(first);
        let second = LockedFile::open(&path);
        drop(copy);
        std::fs::remove_file(&path).unwrap();
        second.unwrap();
    }
}
