//! The npm package: its tarball, and the tests of what was packed.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use xtask::{
    command::{capture, command, run},
    pg::{random_key, Cluster, Extension, Postgres, Scratch},
    repository, setup, sql,
    toolchain::Toolchain,
    Context, Error, Result,
};

/// What the package and its tests need of Node.
const NODE_MAJOR: u32 = 20;

/// The projects in `tests/packaging`, each a script `test:<name>` of its `package.json`.
const PROJECTS: [&str; 15] = [
    "node-esm", "node-cjs", "wipe", "deno", "bun", "workerd", "chromium", "firefox", "vite",
    "esbuild", "types", "pglite", "worker", "python", "readme",
];

/// Those that need a server with the extension.
const SERVER_PROJECTS: [&str; 3] = ["sql", "drivers", "node-pg"];

/// Debian's names of the browsers. The other runtimes come from npm.
const BROWSERS: [&str; 2] = ["chromium", "firefox-esr"];

/// Builds `target/npm/vetassist.tgz`.
///
/// A program of its own does it, because it needs wasm-bindgen's library, and this one must start at
/// once.
pub(crate) fn build(toolchain: &Toolchain) -> Result<()> {
    let get = "get Node and npm from nodejs.org or your system's packages";
    let version = capture(command("node").arg("--version"))
        .map_err(|_| Error::new(format!("node is missing: {get}")))?;
    let major = version.trim_start_matches('v').split('.').next().unwrap_or("").parse::<u32>();
    if major.is_ok_and(|major| major < NODE_MAJOR) {
        let version = version.trim();
        return Err(Error::new(format!("Node {version} is older than {NODE_MAJOR}: {get}")));
    }
    if capture(command("npm").arg("--version")).is_err() {
        return Err(Error::new(format!("npm is missing: {get}")));
    }
    // It is part of the package.
    sql::write_plain()?;
    run(toolchain.cargo().args(["run", "--quiet", "--package", "xtask-npm"]))
}

/// Runs the tests of the tarball in every runtime, and says how many projects there were.
pub(crate) fn test() -> Result<u64> {
    setup::packages(&BROWSERS)?;
    let python = setup::python()?;
    install()?;
    for project in PROJECTS {
        project_passes(project, &[("VETASSIST_TEST_PYTHON", &python.to_string_lossy())])?;
    }
    Ok(PROJECTS.len() as u64)
}

/// Tests what JavaScript and a real server make of each other's bytes.
pub(crate) fn test_with_server(postgres: &Postgres, extension: &Extension) -> Result<u64> {
    install()?;
    let keys = [random_key()?, random_key()?];
    let scratch = Scratch::create(postgres, extension)?;
    let folder = scratch.root().join("npm");
    let ring = folder.join("keys/ring");
    let settings = [("vetassist.master_key_file", &*ring.to_string_lossy())];
    let cluster = Cluster::start_at(scratch.postgres(), &folder, &settings)?;
    cluster.write_key_file("ring", &keys.join("\n"), 0o600)?;
    let socket = cluster.socket_dir().to_string_lossy();
    let given =
        [("VETASSIST_TEST_SOCKET", &*socket), ("VETASSIST_TEST_RING", &keys.join(",") as &str)];
    for project in SERVER_PROJECTS {
        project_passes(project, &given)?;
    }
    Ok(SERVER_PROJECTS.len() as u64)
}

fn packaging() -> PathBuf {
    repository().join("tests/packaging")
}

/// Installs the tools that the tests' lock file names, unless they are there, and the tarball.
fn install() -> Result<()> {
    install_into(&packaging())
}

/// The same for the benchmarks in JavaScript, which use the tests' runtimes.
pub(crate) fn install_edge() -> Result<()> {
    setup::packages(&BROWSERS)?;
    install()?;
    install_into(&repository().join("bench/edge"))
}

fn install_into(folder: &Path) -> Result<()> {
    let tarball = tarball();
    if !tarball.exists() {
        return Err(Error::new("there is no tarball to test: run `cargo xtask npm`"));
    }
    let modules = folder.join("node_modules");
    let lock = folder.join("package-lock.json");
    let wanted = fs::read(&lock).context(format!("cannot read {}", lock.display()))?;
    // Written last.
    let stamp = modules.join(".installed-lock.json");
    if fs::read(&stamp).ok().as_ref() != Some(&wanted) {
        // The packages of Deno and Bun put their programs in place by a script, whatever the user's
        // npm is told about scripts.
        let ci = ["ci", "--ignore-scripts=false", "--loglevel=error"];
        run(command("npm").current_dir(folder).args(ci))?;
        fs::write(&stamp, &wanted).context(format!("cannot write {}", stamp.display()))?;
    }
    let package = modules.join("vetassist");
    let _ = fs::remove_dir_all(&package);
    fs::create_dir_all(&package).context(format!("cannot create {}", package.display()))?;
    let mut tar = command("tar");
    tar.args(["--strip-components=1", "-xzf"]).arg(&tarball).arg("-C").arg(&package);
    run(&mut tar)
}

/// The tarball that [`build`] makes.
pub(crate) fn tarball() -> PathBuf {
    target().join("npm/vetassist.tgz")
}

fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or(repository().join("target"), PathBuf::from)
}

/// Runs a project. What it agreed with goes to the output; one that says nothing of it has not passed.
fn project_passes(project: &str, environment: &[(&str, &str)]) -> Result<()> {
    let mut npm = command("npm");
    npm.current_dir(packaging()).args(["run", "--silent", &format!("test:{project}")]);
    let said = capture(npm.envs(environment.iter().copied()))?;
    for line in said.lines() {
        println!("    {line}");
    }
    if said.contains("cases agree") {
        Ok(())
    } else {
        Err(Error::new(format!("{project} did not say that its cases agree")))
    }
}
