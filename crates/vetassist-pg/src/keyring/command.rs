//! Runs `vetassist.master_key_command`.
//!
//! As `ssl_passphrase_command` runs: by the shell, in the data directory, as the server's user, its
//! standard error being the server's. Unlike it, a statement that waits for it can be cancelled.

use std::{
    ffi::{CStr, OsStr},
    io::{self, Read},
    os::{
        fd::AsRawFd,
        unix::{ffi::OsStrExt, process::ExitStatusExt},
    },
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
};

use pgrx::{check_for_interrupts, pg_sys};

use super::{file::MAX_RING_TEXT, memory::SecretText};
use crate::errors::{config, log_to_server, Failure, Outcome};

const HINT: &str =
    "See vetassist.master_key_command; what it wrote to standard error is in the server's log.";

/// How long to wait for output before looking for a cancel request, in milliseconds.
const POLL_MS: i32 = 100;

/// The command's standard output.
pub(super) fn run(command: &CStr) -> Outcome<SecretText> {
    let mut child = Command::new("/bin/sh")
        .arg("-c")
        .arg(OsStr::from_bytes(command.to_bytes()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| refuse(&format!("cannot be started: {error}")))?;
    let output = read_output(&mut child);
    if !matches!(output, Ok(Output::Complete(_))) {
        // It may be gone already; what matters is that it is when we go on.
        let _ = child.kill();
    }
    let status = child.wait().map_err(|error| refuse(&format!("was lost: {error}")))?;
    match output {
        Ok(Output::Complete(text)) if status.success() => Ok(text),
        Ok(Output::Complete(_)) => Err(refuse(&describe(status))),
        Ok(Output::TooLong) => Err(refuse(&format!("printed more than {MAX_RING_TEXT} bytes"))),
        Ok(Output::Interrupted) => {
            check_for_interrupts!();
            Err(refuse("was interrupted"))
        }
        Err(error) => Err(refuse(&format!("cannot be read from: {error}"))),
    }
}

enum Output {
    Complete(SecretText),
    TooLong,
    Interrupted,
}

fn read_output(child: &mut Child) -> io::Result<Output> {
    let Some(mut stdout) = child.stdout.take() else {
        return Err(io::Error::other("no pipe"));
    };
    let mut text = SecretText::with_room(MAX_RING_TEXT + 1)?;
    loop {
        if interrupted() {
            return Ok(Output::Interrupted);
        }
        if !readable(&stdout)? {
            continue;
        }
        match stdout.read(text.room()) {
            Ok(0) => return Ok(Output::Complete(text)),
            Ok(read) => text.extend(read),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if text.len() > MAX_RING_TEXT {
            return Ok(Output::TooLong);
        }
    }
}

/// Waits until there is something to read, a while has passed or a signal came.
fn readable(stdout: &ChildStdout) -> io::Result<bool> {
    let mut entry = libc::pollfd { fd: stdout.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one entry, valid for the call.
    match unsafe { libc::poll(&raw mut entry, 1, POLL_MS) } {
        -1 => {
            let error = io::Error::last_os_error();
            if error.kind() == io::ErrorKind::Interrupted {
                Ok(false)
            } else {
                Err(error)
            }
        }
        ready => Ok(ready > 0),
    }
}

fn interrupted() -> bool {
    // SAFETY: flags that signal handlers of this process set; read as PostgreSQL reads them.
    let cancel = unsafe { (&raw const pg_sys::QueryCancelPending).read_volatile() };
    // SAFETY: as above.
    let die = unsafe { (&raw const pg_sys::ProcDiePending).read_volatile() };
    cancel != 0 || die != 0
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("failed with exit status {code}"),
        (None, Some(signal)) => format!("was killed by signal {signal}"),
        (None, None) => "failed".into(),
    }
}

fn refuse(what: &str) -> Failure {
    log_to_server(format!("vetassist.master_key_command {what}"));
    config(format!("the key command {what}"), HINT)
}
