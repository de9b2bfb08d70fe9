//! The npm package: its tarball, and the tests of what was packed.

use std::{fs, path::Path};

use xtask::{
    command::{capture, command, run, succeeds},
    repository,
    toolchain::Toolchain,
    Context, Error, Result,
};

/// Builds `target/npm/vetassist.tgz`.
///
/// A program of its own does it, because it needs wasm-bindgen's library, and this one must start at
/// once.
pub(crate) fn build(toolchain: &Toolchain) -> Result<()> {
    for program in ["node", "npm"] {
        if !succeeds(command(program).arg("--version")) {
            return Err(Error::new(format!("{program} is missing: apt-get install nodejs npm")));
        }
    }
    run(toolchain.cargo().args(["run", "--quiet", "--package", "xtask-npm"]))
}

/// Unpacks the tarball as npm would install it, runs the tests in Node, and says how many there were.
pub(crate) fn test() -> Result<u64> {
    let (npm, tests) = (repository().join("target/npm"), repository().join("tests/packaging"));
    let vectors = repository().join("tests/vectors/reference.json");
    let mut passed = 0;
    for (project, script) in [("node-esm", "test.mjs"), ("node-cjs", "test.cjs")] {
        let folder = npm.join("test").join(project);
        let package = folder.join("node_modules/vetassist");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&package).context(format!("cannot create {}", package.display()))?;
        let mut tar = command("tar");
        tar.args(["--strip-components=1", "-xzf"]).arg(npm.join("vetassist.tgz"));
        run(tar.arg("-C").arg(&package))?;
        let sources = [tests.join("conformance.mjs"), tests.join(project).join(script)];
        for source in sources {
            let name = source.file_name().unwrap_or_default();
            fs::copy(&source, folder.join(name))
                .context(format!("cannot copy {}", source.display()))?;
        }
        let said =
            capture(command("node").current_dir(&folder).arg(Path::new(script)).arg(&vectors))?;
        print!("{said}");
        if !said.contains("cases agree") {
            return Err(Error::new(format!("{project} did not say that its cases agree")));
        }
        passed += 1;
    }
    Ok(passed)
}
