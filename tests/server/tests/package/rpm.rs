//! Tests the contents of the RPMs, which rpm reads without installing them.

use std::{
    env::consts::ARCH,
    path::{Path, PathBuf},
    process::Command,
};

use pg_scratch::{capture, DEFAULT_MAJOR};

use crate::{file_of, release};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The version of glibc in Enterprise Linux 10.
const GLIBC: [u32; 2] = [2, 39];

pub(crate) fn query(package: &Path, options: &[&str]) -> Vec<String> {
    let text = capture(Command::new("rpm").arg("-qp").args(options).arg(package)).unwrap();
    text.lines().map(str::to_owned).collect()
}

pub(crate) fn extension() -> PathBuf {
    file_of(&release(), &format!("vetassist_{DEFAULT_MAJOR}-{VERSION}-1.el10.{ARCH}.rpm"))
}

pub(crate) fn audit() -> PathBuf {
    file_of(&release(), &format!("vetassist-audit-{VERSION}-1.el10.{ARCH}.rpm"))
}

#[test]
fn every_file_of_the_rpm_is_in_the_folders_of_the_pgdg() {
    let files = query(&extension(), &["--list"]);
    let home = format!("/usr/pgsql-{DEFAULT_MAJOR}");
    let licenses = format!("/usr/share/licenses/vetassist_{DEFAULT_MAJOR}");
    for wanted in [
        format!("{home}/lib/vetassist.so"),
        format!("{home}/share/extension/vetassist.control"),
        format!("{home}/share/extension/vetassist--{VERSION}.sql"),
        format!("{home}/share/extension/vetassist--0.1.0--0.2.0.sql"),
        format!("{licenses}/LICENSE-MIT"),
    ] {
        assert!(files.contains(&wanted), "{wanted}: {files:?}");
    }
    let documents = format!("/usr/share/doc/vetassist_{DEFAULT_MAJOR}");
    for file in &files {
        assert!([&home, &licenses, &documents].iter().any(|one| file.starts_with(*one)), "{file}");
    }
}

#[test]
fn the_rpm_requires_its_server_and_no_newer_glibc() {
    let needed = query(&extension(), &["--requires"]);
    assert!(needed.contains(&format!("postgresql{DEFAULT_MAJOR}-server")), "{needed:?}");
    for package in [extension(), audit()] {
        let needed = query(&package, &["--requires"]);
        let versions: Vec<Vec<u32>> = needed
            .iter()
            .filter_map(|one| one.strip_prefix("libc.so.6(GLIBC_")?.split(')').next())
            .map(|version| version.split('.').map(|part| part.parse().unwrap()).collect())
            .collect();
        assert!(!versions.is_empty(), "{needed:?}");
        for version in versions {
            assert!(version.as_slice() <= GLIBC.as_slice(), "{version:?}");
        }
    }
}

#[test]
fn files_belong_to_root_and_only_programs_are_executable() {
    for package in [extension(), audit()] {
        let format = "[%{FILEMODES:perms} %{FILEUSERNAME} %{FILEGROUPNAME} %{FILENAMES}\n]";
        for line in query(&package, &["--queryformat", format]) {
            let is_binary = line.ends_with(".so") || line.ends_with("/bin/vetassist-audit");
            let mode = match line.chars().next() {
                Some('d') => "drwxr-xr-x",
                _ if is_binary => "-rwxr-xr-x",
                _ => "-rw-r--r--",
            };
            assert!(line.starts_with(&format!("{mode} root root /")), "{line}");
        }
    }
}

#[test]
fn the_audit_rpm_has_the_watcher_and_its_timer() {
    let files = query(&audit(), &["--list"]);
    for wanted in [
        "/usr/bin/vetassist-audit",
        "/usr/lib/systemd/system/vetassist-audit-watch.service",
        "/usr/lib/systemd/system/vetassist-audit-watch.timer",
        "/usr/lib/sysusers.d/vetassist-audit.conf",
        "/usr/share/man/man1/vetassist-audit.1.gz",
    ] {
        assert!(files.iter().any(|file| file == wanted), "{wanted}: {files:?}");
    }
}
