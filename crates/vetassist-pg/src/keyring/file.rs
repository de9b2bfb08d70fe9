//! Reads `vetassist.master_key_file`.

use std::{
    env,
    ffi::{CStr, OsStr},
    fs::{File, Metadata, OpenOptions},
    io,
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, OpenOptionsExt},
    },
    path::Path,
};

use pgrx::warning;

use super::text::{RingText, MAX_LEN};
use crate::errors::{config, log_to_server, Result};

const HINT: &str = "Check vetassist.master_key_file. The server's log names the file.";
const MODE_HINT: &str =
    "Give the file to the user that runs the server, with mode 0600, or to root, with mode 0640.";

/// Returns the file's content. An error does not name the file, because only superusers may see the setting. The server's
/// log has the path.
pub(super) fn read(setting: &CStr) -> Result<RingText> {
    let path = path_of(setting);
    let refuse = |what: String, hint| {
        log_to_server(format!("vetassist.master_key_file \"{}\": {what}", path.display()));
        config(format!("the key file {what}"), hint)
    };
    // Non-blocking, so that the backend does not hang if the name is that of a FIFO. The checks below use the open file, not
    // its name.
    let mut file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
        .map_err(|error| refuse(format!("cannot be opened: {}", reason(&error)), HINT))?;
    let metadata = file
        .metadata()
        .map_err(|error| refuse(format!("cannot be examined: {}", reason(&error)), HINT))?;
    if !metadata.is_file() {
        return Err(refuse("is not a regular file".into(), HINT));
    }
    check_owner_and_mode(&metadata).map_err(|what| refuse(what.into(), MODE_HINT))?;
    let text = read_all(&mut file)
        .map_err(|error| refuse(format!("cannot be read: {}", reason(&error)), HINT))?;
    if text.is_too_long() {
        return Err(refuse(format!("is longer than {MAX_LEN} bytes"), HINT));
    }
    if is_in_data_directory(setting) {
        warning!(
            "the key file of vetassist is inside the data directory: every base backup holds the keys together with the tokens that they seal"
        );
    }
    Ok(text)
}

/// Checks owner and mode as PostgreSQL does for its TLS key. The file belongs to the server's user and is closed to all
/// others, or it belongs to root and only a group may read it, too.
fn check_owner_and_mode(metadata: &Metadata) -> core::result::Result<(), &'static str> {
    let server = rustix::process::geteuid().as_raw();
    let forbidden = if metadata.uid() == server {
        0o077
    } else if metadata.uid() == 0 {
        0o037
    } else {
        return Err("must belong to the user that runs the server or to root");
    };
    if metadata.mode() & forbidden != 0 {
        return Err("is open to group or others");
    }
    Ok(())
}

/// Reads no more than one byte past the limit.
fn read_all(file: &mut File) -> io::Result<RingText> {
    let mut text = RingText::new();
    loop {
        match text.read_from(file) {
            Ok(0) => return Ok(text),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Returns the error message of the system, without the number that Rust appends.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

fn path_of(setting: &CStr) -> &Path {
    Path::new(OsStr::from_bytes(setting.to_bytes()))
}

/// Returns whether the file is inside the data directory. It follows symbolic links.
pub(super) fn is_in_data_directory(setting: &CStr) -> bool {
    // The working directory of a server process is the data directory.
    match (path_of(setting).canonicalize(), env::current_dir()) {
        (Ok(path), Ok(data_directory)) => path.starts_with(data_directory),
        _ => false,
    }
}
