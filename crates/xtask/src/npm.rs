//! Builds the npm package's tarball, and tests it.

use std::path::{Path, PathBuf};

use anyhow::{ensure, Context, Result};
use pg_scratch::{install_missing, Postgres};
use xshell::{cmd, Shell};

use crate::{
    extension::with_server,
    setup::{python, Tools, PYTHON_VARIABLE, WASM_TARGET},
    sql,
    workspace::{target, HOST, VERSION},
};

/// Names the program for the tests of the package's command, which does the same.
const PROGRAM: &str = "VETASSIST_TEST_AUDIT";
/// The oldest Node that the package and its tests run in.
const NODE_MAJOR: u32 = 20;

/// The projects in `tests/packaging`, the slowest first. Each is a script `test:<name>` of its `package.json`.
pub(crate) const PROJECTS: [&str; 21] = [
    "readme", "firefox", "audit", "chromium", "client", "types", "esbuild", "vite", "pglite",
    "bun", "deno", "size", "python", "workerd", "compile", "worker", "node-esm", "node-cjs",
    "bare", "provider", "wipe",
];

/// Those that need a server with the extension.
pub(crate) const SERVER_PROJECTS: [&str; 5] =
    ["client-server", "audit-server", "sql", "drivers", "node-pg"];

/// Debian's names of the browsers. The other runtimes come from npm.
const BROWSERS: [&str; 2] = ["chromium", "firefox-esr"];

const PACKAGING: &str = "tests/packaging";
/// The projects under frameworks, bundlers and other versions of Node, each a folder with a `test.mjs`.
const FRAMEWORKS: &str = "tests/packaging/frameworks";
const PACKAGE: &str = "crates/vetassist-wasm/npm";

/// The flags that the sealing module is compiled with, beyond its Cargo profile. Sizes are of the module after brotli, times in Node 20.
const RUSTFLAGS: &[&str] = &[
    // sha2 has a backend for it: hashing an address takes 0.3 µs instead of 0.5. All supported runtimes accept it.
    "-Ctarget-feature=+simd128",
    // Loops are not unrolled: 1.1 kB less, at the same speed.
    "--cfg=aes_backend_soft=\"compact\"",
    // Fewer functions are inlined: 0.4 kB less, at the same speed.
    "-Cllvm-args=-inline-threshold=40",
];

/// Each module of the package: its name there, its crate, its profile and its flags.
const MODULES: [(&str, &str, &str, &[&str]); 4] = [
    ("vetassist.wasm", "vetassist-wasm", "wasm", RUSTFLAGS),
    ("schema.wasm", "vetassist-schema-wasm", "wasm-small", &[]),
    ("metadata.wasm", "vetassist-metadata-wasm", "wasm-small", &[]),
    ("audit.wasm", "vetassist-audit-wasm", "wasm-small", &[]),
];

/// Builds `target/npm/vetassist.tgz`.
pub(crate) fn build(tools: &Tools) -> Result<()> {
    let (sh, out) = (&tools.sh, target().join("npm"));
    let get = "get Node 20 or later with npm from nodejs.org or your system's packages";
    let node = cmd!(sh, "node --version").read().with_context(|| format!("no Node: {get}"))?;
    let major = node.trim_start_matches('v').split('.').next().and_then(|part| part.parse().ok());
    ensure!(major.is_none_or(|major: u32| major >= NODE_MAJOR), "Node {node} is too old: {get}");
    cmd!(sh, "npm --version").read().with_context(|| format!("no npm: {get}"))?;
    let modules = sh.create_dir(out.join("modules"))?;
    for (name, package, profile, flags) in MODULES {
        tools
            .cargo(&format!(
                "build --locked -p {package} --profile {profile} --target {WASM_TARGET}"
            ))
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", flags.join(" "))
            // These variables would take precedence, and the package needs the flags above.
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .run()?;
        let built = format!("{WASM_TARGET}/{profile}/{}.wasm", package.replace('-', "_"));
        sh.copy_file(target().join(built), modules.join(name))?;
    }
    // The tests compare the package's command with it.
    let program = format!("build {HOST} --bin vetassist-audit --test program");
    tools.cargo(&program).run()?;
    // The plain file is part of the package.
    sql::write_plain()?;
    install_locked(sh, Path::new(PACKAGE))?;
    let _there = sh.push_dir(PACKAGE);
    Ok(cmd!(sh, "node build.mjs {out} --version {VERSION}").run()?)
}

/// Returns the path of the tarball that [`build`] makes.
pub(crate) fn tarball() -> PathBuf {
    target().join("npm/vetassist.tgz")
}

/// Tests the tarball in these projects, and returns their number.
pub(crate) fn test(sh: &Shell, projects: &[&str]) -> Result<u64> {
    install_missing(&BROWSERS)?;
    install(sh, PACKAGING)?;
    run(sh, projects, &[(PYTHON_VARIABLE, python()?.display().to_string())])
}

/// Returns the names of the projects under frameworks.
pub(crate) fn frameworks(sh: &Shell) -> Result<Vec<String>> {
    let folders = sh.read_dir(FRAMEWORKS)?;
    let projects = folders.iter().filter(|folder| folder.join("test.mjs").exists());
    Ok(projects.filter_map(|folder| Some(folder.file_name()?.to_str()?.to_owned())).collect())
}

/// Tests the tarball in these projects under frameworks, and returns their number.
pub(crate) fn test_frameworks(sh: &Shell, projects: &[String]) -> Result<u64> {
    install_missing(&BROWSERS)?;
    install(sh, PACKAGING)?;
    install(sh, FRAMEWORKS)?;
    let _there = sh.push_dir(PACKAGING);
    let names = projects.iter().map(|project| format!("frameworks/{project}"));
    cmd!(sh, "node each.mjs {names...}").run()?;
    Ok(projects.len() as u64)
}

/// Tests in these projects that JavaScript and a real server open each other's sealed bytes.
pub(crate) fn test_with_server(tools: &Tools, on: &Postgres, projects: &[&str]) -> Result<u64> {
    install(&tools.sh, PACKAGING)?;
    with_server(tools, on, |server| run(&tools.sh, projects, &server))
}

/// Runs projects in `tests/packaging` with these variables, and returns their number.
fn run(sh: &Shell, projects: &[&str], variables: &[(&str, String)]) -> Result<u64> {
    let _there = sh.push_dir(PACKAGING);
    let tests = cmd!(sh, "node each.mjs {projects...}").envs(variables.iter().cloned());
    tests.env(PROGRAM, target().join("debug/vetassist-audit")).run()?;
    Ok(projects.len() as u64)
}

/// Installs the tools of the benchmarks in JavaScript, and the runtimes of the tests.
pub(crate) fn install_edge(sh: &Shell) -> Result<()> {
    install_missing(&BROWSERS)?;
    install(sh, PACKAGING)?;
    install(sh, "bench/edge")
}

/// Installs the tools that a folder's lock file names, and the tarball.
fn install(sh: &Shell, folder: &str) -> Result<()> {
    install_locked(sh, Path::new(folder))?;
    let (tarball, package) = (tarball(), Path::new(folder).join("node_modules/vetassist"));
    sh.remove_path(&package)?;
    sh.create_dir(&package)?;
    Ok(cmd!(sh, "tar --strip-components=1 -xzf {tarball} -C {package}").quiet().run()?)
}

/// Installs the packages of a folder's lock file, unless they are installed.
fn install_locked(sh: &Shell, folder: &Path) -> Result<()> {
    let wanted = sh.read_file(folder.join("package-lock.json"))?;
    // The stamp is written last.
    let stamp = folder.join("node_modules/.installed-lock.json");
    if !sh.read_file(&stamp).is_ok_and(|installed| installed == wanted) {
        // The packages of Deno and Bun install their programs with a script, so scripts are allowed even if the user's
        // npm ignores them.
        {
            let _there = sh.push_dir(folder);
            cmd!(sh, "npm ci --no-audit --no-fund --loglevel=error --ignore-scripts=false")
                .run()?;
        }
        sh.write_file(&stamp, wanted)?;
    }
    Ok(())
}
