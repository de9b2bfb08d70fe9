//! Functions that JavaScript provides for the command: reading files, and printing.

use std::{
    io::{self, Read, Write},
    path::Path,
};

#[link(wasm_import_module = "host")]
extern "C" {
    fn open(path: *const u8, len: usize) -> i32;
    fn read(file: i32, place: *mut u8, len: usize) -> i32;
    fn close(file: i32);
    fn write(stream: i32, place: *const u8, len: usize) -> i32;
    fn reason(place: *mut u8, len: usize) -> usize;
}

/// Returns a result that is not negative, or the error that JavaScript tells of.
fn checked(result: i32) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| {
        let mut text = vec![0; 1024];
        // SAFETY: `text` may be written to, and JavaScript writes at most its length from its beginning on.
        let len = unsafe { reason(text.as_mut_ptr(), text.len()) };
        io::Error::other(String::from_utf8_lossy(text.get(..len).unwrap_or_default()).into_owned())
    })
}

/// A file that JavaScript has open.
#[derive(Debug)]
pub(crate) struct HostFile(i32);

impl HostFile {
    /// Opens a file to read it.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let path = path.to_string_lossy();
        // SAFETY: JavaScript reads the path's bytes and nothing else.
        let file = unsafe { open(path.as_ptr(), path.len()) };
        checked(file).map(|_| Self(file))
    }
}

impl Read for HostFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // SAFETY: `buffer` may be written to, and JavaScript writes at most its length from its beginning on.
        checked(unsafe { read(self.0, buffer.as_mut_ptr(), buffer.len()) })
    }
}

impl Drop for HostFile {
    fn drop(&mut self) {
        // SAFETY: JavaScript closes the file of this number, which nothing else names.
        unsafe { close(self.0) }
    }
}

/// Where something is printed; the number is that of the file descriptor.
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
