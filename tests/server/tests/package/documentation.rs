//! Tests the documentation inside the packages.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use pg_scratch::{capture, run};
use vetassist_repository_tests::{check_links, documentation, Page};

use crate::{deb, folder::Folder, package, release, rpm};

/// Unpacks a package. Returns the folder, and the Markdown pages of its documentation.
fn unpack(package: &Path) -> (Folder, Vec<Page>) {
    let unpacked = Folder::create();
    let script = "cd \"$2\"; case $1 in
        *.deb) dpkg-deb --extract \"$1\" . ;;
        *.rpm) rpm2cpio \"$1\" | cpio --extract --make-directories --quiet ;;
    esac
    mv usr/share/doc/* documentation";
    run(Command::new("sh").args(["-euc", script, "sh"]).arg(package).arg(unpacked.path())).unwrap();
    let top = unpacked.path().join("documentation");
    let mut find = Command::new("find");
    let files = capture(find.current_dir(&top).args([".", "-name", "*.md"])).unwrap();
    let read = |path: &str| Page {
        path: path.strip_prefix("./").unwrap().to_owned(),
        text: fs::read_to_string(top.join(path)).unwrap(),
    };
    let pages = files.lines().map(read).collect();
    (unpacked, pages)
}

/// Checks each link to a file or a heading, and returns how many there are.
fn count_links(package: &Path) -> usize {
    let (unpacked, pages) = unpack(package);
    assert!(pages.iter().any(|page| page.path == "README.md"), "{}", package.display());
    let (count, dead) = check_links(&pages, &unpacked.path().join("documentation"));
    assert_eq!(dead, [""; 0], "{}", package.display());
    count
}

#[test]
fn links_lead_to_files_of_the_package() {
    for package in [package(&release()), rpm::extension()] {
        let count = count_links(&package);
        assert!(count > 100, "{}: only {count} links", package.display());
    }
    for package in [deb(&release(), "vetassist-audit_"), rpm::audit()] {
        count_links(&package);
    }
}

/// Checks that packing changes nothing but links to files that the package does not contain.
#[test]
fn every_page_is_there_with_its_code() {
    for package in [package(&release()), rpm::extension()] {
        let (_unpacked, pages) = unpack(&package);
        for page in documentation() {
            let packed = pages.iter().find(|packed| packed.path == page.path);
            let packed = packed.unwrap_or_else(|| panic!("{} is missing", page.path));
            assert_eq!(packed.all_blocks(), page.all_blocks(), "{}", page.path);
            assert_eq!(packed.anchors(), page.anchors(), "{}", page.path);
            let lost: BTreeSet<_> = page.links().into_iter().collect();
            let kept: BTreeSet<_> = packed.links().into_iter().collect();
            for link in lost.difference(&kept) {
                let target = page.target(link.split('#').next().unwrap());
                let is_page = target.starts_with("docs/") || target == "README.md";
                assert!(!is_page, "{}: {link} is no link in the package", page.path);
            }
        }
    }
}
