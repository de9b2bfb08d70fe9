//! Unpacks programs of Debian's packages into a folder of their own. Nothing is installed, and no service is started.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use pg_scratch::{cache, run, DEFAULT_MAJOR};

use crate::{installation::scratch, number::next};

/// Returns the path of a file of a package, which is downloaded the first time.
#[must_use]
pub fn debian_file(package: &str, file: &str) -> PathBuf {
    let folder = cache().unwrap().join("debian").join(package);
    if !folder.exists() {
        let new = folder.with_extension(format!("{}", std::process::id()));
        fs::create_dir_all(&new).unwrap();
        let download =
            || run(Command::new("apt-get").current_dir(&new).args(["-qq", "download", package]));
        if download().is_err() {
            run(Command::new("apt-get").args(["-qq", "update"])).unwrap();
            download().unwrap();
        }
        let archive = fs::read_dir(&new).unwrap().flatten().next().unwrap().path();
        run(Command::new("dpkg").arg("-x").arg(&archive).arg(&new)).unwrap();
        // Another process may have unpacked the package meanwhile.
        if fs::rename(&new, &folder).is_err() {
            fs::remove_dir_all(&new).unwrap();
        }
    }
    let path = folder.join(file);
    assert!(path.exists(), "{package} has no {file}");
    path
}

/// Copies the files of an extension's Debian package into the scratch installation. Returns false if the installation has
/// another version of PostgreSQL than Debian's.
#[must_use]
pub fn install_debian_extension(package: &str) -> bool {
    let postgres = scratch().postgres();
    if postgres.major != DEFAULT_MAJOR {
        println!("Debian has no {package} for PostgreSQL {}", postgres.major);
        return false;
    }
    let library = format!("usr/lib/postgresql/{DEFAULT_MAJOR}/lib");
    let folder = debian_file(package, &library);
    copy(&folder, &postgres.lib);
    let scripts = folder.join(format!("../../../../share/postgresql/{DEFAULT_MAJOR}/extension"));
    if scripts.exists() {
        copy(&scripts, &postgres.scripts());
    }
    true
}

/// Copies the files of a folder. Other tests may copy the same files at the same time, or use them.
fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().flatten().filter(|entry| entry.path().is_file()) {
        let name = entry.file_name();
        let new = to.join(format!("{}.{}", name.to_string_lossy(), next()));
        if !to.join(&name).exists() {
            fs::copy(entry.path(), &new).unwrap();
            fs::rename(&new, to.join(&name)).unwrap();
        }
    }
}
