//! Runs dpkg with a folder as its root, so that the system's own packages stay unchanged.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use pg_scratch::{as_root, capture};

/// dpkg in a copy of a PostgreSQL. It checks dependencies with the system's list of packages.
pub(crate) struct Dpkg {
    root: PathBuf,
}

impl Dpkg {
    pub(crate) fn new(root: &Path) -> Self {
        let database = root.join("var/lib/dpkg");
        for folder in ["info", "updates"] {
            fs::create_dir_all(database.join(folder)).unwrap();
        }
        // The list is the system's, without an installed vetassist.
        let status = fs::read_to_string("/var/lib/dpkg/status").unwrap();
        let is_ours = |stanza: &&str| {
            stanza.lines().any(|line| line.starts_with("Package: ") && line.ends_with("-vetassist"))
        };
        let others: String =
            status.split_inclusive("\n\n").filter(|stanza| !is_ours(stanza)).collect();
        fs::write(database.join("status"), others).unwrap();
        Self { root: root.to_owned() }
    }

    fn command(&self, action: &str, what: &Path) -> Command {
        let mut dpkg = as_root("dpkg").unwrap();
        // The packages have no maintainer script, so the root need not be complete.
        dpkg.arg("--root").arg(&self.root).args(["--force-not-root", action]).arg(what);
        dpkg
    }

    pub(crate) fn run(&self, action: &str, what: &Path) {
        capture(&mut self.command(action, what)).unwrap();
    }

    /// Returns the command as a line for the shell.
    pub(crate) fn shell(&self, action: &str, what: &Path) -> String {
        let dpkg = self.command(action, what);
        let words = std::iter::once(dpkg.get_program()).chain(dpkg.get_args());
        let words: Vec<_> = words.map(OsStr::to_string_lossy).collect();
        format!("{} > /dev/null", words.join(" "))
    }

    pub(crate) fn version(&self, package: &str) -> String {
        let mut query = Command::new("dpkg-query");
        query.arg("--admindir").arg(self.root.join("var/lib/dpkg"));
        capture(query.args(["-W", "-f", "${Version}", package])).unwrap()
    }

    /// Returns all files below the root except dpkg's and the server's.
    pub(crate) fn files(&self) -> BTreeSet<String> {
        let script = "find . -path ./var -prune -o -path ./packaged -prune -o -print";
        let mut find = as_root("sh").unwrap();
        let list = capture(find.current_dir(&self.root).args(["-c", script])).unwrap();
        list.lines().map(str::to_owned).collect()
    }
}
