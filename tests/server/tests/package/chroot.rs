//! The Debian packages in a Debian of their own, where they are installed by apt.

use std::process::Command;

use pg_scratch::{as_root, cache, run, DEFAULT_MAJOR};

use crate::{deb, package, release, rpm};

/// Names the variable that has the packages of all Debians built in those Debians and tried there, and the Dockerfile
/// built and tried. It takes many minutes.
const ALL: &str = "VETASSIST_TEST_ALL_DEBIANS";

fn script(name: &str) -> Command {
    as_root(&format!("{}/../../packaging/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn a_fresh_debian_installs_them_signs_in_and_removes_them() {
    let chroots = cache().unwrap().join("chroots");
    let mut try_deb = script("chroot/try-deb");
    try_deb.args(["bookworm", &DEFAULT_MAJOR.to_string()]).arg(&chroots);
    run(try_deb.arg(package(&release())).arg(deb(&release(), "vetassist-audit_"))).unwrap();
    if std::env::var_os(ALL).is_some() {
        run(script("chroot/all").arg(&chroots).arg(release().join("debians"))).unwrap();
        let mut try_rpm = script("rpm/try");
        try_rpm.args(["bookworm", &DEFAULT_MAJOR.to_string()]).arg(&chroots);
        run(try_rpm.args([rpm::extension(), rpm::audit()])).unwrap();
        run(script("image/try").arg(DEFAULT_MAJOR.to_string()).arg(&chroots)).unwrap();
    }
}
