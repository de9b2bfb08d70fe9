//! The user that runs servers. PostgreSQL refuses to run as root, so root runs servers as Debian's user `postgres`.

use std::{
    fs,
    os::unix::{
        fs::{chown, PermissionsExt},
        process::CommandExt,
    },
    path::Path,
    process::Command,
    sync::OnceLock,
};

use anyhow::{Context, Result};

use crate::process::{capture, is_root};

#[derive(Debug)]
struct User {
    id: u32,
    group: u32,
    home: String,
}

/// Returns the server's user if it is not the user of this process.
fn other_user() -> Option<&'static User> {
    static USER: OnceLock<Option<User>> = OnceLock::new();
    USER.get_or_init(|| {
        if !is_root() {
            return None;
        }
        let entry = capture(Command::new("getent").args(["passwd", "postgres"])).ok()?;
        let mut fields = entry.trim().split(':').skip(2);
        let (id, group) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(User { id, group, home: fields.nth(1)?.to_owned() })
    })
    .as_ref()
}

/// Returns a command that runs a shell script as the server's user.
pub(crate) fn as_server_user(script: &str) -> Command {
    let mut sh = Command::new("sh");
    // The server's user may not have access to the current folder.
    sh.current_dir("/").args(["-c", script]);
    if let Some(user) = other_user() {
        sh.uid(user.id).gid(user.group).env("HOME", &user.home).env("USER", "postgres");
    }
    sh
}

/// Runs a shell script as the server's user and returns its output.
pub(crate) fn run_as_server_user(script: &str) -> Result<String> {
    capture(&mut as_server_user(script))
}

/// Gives a file or a folder to the server's user, with this mode.
pub(crate) fn give(path: &Path, mode: u32) -> Result<()> {
    let give = || {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        other_user().map_or(Ok(()), |user| chown(path, Some(user.id), Some(user.group)))
    };
    give().with_context(|| format!("cannot give {} to the server's user", path.display()))
}
