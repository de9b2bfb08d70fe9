//! Runs programs. Commands are those of the standard library, because tests add their arguments one by one.

use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::MetadataExt,
    process::{Command, Output, Stdio},
};

use anyhow::{bail, Context, Result};

/// Runs a command with the output of this process, and fails if the command fails.
///
/// # Errors
/// If it cannot be started or does not exit with 0.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).status().with_context(|| cannot_start(command))?;
    if !status.success() {
        bail!("`{}` failed ({status})", shown(command));
    }
    Ok(())
}

/// Runs a command and returns its standard output. If the command fails, the error has its standard error.
///
/// # Errors
/// If it cannot be started or does not exit with 0.
pub fn capture(command: &mut Command) -> Result<String> {
    let output = output(command)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` failed ({}): {}", shown(command), output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a command and returns its output, also if it failed.
///
/// # Errors
/// If it cannot be started.
pub fn output(command: &mut Command) -> Result<Output> {
    command.stdin(Stdio::null()).output().with_context(|| cannot_start(command))
}

/// Returns true if this process runs as root.
#[must_use]
pub fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// Returns a command that runs as root, by sudo if this process does not run as root.
///
/// # Errors
/// If this process does not run as root and sudo is missing.
pub fn as_root(program: &str) -> Result<Command> {
    if is_root() {
        return Ok(Command::new(program));
    }
    if output(Command::new("sudo").arg("-V")).is_err() {
        bail!("`{program}` needs root: run this as root, or install sudo");
    }
    let mut sudo = Command::new("sudo");
    sudo.arg(program);
    Ok(sudo)
}

/// Quotes a word for the shell.
#[must_use]
pub fn quote(word: impl AsRef<OsStr>) -> String {
    format!("'{}'", word.as_ref().to_string_lossy().replace('\'', r"'\''"))
}

fn cannot_start(command: &Command) -> String {
    format!("cannot start {}", command.get_program().to_string_lossy())
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_word_reaches_a_program_unchanged() {
        for word in ["", "plain", "two words", "it's", "$HOME `id` \"x\" \\ ;&|", "'"] {
            let script = format!("printf %s {}", quote(word));
            let said = capture(Command::new("sh").args(["-c", &script]));
            assert_eq!(said.ok().as_deref(), Some(word));
        }
    }
}
