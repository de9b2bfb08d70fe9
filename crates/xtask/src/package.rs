//! `cargo xtask package`: what a release consists of, in `target/package`.

pub(crate) mod check;
mod deb;

use std::{
    fs,
    path::{Path, PathBuf},
};

use xtask::{
    command::{capture, command, run},
    pg::Postgres,
    repository,
    setup::{self, Tools},
    sql, step,
    toolchain::{workspace_version, Toolchain},
    Context, Error, Result,
};

use crate::npm;

/// A part of a release.
type Part = (&'static str, fn(&mut Release) -> Result<()>);

/// The parts, by the names that `--only` takes.
const PARTS: [Part; 4] = [
    ("deb", Release::debs),
    ("npm", Release::tarball),
    ("crate", Release::core),
    ("sql", Release::plain_sql),
];

/// Builds all parts, or those named, and says where they are.
pub(crate) fn package(only: &[&str]) -> Result<()> {
    if let Some(name) = only.iter().find(|name| !PARTS.iter().any(|(part, _)| part == *name)) {
        let known: Vec<_> = PARTS.iter().map(|(part, _)| *part).collect();
        return Err(Error::new(format!("{name} is not one of {}", known.join(", "))));
    }
    let mut release = Release::new(folder()?)?;
    for (name, build) in PARTS {
        if only.is_empty() || only.contains(&name) {
            step(&format!("packing: {name}"), || build(&mut release))?;
        }
    }
    release.sums()?;
    for file in &release.files {
        println!("{}", file.display());
    }
    Ok(())
}

/// The emptied folder of a release.
fn folder() -> Result<PathBuf> {
    let folder = repository().join("target/package");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).context(format!("cannot create {}", folder.display()))?;
    Ok(folder)
}

struct Release {
    folder: PathBuf,
    version: String,
    files: Vec<PathBuf>,
    tools: Option<Tools>,
}

impl Release {
    fn new(folder: PathBuf) -> Result<Self> {
        Ok(Self { folder, version: workspace_version()?, files: Vec::new(), tools: None })
    }

    /// The toolchain and cargo-pgrx, set up when first asked for: not every part needs them.
    fn tools(&mut self) -> Result<Tools> {
        match &self.tools {
            Some(tools) => Ok(tools.clone()),
            None => Ok(self.tools.insert(setup::build_tools()?).clone()),
        }
    }

    /// A package for each PostgreSQL that Debian's packages installed here with its headers.
    fn debs(&mut self) -> Result<()> {
        let mut found = Postgres::all_of_debian()?;
        if found.is_empty() {
            setup::tools()?;
            found.push(Postgres::debian(setup::DEFAULT_MAJOR)?);
        }
        let tools = self.tools()?;
        for postgres in found {
            let deb = deb::Deb::build(&tools, &postgres, &self.version)?;
            self.files.push(deb.pack(&self.folder, &format!("{}-1", self.version))?);
        }
        Ok(())
    }

    fn tarball(&mut self) -> Result<()> {
        npm::build(&Toolchain::ensure()?)?;
        self.take(&npm::tarball(), &format!("vetassist-{}.tgz", self.version))
    }

    /// What crates.io would get, built once more from what it would get.
    fn core(&mut self) -> Result<()> {
        let target = self.folder.join("crate");
        let mut cargo = Toolchain::ensure()?.cargo();
        // The state of the files is what is packed, as with the other parts.
        cargo.args(["package", "-p", "vetassist-core", "--allow-dirty", "--all-features"]);
        run(cargo.arg("--target-dir").arg(&target))?;
        let name = format!("vetassist-core-{}.crate", self.version);
        self.take(&target.join("package").join(&name), &name)?;
        fs::remove_dir_all(&target).context(format!("cannot remove {}", target.display()))
    }

    fn plain_sql(&mut self) -> Result<()> {
        self.take(&sql::write_plain()?, &format!("vetassist-{}.sql", self.version))
    }

    fn take(&mut self, from: &Path, name: &str) -> Result<()> {
        let to = self.folder.join(name);
        fs::copy(from, &to).context(format!("cannot copy {}", from.display()))?;
        self.files.push(to);
        Ok(())
    }

    /// `SHA256SUMS`, as `sha256sum --check` reads it.
    fn sums(&mut self) -> Result<()> {
        let mut sha256sum = command("sha256sum");
        sha256sum.current_dir(&self.folder).arg("--");
        sha256sum.args(self.files.iter().filter_map(|file| file.file_name()));
        let sums = capture(&mut sha256sum)?;
        let path = self.folder.join("SHA256SUMS");
        fs::write(&path, sums).context(format!("cannot write {}", path.display()))?;
        self.files.push(path);
        Ok(())
    }
}
