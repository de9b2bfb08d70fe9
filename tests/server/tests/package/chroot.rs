//! Installs the Debian packages by apt in a fresh Debian.

use std::process::Command;

use pg_scratch::{as_root, cache, run, DEFAULT_MAJOR};

use crate::{deb, package, release, rpm};

/// The variable with which the packages are built and tried in every supported Debian, and the Dockerfile is built and
/// tried. This takes many minutes.
const ALL: &str = "VETASSIST_TEST_ALL_DEBIANS";

fn script(name: &str) -> Command {
    as_root(&format!("{}/../../packaging/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn the_debian_packages_install_work_and_uninstall_on_a_fresh_debian() {
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
