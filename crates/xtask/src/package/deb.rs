//! A Debian package of the extension for one PostgreSQL, named as Debian names extensions.

use std::{
    env,
    fmt::Write as _,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use xtask::{
    command::{capture, command, run},
    pg::{Extension, Postgres},
    repository,
    setup::Tools,
    Context, Error, Result,
};

/// `.invalid` (RFC 2606) is nobody's: whoever hands packages on names himself by DEBEMAIL.
const MAINTAINER: (&str, &str) = ("The VetAssist developers", "maintainers@vetassist.invalid");

/// What `apt show` says. A paragraph's lines begin with a blank.
const DESCRIPTION: &str = "\
VA.gov OAuth tokens, sealed inside PostgreSQL
 Keeps the access and refresh tokens of veterans who sign in through VA.gov,
 the sessions and the audit trail around them in four tables. Tokens are
 sealed with AES-256-GCM under a key of each user's own, derived from a key
 ring that never enters SQL.
 .
 After the installation, CREATE EXTENSION vetassist sets it up in a database.";

/// The built files of a package, from which it is packed.
pub(super) struct Deb {
    /// Such as `postgresql-15-vetassist`.
    pub(super) name: String,
    major: u32,
    root: PathBuf,
    architecture: String,
    /// What the library needs of the system's libraries, by dpkg's own measure.
    depends: String,
}

impl Deb {
    /// Builds the extension and lays its files out.
    pub(super) fn build(tools: &Tools, postgres: &Postgres, version: &str) -> Result<Self> {
        let extension = Extension::build(tools, postgres)?;
        let name = format!("postgresql-{}-vetassist", postgres.major);
        let root = repository().join("target/deb").join(&name);
        let _ = fs::remove_dir_all(&root);
        extension.lay_out(&root)?;
        let library =
            root.join(postgres.lib.strip_prefix("/").unwrap_or(&postgres.lib)).join("vetassist.so");
        run(command("strip")
            .args(["--strip-unneeded", "--remove-section=.comment"])
            .arg(&library))?;
        let deb = Self {
            major: postgres.major,
            architecture: capture(command("dpkg").arg("--print-architecture"))?.trim().to_owned(),
            depends: depends(&root.with_extension("shlibdeps"), &library)?,
            name,
            root,
        };
        deb.write_documents(tools, version)?;
        Ok(deb)
    }

    /// The folder that is the package's root.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Packs it as this version, Debian's revision included, and says where it is.
    pub(super) fn pack(&self, folder: &Path, version: &str) -> Result<PathBuf> {
        let documents = self.documents();
        let changelog = format!(
            "vetassist ({version}) unstable; urgency=medium\n\n  * Built from the source of this version; CHANGELOG says what is new.\n\n -- {}  {}\n",
            maintainer(),
            capture(command("date").args(["-u", "-R", "-d", &format!("@{}", changed()?)]))?.trim(),
        );
        write(&documents.join("changelog.Debian"), &changelog)?;
        gzip(&documents.join("changelog.Debian"))?;
        let debian = self.root.join("DEBIAN");
        let _ = fs::remove_dir_all(&debian);
        fs::create_dir(&debian).context(format!("cannot create {}", debian.display()))?;
        write(
            &debian.join("md5sums"),
            &self.in_root("find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum")?,
        )?;
        let size = self.in_root("du -k -s --apparent-size usr | cut -f 1")?;
        let control = format!(
            "Package: {}\nSource: vetassist\nVersion: {version}\nArchitecture: {}\nMaintainer: {}\nInstalled-Size: {}\nDepends: postgresql-{}, {}\nSection: database\nPriority: optional\nDescription: {DESCRIPTION}\n",
            self.name,
            self.architecture,
            maintainer(),
            size.trim(),
            self.major,
            self.depends,
        );
        write(&debian.join("control"), &control)?;
        self.in_root("chmod -R u=rwX,go=rX .")?;
        let path = folder.join(format!("{}_{version}_{}.deb", self.name, self.architecture));
        let mut dpkg_deb = command("dpkg-deb");
        // The same source makes the same package: no file is younger than the last change.
        dpkg_deb.env("SOURCE_DATE_EPOCH", changed()?);
        dpkg_deb.args(["--root-owner-group", "-Zxz", "--build"]).arg(&self.root).arg(&path);
        capture(&mut dpkg_deb)?;
        Ok(path)
    }

    fn documents(&self) -> PathBuf {
        self.root.join("usr/share/doc").join(&self.name)
    }

    fn write_documents(&self, tools: &Tools, version: &str) -> Result<()> {
        let documents = self.documents();
        fs::create_dir_all(&documents).context(format!("cannot create {}", documents.display()))?;
        for (source, name) in [("CHANGELOG.md", "changelog"), ("README.md", "README.md")] {
            let text =
                fs::read(repository().join(source)).context(format!("cannot read {source}"))?;
            let path = documents.join(name);
            fs::write(&path, text).context(format!("cannot write {}", path.display()))?;
            gzip(&path)?;
        }
        write(&documents.join("copyright"), &copyright(tools, version)?)
    }

    fn in_root(&self, script: &str) -> Result<String> {
        capture(command("sh").current_dir(&self.root).args(["-ec", script]))
    }
}

/// `Depends` of a library, from the symbols that it takes of the system's packages.
fn depends(workshop: &Path, library: &Path) -> Result<String> {
    // The program wants a source package around itself.
    let debian = workshop.join("debian");
    fs::create_dir_all(&debian).context(format!("cannot create {}", debian.display()))?;
    write(&debian.join("control"), "Source: vetassist\n\nPackage: vetassist\nArchitecture: any\n")?;
    let mut shlibdeps = command("dpkg-shlibdeps");
    // PostgreSQL's own symbols are in the program that loads the library: no package is warned about.
    shlibdeps.current_dir(workshop).args(["--warnings=0", "-O"]).arg(library);
    let said = capture(&mut shlibdeps)?;
    let _ = fs::remove_dir_all(workshop);
    said.trim()
        .strip_prefix("shlibs:Depends=")
        .map(str::to_owned)
        .ok_or_else(|| Error::new(format!("dpkg-shlibdeps said: {said}")))
}

/// The licence, and those of the crates that are part of the library.
fn copyright(tools: &Tools, version: &str) -> Result<String> {
    let mut text = format!(
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: vetassist\nComment: version {version}\n\nFiles: *\nCopyright: The VetAssist developers\nLicense: Expat or Apache-2.0\n"
    );
    let mut cargo = tools.toolchain.cargo();
    cargo.args(["tree", "-p", "vetassist-pg", "-e", "normal,no-proc-macro", "--prefix", "none"]);
    let tree = capture(cargo.args(["--format", "{p}|{l}"]))?;
    let mut crates: Vec<_> = tree
        .lines()
        .filter(|line| !line.contains("(/") && !line.ends_with("(*)"))
        .filter_map(|line| line.split_once('|'))
        .collect();
    crates.sort_unstable();
    crates.dedup();
    if crates.is_empty() {
        return Err(Error::new("cargo tree names no crates"));
    }
    text += "\nFiles: usr/lib/postgresql/*/lib/vetassist.so\nCopyright: The VetAssist developers, and the authors of the crates below\nLicense: Expat or Apache-2.0\nComment: Linked into the library, each under its own licence:\n";
    for (name, licence) in crates {
        let _ = writeln!(text, " {name}: {licence}");
    }
    text += "\nLicense: Expat or Apache-2.0\n Either of the two, at your choice.\n .\n The text of the Apache License, Version 2.0, is in\n /usr/share/common-licenses/Apache-2.0. The other one:\n .\n";
    let expat =
        fs::read_to_string(repository().join("LICENSE-MIT")).context("cannot read LICENSE-MIT")?;
    for line in expat.lines() {
        let _ = writeln!(text, " {}", if line.is_empty() { "." } else { line });
    }
    Ok(text)
}

/// Who answers for the package, as Debian's own tools find him.
fn maintainer() -> String {
    let given = |name: &str, ours: &str| env::var(name).unwrap_or_else(|_| ours.to_owned());
    format!("{} <{}>", given("DEBFULLNAME", MAINTAINER.0), given("DEBEMAIL", MAINTAINER.1))
}

/// When the source was last changed, in seconds since 1970: what the builder says, or the last commit.
fn changed() -> Result<String> {
    match env::var("SOURCE_DATE_EPOCH") {
        Ok(given) => Ok(given),
        Err(_) => {
            Ok(capture(command("git").args(["log", "-1", "--format=%ct"]))?.trim().to_owned())
        }
    }
}

fn gzip(path: &Path) -> Result<()> {
    // Neither name nor time goes in.
    run(command("gzip").args(["--force", "--best", "--no-name"]).arg(path))
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).context(format!("cannot write {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644))
        .context(format!("cannot open {}", path.display()))
}
