//! The machine, which JavaScript provides: files, random bytes, the clock and the output.

use std::{
    io::{self, Read, Write},
    path::Path,
};

use time::{Duration, OffsetDateTime};
use vetassist_audit::{
    host::{Host, HostFile},
    log::LogError,
};
use vetassist_core::audit_log::AuditKey;

use crate::database::Connection;

#[link(wasm_import_module = "host")]
extern "C" {
    fn open(path: *const u8, len: usize, how: i32) -> i32;
    fn lock(file: i32) -> i32;
    fn mode(file: i32) -> i32;
    fn read(file: i32, place: *mut u8, len: usize) -> i32;
    fn write(file: i32, place: *const u8, len: usize) -> i32;
    fn cut(file: i32, len: f64) -> i32;
    fn sync(file: i32) -> i32;
    fn close(file: i32);
    fn remove(path: *const u8, len: usize) -> i32;
    fn random(place: *mut u8, len: usize) -> i32;
    fn now() -> f64;
    fn reason(place: *mut u8, len: usize) -> usize;
}

/// Returns a result that is not negative, or the error from JavaScript.
pub(crate) fn checked(result: i32) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| {
        let mut text = vec![0; 4096];
        // SAFETY: `text` may be written to, and JavaScript writes at most its length from its beginning on.
        let len = unsafe { reason(text.as_mut_ptr(), text.len()) };
        io::Error::other(String::from_utf8_lossy(text.get(..len).unwrap_or_default()).into_owned())
    })
}

/// A way to open a file; JavaScript has the same numbers.
#[derive(Clone, Copy, Debug)]
enum How {
    Read = 0,
    Create = 1,
    ReadAndAppend = 2,
}

/// A file that JavaScript has open, by the number of its descriptor.
#[derive(Debug)]
pub(crate) struct JsFile(i32);

impl JsFile {
    fn open(path: &Path, how: How) -> io::Result<Self> {
        let path = path.to_string_lossy();
        // SAFETY: JavaScript reads the path's bytes and nothing else.
        let file = unsafe { open(path.as_ptr(), path.len(), how as i32) };
        checked(file).map(|_| Self(file))
    }
}

impl Read for JsFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // SAFETY: `buffer` may be written to, and JavaScript writes at most its length from its beginning on.
        checked(unsafe { read(self.0, buffer.as_mut_ptr(), buffer.len()) })
    }
}

impl Write for JsFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // SAFETY: JavaScript reads the bytes and nothing else.
        checked(unsafe { write(self.0, bytes.as_ptr(), bytes.len()) })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl HostFile for JsFile {
    fn mode(&self) -> io::Result<u32> {
        // SAFETY: JavaScript takes a number and touches no memory.
        let mode = unsafe { mode(self.0) };
        checked(mode)?;
        Ok(mode.unsigned_abs())
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        // A double represents the length of every real file.
        #[allow(clippy::cast_precision_loss)]
        // SAFETY: JavaScript takes numbers and touches no memory.
        checked(unsafe { cut(self.0, len as f64) }).map(drop)
    }

    fn sync(&mut self) -> io::Result<()> {
        // SAFETY: JavaScript takes a number and touches no memory.
        checked(unsafe { sync(self.0) }).map(drop)
    }
}

impl Drop for JsFile {
    fn drop(&mut self) {
        // SAFETY: JavaScript closes the file of this number, which nothing else names.
        unsafe { close(self.0) }
    }
}

/// An output. The number is its file descriptor.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stream {
    Out = 1,
    Errors = 2,
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // SAFETY: JavaScript reads the bytes and nothing else.
        checked(unsafe { write(*self as i32, bytes.as_ptr(), bytes.len()) })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The machine that JavaScript runs on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JavaScript;

impl Host for JavaScript {
    type File = JsFile;
    type LockedFile = JsFile;
    type Log = Connection;

    fn open(&self, path: &Path) -> io::Result<JsFile> {
        JsFile::open(path, How::Read)
    }

    fn create(&self, path: &Path) -> io::Result<JsFile> {
        JsFile::open(path, How::Create)
    }

    fn open_locked(&self, path: &Path) -> io::Result<JsFile> {
        let file = JsFile::open(path, How::ReadAndAppend)?;
        // SAFETY: JavaScript takes a number and touches no memory.
        checked(unsafe { lock(file.0) })?;
        // The folder is synced too, because the file may be new.
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        self.open(folder.unwrap_or(Path::new(".")))?.sync()?;
        Ok(file)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let path = path.to_string_lossy();
        // SAFETY: JavaScript reads the path's bytes and nothing else.
        checked(unsafe { remove(path.as_ptr(), path.len()) }).map(drop)
    }

    fn connect(
        &self,
        connection: &str,
        schema: &str,
        authority: Option<&Path>,
    ) -> Result<Connection, LogError> {
        Connection::new(connection, schema, authority)
    }

    fn new_key(&self) -> io::Result<AuditKey> {
        let mut seed = [0; 32];
        // SAFETY: `seed` may be written to, and JavaScript writes its length from its beginning on.
        checked(unsafe { random(seed.as_mut_ptr(), seed.len()) })?;
        Ok(AuditKey::from_bytes(&seed))
    }

    fn now(&self) -> OffsetDateTime {
        // SAFETY: JavaScript returns a whole number and touches no memory.
        OffsetDateTime::UNIX_EPOCH + Duration::milliseconds(unsafe { now() } as i64)
    }

    fn out(&self) -> impl Write {
        Stream::Out
    }

    fn errors(&self) -> impl Write {
        Stream::Errors
    }
}
