//! Tests the installation and removal of the RPMs, in folders that stand for the system's root.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use pg_scratch::{as_root, capture, find_or_fetch, random_key, run, Cluster, Scratch};

use crate::{folder::Folder, release, rpm, sign_in};

/// Runs rpm for a root, which has neither the packages that the RPM requires nor a shell for its scripts.
fn run_rpm(root: &Path, action: &[&str], package: &Path) {
    let mut rpm = as_root("rpm").unwrap();
    rpm.arg("--root").arg(root).args(action).arg("--nodeps").arg(package);
    let output = rpm.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    // --verify prints its findings to stdout.
    assert!(output.status.success() && said.is_empty(), "{rpm:?}: {output:?}");
}

fn initialise(root: &Path) {
    run(as_root("rpm").unwrap().arg("--root").arg(root).arg("--initdb")).unwrap();
}

/// Returns the files below a root, without rpm's database.
fn files(root: &Path) -> BTreeSet<String> {
    let mut find = Command::new("find");
    find.current_dir(root)
        .args([".", "-path", "*rpm*", "-prune", "-o", "!", "-type", "d", "-print"]);
    let list = capture(&mut find).unwrap();
    list.lines().map(|line| line.trim_start_matches('.').to_owned()).collect()
}

/// Returns the RPMs of the extension with their major versions: one where the tests built them, all of a whole release.
fn extensions() -> Vec<(u32, PathBuf)> {
    let paths = fs::read_dir(release()).unwrap().map(|entry| entry.unwrap().path());
    let of_extension = paths.filter_map(|path| {
        let name = path.file_name()?.to_str()?;
        let (major, rest) = name.strip_prefix("vetassist_")?.split_once('-')?;
        rest.ends_with(".rpm").then(|| (major.parse().unwrap(), path.clone()))
    });
    let found: Vec<_> = of_extension.collect();
    assert!(!found.is_empty());
    found
}

#[test]
fn an_empty_root_gets_every_file_and_loses_it() {
    let packages = extensions().into_iter().map(|(_, path)| path).chain([rpm::audit()]);
    for package in packages {
        let root = Folder::create();
        initialise(root.path());
        let name = rpm::query(&package, &["--queryformat", "%{NAME}"]).remove(0);
        run_rpm(root.path(), &["--install", "--noscripts"], &package);
        run_rpm(root.path(), &["--verify", "--noscripts"], Path::new(&name));
        let owned: BTreeSet<_> = rpm::query(&package, &["--list"]).into_iter().collect();
        let installed = files(root.path());
        assert!(installed.is_subset(&owned) && !installed.is_empty(), "{installed:?}");
        run_rpm(root.path(), &["--erase", "--noscripts"], Path::new(&name));
        assert_eq!(files(root.path()), BTreeSet::new());
        for path in owned {
            let left = root.path().join(path.trim_start_matches('/'));
            assert!(!left.exists(), "{}", left.display());
        }
    }
}

/// Runs a server of the PGDG's layout. The PGDG's folders are links to those of another PostgreSQL, which is a copy.
#[test]
fn a_server_takes_the_extension_from_where_the_pgdg_has_it() {
    for (major, package) in extensions() {
        let scratch = Scratch::create(&find_or_fetch(major).unwrap()).unwrap();
        let (root, postgres) = (scratch.root(), scratch.postgres());
        let home = root.join(format!("usr/pgsql-{major}"));
        fs::create_dir_all(&home).unwrap();
        for (name, folder) in [("lib", &postgres.lib), ("share", &postgres.share)] {
            let below = folder.strip_prefix(root).unwrap();
            symlink(Path::new("../..").join(below), home.join(name)).unwrap();
        }
        initialise(root);
        let library = postgres.lib.join("vetassist.so");
        assert!(!library.exists());
        let before = files(root);
        run_rpm(root, &["--install", "--noscripts"], &package);
        assert!(library.exists());

        let folder = root.join("server");
        let ring = folder.join("keys/ring").display().to_string();
        let settings = [("vetassist.master_key_file", &*ring)];
        let cluster = Cluster::start_at(postgres, &folder, &settings).unwrap();
        cluster.write_key_file("ring", &random_key().unwrap(), 0o600).unwrap();
        sign_in(&cluster);
        drop(cluster);

        run_rpm(root, &["--erase", "--noscripts"], Path::new(&format!("vetassist_{major}")));
        let mut left = files(root);
        left.retain(|path| !path.starts_with("/server/"));
        assert_eq!(left.difference(&before).collect::<Vec<_>>(), [""; 0]);
    }
}
