//! The libraries of a PostgreSQL from another Debian release. It needs that release's C library, so all its libraries are
//! stored beside its programs.

use std::{fs, path::Path, process::Command};

use anyhow::{ensure, Context, Result};

use crate::process::{capture, run};

/// The folder of the libraries, next to that of the programs.
const LIBRARIES: &str = "runtime";
const LOADER: &str = "ld-linux-x86-64.so.2";
/// Libraries that no test needs. They are larger than all the others together.
pub(crate) const LEFT_OUT: [&str; 3] = ["libLLVM", "libz3", "libclang"];

/// Copies the shared libraries of an unpacked Debian, and the dynamic loader, to a folder in `home`.
pub(crate) fn collect_libraries(tree: &Path, home: &Path) -> Result<()> {
    let target = home.join(LIBRARIES);
    fs::create_dir_all(&target)?;
    // Older releases have libraries in both folders.
    for source in ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"] {
        let Ok(entries) = fs::read_dir(tree.join(source)) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let left_out = LEFT_OUT.iter().any(|prefix| name.starts_with(prefix));
            // A link is copied as the file that it refers to, under the link's name.
            match entry.path().canonicalize() {
                Ok(file) if name.contains(".so") && !left_out && file.is_file() => {
                    fs::copy(file, target.join(&name))
                        .with_context(|| format!("cannot copy {name}"))?;
                }
                _ => {}
            }
        }
    }
    ensure!(target.join(LOADER).exists(), "no package has {LOADER}");
    Ok(())
}

/// Makes the programs of an installation load the libraries that came with it, wherever the installation is now. Does
/// nothing for an installation without its own libraries.
pub(crate) fn bind(home: &Path) -> Result<()> {
    let libraries = home.join(LIBRARIES);
    if !libraries.exists() {
        return Ok(());
    }
    let loader = libraries.join(LOADER);
    for entry in fs::read_dir(home.join("bin"))?.flatten() {
        let program = entry.path();
        let mut ask = Command::new("patchelf");
        match capture(ask.arg("--print-interpreter").arg(&program)) {
            Ok(bound) if Path::new(bound.trim()) != loader => {
                let mut patchelf = Command::new("patchelf");
                patchelf.arg("--set-interpreter").arg(&loader);
                // RPATH, unlike RUNPATH, also applies to the dependencies of a library.
                patchelf.args(["--force-rpath", "--set-rpath"]).arg(&libraries);
                run(patchelf.arg(&program))?;
            }
            // The program uses this loader already, or is a script.
            _ => {}
        }
    }
    Ok(())
}
