//! Builds the npm package `vetassist` into `target/npm`. `cargo xtask npm` runs this.
//!
//! Here is what needs Rust: the two modules. The rest (optimising, bundling, packing) is `build.mjs` in the
//! package's own folder, with tools from npm at the versions of its lock file.

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

const TARGET: &str = "wasm32-unknown-unknown";

/// How the sealing module is compiled beyond its Cargo profile. Sizes are of the module under brotli, times of
/// Node 20.
const RUSTFLAGS: &[&str] = &[
    // sha2 has a backend for it: an address hashes in 0.3 µs instead of 0.5. All supported runtimes
    // accept it.
    "-Ctarget-feature=+simd128",
    // Rolled loops: 1.1 kB less, at the same speed.
    "--cfg=aes_backend_soft=\"compact\"",
    // Inlining less: 0.4 kB less, at the same speed.
    "-Cllvm-args=-inline-threshold=40",
];

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .ok_or("the crate has left its workspace")?;
    let target = env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
    let out = target.join("npm");
    let package = root.join("crates/vetassist-wasm/npm");

    for (package, profile, flags) in
        [("vetassist-wasm", "wasm", RUSTFLAGS), ("vetassist-schema-wasm", "wasm-small", &[])]
    {
        run(Command::new(env::var_os("CARGO").unwrap_or("cargo".into()))
            .args(["build", "--package", package, "--profile", profile, "--target", TARGET])
            .arg("--locked")
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", flags.join(" "))
            // It would take precedence, and these flags are part of what the package is.
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .arg("--target-dir")
            .arg(&target)
            .current_dir(root))?;
    }

    let modules = out.join("modules");
    fs::create_dir_all(&modules)?;
    for (built, name) in [
        ("wasm/vetassist_wasm.wasm", "vetassist.wasm"),
        ("wasm-small/vetassist_schema_wasm.wasm", "schema.wasm"),
    ] {
        fs::copy(target.join(TARGET).join(built), modules.join(name))?;
    }

    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    run(Command::new(npm).args(["ci", "--no-audit", "--no-fund"]).current_dir(&package))?;
    run(Command::new("node")
        .arg("build.mjs")
        .arg(&out)
        .args(["--version", env!("CARGO_PKG_VERSION")])
        .current_dir(&package))
}

fn run(command: &mut Command) -> Result<(), Box<dyn Error>> {
    let status = command.status().map_err(|error| format!("{command:?}: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{command:?}: {status}").into())
    }
}
