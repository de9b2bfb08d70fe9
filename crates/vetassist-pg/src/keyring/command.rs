//! Runs `vetassist.master_key_command`.
//!
//! As `ssl_passphrase_command` runs: by the shell, in the data directory, as the server's user, its
//! standard error being the server's. Unlike it, the statement that waits for it can be cancelled, and whatever the
//! command does, the statement does not wait for longer than it must.

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

const HINT: &str =
    "See vetassist.master_key_command; what it wrote to standard error is in the server's log.";

/// The wait for output before looking for a cancel request and for the command's end.
const POLL: Duration = Duration::from_millis(100);
/// The time between two looks whether a command that closed its output has ended.
const PAUSE: Duration = Duration::from_millis(5);
/// The time that it may go on for after it closed its output.
const PATIENCE: Duration = Duration::from_secs(5);
/// The time that it has to end by itself when it is told to.
const GRACE: Duration = Duration::from_millis(200);

/// Returns the command's standard output.
pub(super) fn run(command: &CStr) -> Result<RingText> {
    let mut running =
        Running::start(command).map_err(|error| refuse(&format!("cannot be started: {error}")))?;
    let output = running.output();
    drop(running);
    output.map_err(|what| {
        // Whatever else is wrong, a statement that is cancelled says so.
        check_for_interrupts!();
        refuse(&what)
    })
}

/// The shell with everything that it started, in a process group of its own: a signal that PostgreSQL sends to the
/// backend's group does not end it before the backend sees why.
struct Running {
    child: Child,
    /// Its status, if it ended by itself.
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

    /// Returns what it printed, once it ended well, or what is wrong.
    fn output(&mut self) -> core::result::Result<RingText, String> {
        let text = self.read().map_err(|error| format!("cannot be read from: {error}"))?;
        if text.is_too_long() {
            return Err(format!("printed more than {MAX_LEN} bytes"));
        }
        let closed = Instant::now();
        while !self.has_ended().map_err(|error| format!("was lost: {error}"))? {
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

    /// Reads until it closes its output or ends, or until the output is too long.
    fn read(&mut self) -> io::Result<RingText> {
        let mut stdout = self.child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut text = RingText::new();
        loop {
            look_at_interrupts()?;
            // In this order: what it printed last is there when it has ended.
            let has_ended = self.has_ended()?;
            if !is_readable(&stdout, if has_ended { Duration::ZERO } else { POLL })? {
                if has_ended {
                    // Something that it left behind holds its output open.
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

    /// Returns whether the shell has ended, but not how: it stays known to the system, so that its group does, too.
    fn is_gone(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(waitid(WaitId::Pid(Pid::from_child(&self.child)), options), Ok(None))
    }

    /// Sends a signal to the whole group, which is there until we have waited for the shell.
    fn signal(&self, signal: Signal) {
        // There is nobody to send it to where all have ended.
        let _ = kill_process_group(Pid::from_child(&self.child), signal);
    }
}

impl Drop for Running {
    /// Ends it with everything that it started, unless it ended by itself.
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
        // Nothing holds a signal of this kind up.
        let _ = self.child.wait();
    }
}

/// Waits until there is something to read, a while has passed or a signal came.
fn is_readable(stdout: &ChildStdout, wait: Duration) -> io::Result<bool> {
    let wait = Timespec::try_from(wait).map_err(io::Error::other)?;
    match poll(&mut [PollFd::new(stdout, PollFlags::IN)], Some(&wait)) {
        Err(Errno::INTR) => Ok(false),
        ready => Ok(ready? > 0),
    }
}

/// Fails where the statement is to be cancelled or the backend to end, so that the command ends first. Does what else
/// other processes ask of this one.
fn look_at_interrupts() -> io::Result<()> {
    if backend::is_interrupted() {
        return Err(io::Error::other("the statement was cancelled"));
    }
    check_for_interrupts!();
    Ok(())
}

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
