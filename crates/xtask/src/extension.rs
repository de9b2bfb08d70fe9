//! Builds the extension with cargo, and installs it by copying its files.

use std::{
    path::{Path, PathBuf},
    slice,
};

use anyhow::Result;
use pg_scratch::{random_key, Cluster, Postgres, Scratch};
use xshell::{cmd, Shell};

use crate::{
    setup::{as_root, Tools, PG_CONFIG_VARIABLE},
    sql,
    workspace::{shell, target, VERSION},
};

/// The profile that the extension is compiled with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Profile {
    /// For the tests: compiles in seconds.
    Debug,
    /// For releases and benchmarks.
    Release,
}

/// The built extension: the library and, in one folder, the control file and the scripts.
#[derive(Clone, Debug)]
pub(crate) struct Extension {
    library: PathBuf,
    scripts: PathBuf,
}

impl Extension {
    /// Builds the library and writes the scripts. Cargo compiles only changed code.
    pub(crate) fn build(tools: &Tools, postgres: &Postgres, profile: Profile) -> Result<Self> {
        let (option, name) = match profile {
            Profile::Debug => ("", "debug"),
            Profile::Release => ("--release", "release"),
        };
        let features = format!("--no-default-features --features pg{}", postgres.major);
        tools
            .cargo(&format!("build {option} --package vetassist-pg {features}"))
            .env(PG_CONFIG_VARIABLE, &postgres.pg_config)
            .run()?;
        let folder = target().join("extension").join(format!("pg{}-{name}", postgres.major));
        let built =
            Self { library: folder.join("vetassist.so"), scripts: folder.join("extension") };
        let sh = &tools.sh;
        // The folder may have files of another version.
        sh.remove_path(&folder)?;
        sh.create_dir(&folder)?;
        sh.copy_file(target().join(name).join("libvetassist.so"), &built.library)?;
        let control = sh.read_file("crates/vetassist-pg/vetassist.control")?;
        let control = control.replace("@CARGO_VERSION@", VERSION);
        sh.write_file(built.scripts.join("vetassist.control"), control)?;
        for (name, text) in sql::scripts()? {
            sh.write_file(built.scripts.join(name), text)?;
        }
        Ok(built)
    }

    /// Installs the files below a folder that stands for the system's root. Returns the path of the library there.
    pub(crate) fn lay_out(&self, root: &Path, postgres: &Postgres) -> Result<PathBuf> {
        let sh = shell()?;
        let relocated = |folder: &Path| root.join(folder.strip_prefix("/").unwrap_or(folder));
        let there = Postgres {
            lib: relocated(&postgres.lib),
            share: relocated(&postgres.share),
            ..postgres.clone()
        };
        sh.create_dir(&there.lib)?;
        sh.create_dir(there.scripts())?;
        self.install(&there)?;
        Ok(there.lib.join("vetassist.so"))
    }

    /// Copies the files into an installation of the same major version, as root if the folders need it.
    pub(crate) fn install(&self, postgres: &Postgres) -> Result<()> {
        let sh = shell()?;
        copy(&sh, slice::from_ref(&self.library), &postgres.lib)?;
        copy(&sh, &sh.read_dir(&self.scripts)?, &postgres.scripts())
    }

    /// Returns a copy of an installation, with the extension.
    pub(crate) fn scratch(&self, postgres: &Postgres) -> Result<Scratch> {
        let scratch = Scratch::create(postgres)?;
        self.install(scratch.postgres())?;
        Ok(scratch)
    }
}

/// Runs tests of a package with a server that has the extension. The variables name its socket, its ring and its log.
pub(crate) fn with_server(
    tools: &Tools,
    postgres: &Postgres,
    test: impl FnOnce([(&str, String); 3]) -> Result<u64>,
) -> Result<u64> {
    let scratch = Extension::build(tools, postgres, Profile::Debug)?.scratch(postgres)?;
    let keys = [random_key()?, random_key()?];
    let cluster =
        Cluster::start_prepared(&scratch, &[("max_connections", "200")], &[], |cluster| {
            let ring = cluster.write_key_file("ring", &keys.join("\n"), 0o600)?;
            cluster.alter_system("vetassist.master_key_file", &ring.to_string_lossy())
        })?;
    test([
        ("VETASSIST_TEST_SOCKET", cluster.socket_dir().display().to_string()),
        ("VETASSIST_TEST_RING", keys.join(",")),
        ("VETASSIST_TEST_LOG", cluster.log_file().display().to_string()),
    ])
}

fn copy(sh: &Shell, files: &[PathBuf], folder: &Path) -> Result<()> {
    let is_writable = cmd!(sh, "test -w {folder}").quiet().run().is_ok();
    let install = if is_writable { cmd!(sh, "install") } else { as_root(sh, "install") };
    // `install` creates new files, so a running server keeps the library that it has loaded.
    Ok(install.args(["-m", "0644"]).args(files).arg(folder).quiet().run()?)
}
