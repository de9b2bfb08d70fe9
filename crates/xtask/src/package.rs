//! `cargo xtask package`: what a release consists of, in `target/package`.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::ValueEnum;
use pg_scratch::Postgres;
use xshell::cmd;

use crate::{
    deb, npm,
    setup::Tools,
    sql,
    workspace::{step, target, version},
};

/// A part of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// A Debian package for each PostgreSQL that is here with its headers
    Deb,
    /// The npm package
    Npm,
    /// The core, as crates.io gets it
    Crate,
    /// The tables for a database without the extension
    Sql,
}

/// Builds all parts, or these, and prints where they are.
pub(crate) fn package(parts: &[Part]) -> Result<()> {
    let mut release = Release::new(Tools::new()?)?;
    let wanted = |part: &&Part| parts.is_empty() || parts.contains(part);
    for part in Part::value_variants().iter().filter(wanted) {
        step(&format!("packing: {part:?}"), || match part {
            Part::Deb => release.debs(),
            Part::Npm => release.tarball(),
            Part::Crate => release.core(),
            Part::Sql => release.plain_sql(),
        })?;
    }
    release.sums()?;
    for file in &release.files {
        println!("{}", file.display());
    }
    Ok(())
}

/// Builds all parts, with the Debian package for one PostgreSQL: once more, to be compared, and as the next revision, to
/// be upgraded to. Returns the folder, which the tests of packages look at.
pub(crate) fn build_for_tests(postgres: &Postgres) -> Result<PathBuf> {
    let mut release = Release::new(Tools::new()?)?;
    release.core()?;
    release.tarball()?;
    release.plain_sql()?;
    let deb = |revision: u32, folder: &Path| {
        let version = format!("{}-{revision}", release.version);
        deb::build(&release.tools, postgres, &version, folder)
    };
    deb(1, &release.folder.join("again"))?;
    deb(2, &release.folder.join("next"))?;
    let first = deb(1, &release.folder)?;
    release.files.push(first);
    release.sums()?;
    Ok(release.folder)
}

struct Release {
    tools: Tools,
    folder: PathBuf,
    version: String,
    files: Vec<PathBuf>,
}

impl Release {
    /// Begins a release in an emptied folder.
    fn new(tools: Tools) -> Result<Self> {
        let folder = target().join("package");
        tools.sh.remove_path(&folder)?;
        tools.sh.create_dir(&folder)?;
        Ok(Self { tools, folder, version: version()?, files: Vec::new() })
    }

    fn debs(&mut self) -> Result<()> {
        let mut found = Postgres::all_of_debian()?;
        if found.is_empty() {
            found.push(Tools::with_postgres()?.1);
        }
        for postgres in found {
            let revision = format!("{}-1", self.version);
            self.files.push(deb::build(&self.tools, &postgres, &revision, &self.folder)?);
        }
        Ok(())
    }

    fn tarball(&mut self) -> Result<()> {
        npm::build(&self.tools)?;
        self.take(&npm::tarball(), &format!("vetassist-{}.tgz", self.version))
    }

    /// Packs the core as crates.io gets it, and builds it once more from that.
    fn core(&mut self) -> Result<()> {
        let target = self.folder.join("crate");
        // The state of the files is what is packed, as with the other parts.
        let options = "package -p vetassist-core --allow-dirty --all-features --target-dir";
        self.tools.cargo(options).arg(&target).run()?;
        let name = format!("vetassist-core-{}.crate", self.version);
        self.take(&target.join("package").join(&name), &name)?;
        Ok(self.tools.sh.remove_path(&target)?)
    }

    fn plain_sql(&mut self) -> Result<()> {
        self.take(&sql::write_plain()?, &format!("vetassist-{}.sql", self.version))
    }

    fn take(&mut self, from: &Path, name: &str) -> Result<()> {
        let to = self.folder.join(name);
        self.tools.sh.copy_file(from, &to)?;
        self.files.push(to);
        Ok(())
    }

    /// `SHA256SUMS`, as `sha256sum --check` reads it.
    fn sums(&mut self) -> Result<()> {
        let sh = &self.tools.sh;
        let names = self.files.iter().filter_map(|file| file.file_name());
        let sums = {
            let _there = sh.push_dir(&self.folder);
            cmd!(sh, "sha256sum --").args(names).read()?
        };
        let path = self.folder.join("SHA256SUMS");
        sh.write_file(&path, sums + "\n")?;
        self.files.push(path);
        Ok(())
    }
}
