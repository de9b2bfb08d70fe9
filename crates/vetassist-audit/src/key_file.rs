//! The audit key's file: 64 hexadecimal digits that nobody but its owner reads.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use vetassist_core::audit_log::AuditKey;

const OWNER_ONLY: u32 = 0o600;
const OTHERS: u32 = 0o077;
/// Longer than any key file, so that a wrong path costs nothing.
const MAX_LEN: u64 = 4096;

/// Reads the key.
///
/// # Errors
/// If the file can't be read, is readable by others, or does not hold one key. Nothing of it is quoted.
pub fn read(path: &Path) -> io::Result<AuditKey> {
    let file = File::open(path)?;
    if file.metadata()?.permissions().mode() & OTHERS != 0 {
        return Err(invalid("others may read the key file: chmod 600 it"));
    }
    let mut text = String::new();
    file.take(MAX_LEN).read_to_string(&mut text).map_err(|_| not_a_key())?;
    AuditKey::from_hex(text.trim_end()).map_err(|_| not_a_key())
}

/// Draws a new key and writes its file, which must not exist.
///
/// # Errors
/// If it exists or can't be written.
pub fn create(path: &Path) -> io::Result<AuditKey> {
    let key = AuditKey::generate().map_err(io::Error::other)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY).open(path)?;
    let digits: String = key.expose_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let written = writeln!(file, "{digits}").and_then(|()| file.sync_all());
    if let Err(error) = written {
        // Half a key is none.
        let _ = fs::remove_file(path);
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
