//! `cargo xtask release`: writes the files of a release into `target/release-files`. This module builds; the scripts in
//! `packaging/` pack.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::ValueEnum;
use pg_scratch::{find_or_fetch, install_missing, Postgres, DEFAULT_MAJOR, RELEASED};
use xshell::cmd;

use crate::{
    extension::{Extension, Profile},
    npm, python,
    setup::{self, Tools},
    sql,
    workspace::{step, target, VERSION},
};

/// A part of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// A Debian package for each PostgreSQL whose headers are installed
    Deb,
    /// An RPM for each PostgreSQL of the PGDG, built with headers that are fetched if they are not installed
    Rpm,
    /// An image of the extension alone, as CloudNativePG mounts it
    Image,
    /// The program that watches the audit log, as a Debian package and as an RPM
    Audit,
    /// The npm package
    Npm,
    /// The Python package, as a wheel and as a source archive
    Wheel,
    /// The core, packed for crates.io
    Crate,
    /// The tables for a database without the extension
    Sql,
    /// The source, and the same for PGXN
    Source,
    /// The SBOM, as CycloneDX
    Sbom,
}

/// Builds these parts, or all of them, and prints the paths of the files.
pub(crate) fn release(parts: &[Part]) -> Result<()> {
    let mut release = Release::new(Tools::new()?)?;
    let wanted = |part: &&Part| parts.is_empty() || parts.contains(part);
    for part in Part::value_variants().iter().filter(wanted) {
        step(&format!("packing: {part:?}"), || match part {
            Part::Deb => release.debs(),
            Part::Rpm => {
                (DEFAULT_MAJOR..=RELEASED).try_for_each(|major| release.rpm(&find_or_fetch(major)?))
            }
            Part::Image => release.image(&find_or_fetch(RELEASED)?, Profile::Release),
            Part::Audit => release.audit("release"),
            Part::Npm => release.tarball(),
            Part::Wheel => release.wheel(),
            Part::Crate => release.core(),
            Part::Sql => release.plain_sql(),
            Part::Source => release.script("source", &[]),
            Part::Sbom => release.script("sbom", &[setup::python()?]),
        })?;
    }
    release.sums()?;
    release.files.iter().for_each(|file| println!("{}", file.display()));
    Ok(())
}

/// Builds the parts that do not take minutes, for the tests of packages, and returns their folder. The Debian package is
/// for one PostgreSQL. It is built again, to be compared, and as the next revision, for the test of an upgrade.
pub(crate) fn build_for_tests(postgres: &Postgres) -> Result<PathBuf> {
    let mut release = Release::new(Tools::new()?)?;
    release.deb(postgres, 1, "again")?;
    release.deb(postgres, 2, "next")?;
    release.files.clear();
    release.deb(postgres, 1, "")?;
    release.core()?;
    release.tarball()?;
    release.plain_sql()?;
    release.script("source", &[])?;
    release.script("sbom", &[setup::python()?])?;
    release.audit("debug")?;
    release.rpm(postgres)?;
    // The other steps build this profile too, so cargo compiles nothing here.
    release.image(&find_or_fetch(RELEASED)?, Profile::Debug)?;
    release.sums()?;
    Ok(release.folder)
}

struct Release {
    tools: Tools,
    folder: PathBuf,
    files: Vec<PathBuf>,
}

impl Release {
    /// Begins a release in an emptied folder.
    fn new(tools: Tools) -> Result<Self> {
        let folder = target().join("release-files");
        tools.sh.remove_path(&folder)?;
        tools.sh.create_dir(&folder)?;
        Ok(Self { tools, folder, files: Vec::new() })
    }

    /// Runs a script of `packaging/`, and adds the paths that it prints to the files of the release.
    fn pack(&mut self, script: &str, arguments: &[PathBuf]) -> Result<()> {
        let toolchain = self.tools.toolchain();
        let script = cmd!(self.tools.sh, "packaging/{script}").args(arguments);
        let printed = script.env("RUSTUP_TOOLCHAIN", toolchain).read()?;
        self.files.extend(printed.lines().map(PathBuf::from));
        Ok(())
    }

    /// Runs a script with the version and the folder as its first arguments, and these after them.
    fn script(&mut self, script: &str, arguments: &[PathBuf]) -> Result<()> {
        let first = [VERSION.into(), self.folder.clone()];
        self.pack(script, &[&first, arguments].concat())
    }

    /// Builds the extension into a folder that stands for the system's root.
    fn root(&self, kind: &str, postgres: &Postgres, profile: Profile) -> Result<PathBuf> {
        let root = target().join("roots").join(format!("{kind}-{}", postgres.major));
        self.tools.sh.remove_path(&root)?;
        Extension::build(&self.tools, postgres, profile)?.lay_out(&root, postgres)?;
        Ok(root)
    }

    /// Packs a revision into a folder below that of the release.
    fn deb(&mut self, postgres: &Postgres, revision: u32, folder: &str) -> Result<()> {
        install_missing(&["debhelper"])?;
        let root = self.root("deb", postgres, Profile::Release)?;
        let version = format!("{VERSION}-{revision}").into();
        let major = postgres.major.to_string().into();
        let folder = self.folder.join(folder);
        self.pack("deb/pack", &["vetassist-pg".into(), root, version, folder, major])
    }

    fn debs(&mut self) -> Result<()> {
        let mut found = Postgres::all_of_debian()?;
        if found.is_empty() {
            found.push(Tools::with_postgres()?.1);
        }
        found.iter().try_for_each(|postgres| self.deb(postgres, 1, ""))
    }

    fn rpm(&mut self, postgres: &Postgres) -> Result<()> {
        install_missing(&["rpm"])?;
        let below = |name| format!("/usr/pgsql-{}/{name}", postgres.major).into();
        let there = Postgres { lib: below("lib"), share: below("share"), ..postgres.clone() };
        let root = self.root("rpm", &there, Profile::Release)?;
        let version = VERSION.into();
        let major = postgres.major.to_string().into();
        self.pack("rpm/pack", &[root, version, self.folder.clone(), major])
    }

    fn image(&mut self, postgres: &Postgres, profile: Profile) -> Result<()> {
        install_missing(&["buildah"])?;
        let there = Postgres { lib: "/lib".into(), share: "/share".into(), ..postgres.clone() };
        let root = self.root("image", &there, profile)?;
        self.script("image/extension", &[root, postgres.major.to_string().into()])
    }

    /// Builds the program with a profile of cargo's.
    fn audit(&mut self, profile: &str) -> Result<()> {
        install_missing(&["debhelper", "rpm"])?;
        let option = if profile == "release" { "--release" } else { "" };
        self.tools.cargo(&format!("build {option} -p vetassist-audit")).run()?;
        let (sh, root) = (&self.tools.sh, target().join("roots/audit"));
        sh.remove_path(&root)?;
        let program = target().join(profile).join("vetassist-audit");
        let installed = root.join("usr/bin/vetassist-audit");
        cmd!(sh, "install -D -s -m 0755 {program} {installed}").quiet().run()?;
        let revision = format!("{VERSION}-1").into();
        let deb = ["vetassist-audit".into(), root.clone(), revision, self.folder.clone()];
        let rpm = [root, VERSION.into(), self.folder.clone()];
        self.pack("deb/pack", &deb)?;
        self.pack("rpm/pack", &rpm)
    }

    fn tarball(&mut self) -> Result<()> {
        npm::build(&self.tools)?;
        self.take(&npm::tarball(), &format!("vetassist-{VERSION}.tgz"))
    }

    fn wheel(&mut self) -> Result<()> {
        for file in self.tools.sh.read_dir(python::build(&self.tools)?)? {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            self.take(&file, &name)?;
        }
        Ok(())
    }

    /// Packs the core for crates.io. Cargo builds the packed crate too.
    fn core(&mut self) -> Result<()> {
        let target = self.folder.join("crate");
        // Like the other parts, this packs the files as they are, committed or not.
        let options = "package -p vetassist-core --allow-dirty --all-features --target-dir";
        self.tools.cargo(options).arg(&target).run()?;
        let name = format!("vetassist-core-{VERSION}.crate");
        self.take(&target.join("package").join(&name), &name)?;
        Ok(self.tools.sh.remove_path(&target)?)
    }

    fn plain_sql(&mut self) -> Result<()> {
        self.take(&sql::write_plain()?, &format!("vetassist-{VERSION}.sql"))
    }

    fn take(&mut self, from: &Path, name: &str) -> Result<()> {
        let to = self.folder.join(name);
        self.tools.sh.copy_file(from, &to)?;
        self.files.push(to);
        Ok(())
    }

    /// Writes `SHA256SUMS` for `sha256sum --check`.
    fn sums(&mut self) -> Result<()> {
        let sh = &self.tools.sh;
        let names = self.files.iter().filter_map(|file| file.file_name());
        let _there = sh.push_dir(&self.folder);
        let sums = cmd!(sh, "sha256sum --").args(names).read()?;
        let path = self.folder.join("SHA256SUMS");
        sh.write_file(&path, sums + "\n")?;
        self.files.push(path);
        Ok(())
    }
}
