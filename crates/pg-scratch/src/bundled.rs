//! The libraries of a PostgreSQL from another Debian release. It needs the C library of that release, so all its
//! libraries are copied beside its programs.

use std::{fs, path::Path, process::Command};

use anyhow::{ensure, Context, Result};

use crate::process::{capture, run};

/// The folder of the libraries, beside that of the programs.
const LIBRARIES: &str = "runtime";
const LOADER: &str = "ld-linux-x86-64.so.2";
/// Libraries that no test needs. They are larger than all others together.
pub(crate) const LEFT_OUT: [&str; 3] = ["libLLVM", "libz3", "libclang"];

/// Copies the shared libraries of an unpacked Debian, and its dynamic loader, beside the programs in `home`.
pub(crate) fn collect_libraries(tree: &Path, home: &Path) -> Result<()> {
    let target = home.join(LIBRARIES);
    fs::create_dir_all(&target)?;
    // Older packages still have the second folder, which Debian merged into the first.
    for source in ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"] {
        let Ok(entries) = fs::read_dir(tree.join(source)) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let left_out = LEFT_OUT.iter().any(|prefix| name.starts_with(prefix));
            // A link is replaced by a copy of its file.
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

/// Makes the programs of an installation load the libraries that were copied with it, in its current folder. It does not
/// change an installation without such libraries.
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
                // RPATH, unlike RUNPATH, also applies to the libraries that a library needs.
                patchelf.args(["--force-rpath", "--set-rpath"]).arg(&libraries);
                run(patchelf.arg(&program))?;
            }
            // The program loads them already, or it is a script.
            _ => {}
        }
    }
    Ok(())
}
