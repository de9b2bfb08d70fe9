//! Tests that a release is complete, and that its packages install, upgrade and uninstall.
#![allow(clippy::unwrap_used)]

mod archives;
mod chroot;
mod debian;
mod documentation;
mod dpkg;
mod folder;
mod image;
mod life;
mod rpm;
mod rpm_life;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use pg_scratch::{capture, run, Cluster};

/// Returns the folder of the release. Its folder `again` has a second build of the package, and `next` its next revision.
fn release() -> PathBuf {
    let folder = env::var_os("VETASSIST_TEST_PACKAGES");
    folder.expect("VETASSIST_TEST_PACKAGES is set by cargo xtask test package").into()
}

/// Returns the only file of a folder whose name ends like this.
fn file_of(folder: &Path, end: &str) -> PathBuf {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = paths.filter(|path| path.to_string_lossy().ends_with(end)).collect();
    assert_eq!(found.len(), 1, "{end}: {found:?}");
    found.remove(0)
}

/// Returns the first Debian package of a folder whose name begins so.
fn deb(folder: &Path, begin: &str) -> PathBuf {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found = paths.filter(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with(begin) && name.ends_with(".deb")
    });
    found.next().unwrap()
}

/// Returns the Debian package of the extension in a folder.
fn package(folder: &Path) -> PathBuf {
    deb(folder, "postgresql-")
}

/// Creates the extension in a server, signs a veteran in and reads the token that was stored.
fn sign_in(cluster: &Cluster) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../packaging/chroot/sign-in.sql");
    let output = cluster
        .psql("postgres", &["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", script])
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said.trim(), "the access token", "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_checksums_match_all_files_of_the_release() {
    let folder = release();
    let mut sum = Command::new("sha256sum");
    run(sum.current_dir(&folder).args(["--check", "--strict", "--quiet", "SHA256SUMS"])).unwrap();
    let sums = fs::read_to_string(folder.join("SHA256SUMS")).unwrap();
    let mut named: Vec<_> =
        sums.lines().map(|line| line.split_whitespace().nth(1).unwrap()).collect();
    named.sort_unstable();
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().unwrap().is_file())
        .map(|entry| entry.file_name().into_string().unwrap())
        .filter(|name| name != "SHA256SUMS")
        .collect();
    files.sort_unstable();
    assert_eq!(named, files);
    // Two Debian packages, two RPMs, the npm package, the crate, the plain file, two source archives, the image, the list
    // of parts.
    assert_eq!(named.len(), 11, "{named:?}");
}

/// The crate has only the files that a build needs.
#[test]
fn the_crate_has_its_licences_and_no_tests() {
    let list = capture(Command::new("tar").arg("-tzf").arg(file_of(&release(), ".crate"))).unwrap();
    for name in
        ["LICENSE-MIT", "LICENSE-APACHE", "README.md", "src/lib.rs", "src/schema/catalog.sql"]
    {
        assert!(list.lines().any(|line| line.ends_with(&format!("/{name}"))), "{name}: {list}");
    }
    assert!(!list.lines().any(|line| line.contains("/tests/")), "{list}");
}

#[test]
fn the_npm_package_has_the_version_of_the_workspace() {
    let mut tar = Command::new("tar");
    tar.arg("-xzOf").arg(file_of(&release(), ".tgz")).arg("package/package.json");
    let version = format!("\n  \"version\": \"{}\",\n", env!("CARGO_PKG_VERSION"));
    assert!(capture(&mut tar).unwrap().contains(&version));
}
