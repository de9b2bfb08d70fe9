//! Tests the image of the extension alone. CloudNativePG mounts it, and a server without the extension's files loads it
//! from the folder.

use std::{fs, process::Command};

use pg_scratch::{capture, find_or_fetch, random_key, run, Cluster, Scratch, RELEASED};
use serde_json::Value;

use crate::{file_of, release, sign_in};

#[test]
fn a_server_loads_the_extension_from_the_mounted_image() {
    let postgres = find_or_fetch(RELEASED).unwrap();
    let scratch = Scratch::create(&postgres).unwrap();
    assert!(!scratch.postgres().scripts().join("vetassist.control").exists());
    // The kubelet mounts each extension in its own folder.
    let mounted = scratch.root().join("extensions/vetassist");
    let archive = scratch.root().join("archive");
    for folder in [&mounted, &archive] {
        fs::create_dir_all(folder).unwrap();
    }
    run(Command::new("tar")
        .arg("-xf")
        .arg(file_of(&release(), ".oci.tar"))
        .arg("-C")
        .arg(&archive))
    .unwrap();
    let read =
        |digest: &str| archive.join("blobs/sha256").join(digest.strip_prefix("sha256:").unwrap());
    let json = |path| serde_json::from_slice::<Value>(&fs::read(path).unwrap()).unwrap();
    let index = json(archive.join("index.json"));
    let manifest = json(read(index["manifests"][0]["digest"].as_str().unwrap()));
    for layer in manifest["layers"].as_array().unwrap() {
        let layer = read(layer["digest"].as_str().unwrap());
        run(Command::new("tar").arg("-xf").arg(layer).arg("-C").arg(&mounted)).unwrap();
    }
    let files =
        capture(Command::new("find").current_dir(&mounted).args([".", "-type", "f"])).unwrap();
    for file in files.lines() {
        let folders = ["./lib/vetassist.so", "./share/extension/vetassist", "./licenses/LICENSE-"];
        assert!(folders.iter().any(|folder| file.starts_with(folder)), "{file}");
    }

    let (share, lib) = (mounted.join("share"), mounted.join("lib"));
    let (share, lib) =
        (format!("$system:{}", share.display()), format!("$libdir:{}", lib.display()));
    let folder = scratch.root().join("server");
    let ring = folder.join("keys/ring").display().to_string();
    let settings = [
        ("extension_control_path", &*share),
        ("dynamic_library_path", &*lib),
        ("vetassist.master_key_file", &*ring),
    ];
    let cluster = Cluster::start_at(scratch.postgres(), &folder, &settings).unwrap();
    cluster.write_key_file("ring", &random_key().unwrap(), 0o600).unwrap();
    sign_in(&cluster);
}
