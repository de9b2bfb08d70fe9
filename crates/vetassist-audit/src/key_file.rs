//! The audit key's file: 64 hexadecimal digits that only its owner may read.

use std::{
    io::{self, Read, Write},
    path::Path,
};

use vetassist_core::audit_log::AuditKey;

use crate::host::{Host, HostFile};

const OTHERS: u32 = 0o077;
/// The most bytes that are read. It exceeds every key file, and limits the time for a wrong path.
const MAX_LEN: u64 = 4096;

/// Reads the key.
///
/// # Errors
/// If the file cannot be read, is readable by others, or does not contain one key. The content is never quoted.
pub(crate) fn read(host: &impl Host, path: &Path) -> io::Result<AuditKey> {
    let file = host.open(path)?;
    if file.mode()? & OTHERS != 0 {
        return Err(invalid("others may read the key file: chmod 600 it"));
    }
    let mut text = String::new();
    file.take(MAX_LEN).read_to_string(&mut text).map_err(|_| not_a_key())?;
    AuditKey::from_hex(text.trim_end()).map_err(|_| not_a_key())
}

/// Draws a new key and writes its file, which must not exist.
///
/// # Errors
/// If it exists or cannot be written.
pub(crate) fn create(host: &impl Host, path: &Path) -> io::Result<AuditKey> {
    let key = host.new_key()?;
    let mut file = host.create(path)?;
    let digits: String = key.expose_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let written = writeln!(file, "{digits}").and_then(|()| file.sync());
    if let Err(error) = written {
        // The file may have a part of the key, so it is deleted.
        let _ = host.remove(path);
        return Err(error);
    }
    Ok(key)
}

fn not_a_key() -> io::Error {
    invalid("the key file does not hold 64 hexadecimal digits alone")
}

fn invalid(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
