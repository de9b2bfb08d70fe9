//! Runs `vetassist.master_key_command`.
//!
//! The command runs as `ssl_passphrase_command` does: in the shell, in the data directory, as the server's user, with the
//! standard error of the server. In contrast to it, the waiting statement can be cancelled. The statement never waits longer
//! than necessary, no matter what the command does.

use std::{
    ffi::{CStr, OsStr},
    io,
    os::unix::{
        ffi::OsStrExt,
        process::{CommandExt, ExitStatusExt},
    },
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use pgrx::check_for_interrupts;
use rustix::{
    event::{poll, PollFd, PollFlags, Timespec},
    io::Errno,
    process::{kill_process_group, waitid, Pid, Signal, WaitId, WaitIdOptions},
};

use super::text::{RingText, MAX_LEN};
use crate::{
    backend,
    errors::{config, log_to_server, Error, Result},
};

const HINT: &str = "Check vetassist.master_key_command. Its standard error is in the server's log.";

/// The longest wait for output before the next check for a cancel request and for the command's end.
const POLL: Duration = Duration::from_millis(100);
/// The time between two checks whether a command that has closed its output has ended.
const PAUSE: Duration = Duration::from_millis(5);
/// The time for which the command may continue after it has closed its output.
const PATIENCE: Duration = Duration::from_secs(5);
/// The time that the command has to end after the signal TERM.
const GRACE: Duration = Duration::from_millis(200);

/// Returns the command's standard output.
pub(super) fn run(command: &CStr) -> Result<RingText> {
    let mut running =
        Running::start(command).map_err(|error| refuse(&format!("cannot be started: {error}")))?;
    let output = running.output();
    drop(running);
    output.map_err(|what| {
        // If the statement is cancelled, that error comes first.
        check_for_interrupts!();
        refuse(&what)
    })
}

/// The shell and all processes that it started, in a process group of their own. So a signal that PostgreSQL sends to the
/// backend's group does not end them before the backend has read the signal's reason.
struct Running {
    child: Child,
    /// The exit status of the shell, if it ended by itself.
    status: Option<ExitStatus>,
}

impl Running {
    fn start(command: &CStr) -> io::Result<Self> {
        let child = Command::new("/bin/sh")
            .arg("-c")
            .arg(OsStr::from_bytes(command.to_bytes()))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()?;
        Ok(Self { child, status: None })
    }

    /// Returns the output, once the command has ended with success, or a description of the failure.
    fn output(&mut self) -> core::result::Result<RingText, String> {
        let text = self.read().map_err(|error| format!("cannot be read from: {error}"))?;
        if text.is_too_long() {
            return Err(format!("printed more than {MAX_LEN} bytes"));
        }
        let closed = Instant::now();
        while !self.has_ended().map_err(|error| format!("cannot be waited for: {error}"))? {
            look_at_interrupts().map_err(|error| error.to_string())?;
            if closed.elapsed() > PATIENCE {
                return Err(format!("went on for {PATIENCE:?} after it closed its output"));
            }
            sleep(PAUSE);
        }
        match self.status {
            Some(status) if !status.success() => Err(describe(status)),
            _ => Ok(text),
        }
    }

    /// Reads until the command closes its output or ends, or until the output is too long.
    fn read(&mut self) -> io::Result<RingText> {
        let mut stdout = self.child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut text = RingText::new();
        loop {
            look_at_interrupts()?;
            // This order matters: once the command has ended, its last output can be read.
            let has_ended = self.has_ended()?;
            if !is_readable(&stdout, if has_ended { Duration::ZERO } else { POLL })? {
                if has_ended {
                    // A process that the command left behind holds its output open.
                    return Ok(text);
                }
                continue;
            }
            match text.read_from(&mut stdout) {
                Ok(0) => return Ok(text),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn has_ended(&mut self) -> io::Result<bool> {
        if self.status.is_none() {
            self.status = self.child.try_wait()?;
        }
        Ok(self.status.is_some())
    }

    /// Returns whether the shell has ended. It does not collect the exit status, so the system keeps the process group.
    fn is_gone(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(waitid(WaitId::Pid(Pid::from_child(&self.child)), options), Ok(None))
    }

    /// Sends a signal to the whole group, which exists until the exit status of the shell is collected.
    fn signal(&self, signal: Signal) {
        // This fails if all processes of the group have ended.
        let _ = kill_process_group(Pid::from_child(&self.child), signal);
    }
}

impl Drop for Running {
    /// Ends the shell and all processes that it started, unless the shell ended by itself.
    fn drop(&mut self) {
        if self.status.is_some() {
            return;
        }
        self.signal(Signal::TERM);
        let signalled_at = Instant::now();
        while !self.is_gone() && signalled_at.elapsed() < GRACE {
            sleep(PAUSE);
        }
        self.signal(Signal::KILL);
        // A process cannot ignore KILL, so this does not wait long.
        let _ = self.child.wait();
    }
}

/// Waits until there is output, the time has passed or a signal came. Returns whether there is output.
fn is_readable(stdout: &ChildStdout, wait: Duration) -> io::Result<bool> {
    let wait = Timespec::try_from(wait).map_err(io::Error::other)?;
    match poll(&mut [PollFd::new(stdout, PollFlags::IN)], Some(&wait)) {
        Err(Errno::INTR) => Ok(false),
        ready => Ok(ready? > 0),
    }
}

/// Fails if the statement is cancelled or the backend must end, so that the command is ended first. Otherwise it handles the
/// requests that other processes sent to this one.
fn look_at_interrupts() -> io::Result<()> {
    if backend::is_interrupted() {
        return Err(io::Error::other("the statement was cancelled"));
    }
    check_for_interrupts!();
    Ok(())
}

/// Describes an exit status for the error message.
fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("failed with exit status {code}"),
        (None, Some(signal)) => format!("was killed by signal {signal}"),
        (None, None) => "failed".into(),
    }
}

fn refuse(what: &str) -> Error {
    log_to_server(format!("vetassist.master_key_command {what}"));
    config(format!("the key command {what}"), HINT)
}
