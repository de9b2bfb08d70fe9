//! Tests the contents of the Debian package.

use std::{fs, path::Path, process::Command};

use pg_scratch::{capture, run, DEFAULT_MAJOR};

use crate::{package, release};

/// The lintian tag that does not apply, because these packages are not uploaded to Debian.
const NOT_OURS: &str = "initial-upload-closes-no-bugs";

pub(crate) fn field(package: &Path, name: &str) -> String {
    let mut dpkg_deb = Command::new("dpkg-deb");
    capture(dpkg_deb.arg("--field").arg(package).arg(name)).unwrap().trim().to_owned()
}

#[test]
fn the_debian_package_has_the_name_and_dependencies_of_an_extension() {
    let package = package(&release());
    assert_eq!(field(&package, "Package"), format!("postgresql-{DEFAULT_MAJOR}-vetassist"));
    let depends = field(&package, "Depends");
    for wanted in [format!("postgresql-{DEFAULT_MAJOR}"), "libc6 (>= ".into()] {
        assert!(depends.split(", ").any(|one| one.starts_with(&wanted)), "{wanted}: {depends}");
    }
}

#[test]
fn every_file_of_the_debian_package_is_in_its_folder() {
    let package = package(&release());
    let folders = [
        format!("./usr/lib/postgresql/{DEFAULT_MAJOR}/lib/vetassist.so"),
        format!("./usr/share/postgresql/{DEFAULT_MAJOR}/extension/vetassist"),
        format!("./usr/share/doc/postgresql-{DEFAULT_MAJOR}-vetassist/"),
    ];
    let list = capture(Command::new("dpkg-deb").arg("--contents").arg(&package)).unwrap();
    for line in list.lines().filter(|line| !line.starts_with('d')) {
        let name = line.split_whitespace().last().unwrap();
        assert!(line.starts_with("-rw-r--r-- root/root"), "{line}");
        assert!(folders.iter().any(|folder| name.starts_with(folder)), "{line}");
    }
    for folder in folders {
        assert!(list.contains(&folder), "{folder}: {list}");
    }
}

#[test]
fn the_copyright_names_the_crates_in_the_library() {
    let folder = std::env::temp_dir().join(format!("vetassist-deb-{}", std::process::id()));
    let mut extract = Command::new("dpkg-deb");
    run(extract.arg("--extract").arg(package(&release())).arg(&folder)).unwrap();
    let document = format!("usr/share/doc/postgresql-{DEFAULT_MAJOR}-vetassist/copyright");
    let copyright = fs::read_to_string(folder.join(document)).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    for linked in ["aes-gcm v", "pgrx v", "hkdf v"] {
        assert!(copyright.contains(linked), "{linked}: {copyright}");
    }
}

/// lintian checks packages by Debian's rules.
#[test]
fn lintian_reports_no_error_and_no_warning() {
    let mut lintian = Command::new("lintian");
    // lintian runs as root, and on another release of Debian.
    lintian.args(["--allow-root", "--fail-on", "error,warning", "--suppress-tags", NOT_OURS]);
    run(lintian.arg(package(&release()))).unwrap();
}

#[test]
fn apt_can_meet_the_dependencies() {
    let mut apt = Command::new("apt-get");
    capture(apt.args(["install", "--simulate", "-q"]).arg(package(&release()))).unwrap();
}

#[test]
fn two_builds_of_the_debian_package_are_identical() {
    let [first, again] =
        [release(), release().join("again")].map(|folder| fs::read(package(&folder)).unwrap());
    assert!(first == again);
}
