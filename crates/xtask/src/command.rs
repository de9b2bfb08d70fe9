//! Running programs.

use std::{
    env,
    ffi::OsStr,
    process::{Command, Output, Stdio},
};

use crate::{repository, Context, Error, Result};

/// A command in the repository's top folder, without what `cargo run` sets for the programs it starts:
/// that would make cargo use the toolchain that runs us, whatever `+toolchain` says.
#[must_use]
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(repository());
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let ours = text == "CARGO"
            || text.starts_with("CARGO_PKG_")
            || text.starts_with("CARGO_MANIFEST_")
            || matches!(&*text, "RUSTUP_TOOLCHAIN" | "RUST_RECURSION_COUNT" | "LD_LIBRARY_PATH");
        if ours {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs it with our output, and fails if it fails.
///
/// # Errors
/// If it cannot be started or does not exit with 0.
pub fn run(command: &mut Command) -> Result<()> {
    let shown = show(command);
    let status = command
        .stdin(Stdio::null())
        .status()
        .context(format!("cannot start {}", command.get_program().to_string_lossy()))?;
    if status.success() {
        Ok(())
    } else {
        Err(Error::new(format!("`{shown}` failed ({status})")))
    }
}

/// Runs it and returns its standard output; its standard error is shown if it fails.
///
/// # Errors
/// If it cannot be started or does not exit with 0.
pub fn capture(command: &mut Command) -> Result<String> {
    let shown = show(command);
    let output = output(command)?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        Err(Error::new(format!("`{shown}` failed ({}): {}", output.status, said.trim())))
    }
}

/// Runs it and returns what it printed, whether it failed or not.
///
/// # Errors
/// If it cannot be started.
pub fn output(command: &mut Command) -> Result<Output> {
    command
        .stdin(Stdio::null())
        .output()
        .context(format!("cannot start {}", command.get_program().to_string_lossy()))
}

/// Whether a program can be started and exits with 0.
#[must_use]
pub fn succeeds(command: &mut Command) -> bool {
    output(command).is_ok_and(|output| output.status.success())
}

/// Whether we are root.
#[must_use]
pub fn is_root() -> bool {
    capture(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

/// A command as root: as it is if we are, by sudo if not.
///
/// # Errors
/// If we are not root and there is no sudo.
pub fn as_root(program: &str) -> Result<Command> {
    if is_root() {
        return Ok(command(program));
    }
    if !succeeds(Command::new("sudo").arg("-V")) {
        return Err(Error::new(format!(
            "`{program}` needs root: run this as root, or install sudo"
        )));
    }
    let mut sudo = command("sudo");
    sudo.arg(program);
    Ok(sudo)
}

/// Quotes a word for the shell.
#[must_use]
pub fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_words_reach_a_program_whole() {
        for word in ["", "plain", "two words", "it's", "$HOME `id` \"x\" \\ ;&|", "'"] {
            let script = format!("printf %s {}", quote(word));
            assert_eq!(
                capture(Command::new("sh").args(["-c", &script])).ok().as_deref(),
                Some(word)
            );
        }
    }
}
