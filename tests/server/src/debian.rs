//! Unpacks programs of Debian's packages into a folder of their own. Nothing is installed, and no service is started.

use std::{fs, path::PathBuf, process::Command};

use pg_scratch::{cache, run};

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
