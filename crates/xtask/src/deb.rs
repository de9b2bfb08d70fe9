//! A Debian package of the extension for one PostgreSQL, named as Debian names extensions and made by debhelper.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{ensure, Result};
use pg_scratch::{install_missing, Postgres};
use xshell::{cmd, Shell};

use crate::{
    extension::{Extension, Profile},
    setup::Tools,
    workspace::target,
};

/// `.invalid` (RFC 2606) is nobody's: whoever hands packages on names himself by DEBEMAIL.
const MAINTAINER: (&str, &str) = ("The VetAssist developers", "maintainers@vetassist.invalid");

/// The text of `apt show`. A paragraph's lines begin with a blank.
const DESCRIPTION: &str = "\
VA.gov OAuth tokens, sealed inside PostgreSQL
 Keeps the access and refresh tokens of veterans who sign in through VA.gov,
 the sessions and the audit trail around them in four tables. Tokens are
 sealed with AES-256-GCM under a key of each user's own, derived from a key
 ring that never enters SQL.
 .
 After the installation, CREATE EXTENSION vetassist sets it up in a database.";

/// The programs that make a package of the files that are laid out, in this order.
const DEBHELPER: [&str; 8] = [
    "dh_installdocs README.md",
    "dh_installchangelogs CHANGELOG.md",
    "dh_strip --no-automatic-dbgsym",
    "dh_compress",
    "dh_fixperms",
    // PostgreSQL's own symbols are in the program that loads the library: no package is warned about.
    "dh_shlibdeps -- --warnings=0",
    "dh_gencontrol",
    "dh_md5sums",
];

/// Builds the extension and packs it as this version, Debian's revision included, into a folder. Returns the package.
pub(crate) fn build(
    tools: &Tools,
    postgres: &Postgres,
    version: &str,
    folder: &Path,
) -> Result<PathBuf> {
    install_missing(&["debhelper"])?;
    let (sh, major) = (&tools.sh, postgres.major);
    let name = format!("postgresql-{major}-vetassist");
    let maintainer = maintainer();
    let changed = changed(sh)?;
    let date = cmd!(sh, "date -u -R -d @{changed}").read()?;
    let source = target().join("deb").join(&name);
    let debian = source.join("debian");
    sh.remove_path(&source)?;
    Extension::build(tools, postgres, Profile::Release)?.lay_out(&debian.join(&name), postgres)?;
    for document in ["README.md", "CHANGELOG.md"] {
        sh.copy_file(document, source.join(document))?;
    }
    sh.write_file(debian.join("copyright"), copyright(tools, version)?)?;
    sh.write_file(debian.join("changelog"), format!("vetassist ({version}) unstable; urgency=medium\n\n  * Built from the source of this version; CHANGELOG says what is new.\n\n -- {maintainer}  {date}\n"))?;
    sh.write_file(debian.join("control"), format!("Source: vetassist\nSection: database\nPriority: optional\nMaintainer: {maintainer}\nBuild-Depends: debhelper-compat (= 13)\nRules-Requires-Root: no\n\nPackage: {name}\nArchitecture: any\nDepends: postgresql-{major}, ${{shlibs:Depends}}, ${{misc:Depends}}\nDescription: {DESCRIPTION}\n"))?;
    sh.create_dir(folder)?;
    let _there = sh.push_dir(&source);
    // The same source makes the same package: no file is younger than the last change.
    let _date = sh.push_env("SOURCE_DATE_EPOCH", &changed);
    for line in DEBHELPER {
        let mut words = line.split(' ');
        sh.cmd(words.next().unwrap_or_default()).args(words).quiet().run()?;
    }
    cmd!(sh, "dh_builddeb --destdir={folder} -- -Zxz").quiet().run()?;
    let architecture = cmd!(sh, "dpkg --print-architecture").read()?;
    Ok(folder.join(format!("{name}_{version}_{architecture}.deb")))
}

/// Returns the licence, and those of the crates that are part of the library.
fn copyright(tools: &Tools, version: &str) -> Result<String> {
    let tree = tools
        .cargo("tree -p vetassist-pg -e normal,no-proc-macro --prefix none")
        .args(["--format", " {p}: {l}"])
        .read()?;
    let mut crates: Vec<_> =
        tree.lines().filter(|line| !line.contains("(/") && !line.ends_with("(*)")).collect();
    crates.sort_unstable();
    crates.dedup();
    ensure!(!crates.is_empty(), "cargo tree names no crates");
    let crates = crates.join("\n");
    let mut expat = String::new();
    for line in tools.sh.read_file("LICENSE-MIT")?.lines() {
        expat += &format!(" {}\n", if line.is_empty() { "." } else { line });
    }
    Ok(format!(
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: vetassist
Comment: version {version}

Files: *
Copyright: The VetAssist developers
License: Expat or Apache-2.0

Files: usr/lib/postgresql/*/lib/vetassist.so
Copyright: The VetAssist developers, and the authors of the crates below
License: Expat or Apache-2.0
Comment: Linked into the library, each under its own licence:
{crates}

License: Expat or Apache-2.0
 Either of the two, at your choice.
 .
 The text of the Apache License, Version 2.0, is in
 /usr/share/common-licenses/Apache-2.0. The other one:
 .
{expat}"
    ))
}

/// Returns who answers for the package, as Debian's own tools find him.
fn maintainer() -> String {
    let given = |name: &str, ours: &str| env::var(name).unwrap_or_else(|_| ours.to_owned());
    format!("{} <{}>", given("DEBFULLNAME", MAINTAINER.0), given("DEBEMAIL", MAINTAINER.1))
}

/// Returns when the source was last changed, in seconds since 1970: what the builder says, or the last commit.
fn changed(sh: &Shell) -> Result<String> {
    match env::var("SOURCE_DATE_EPOCH") {
        Ok(given) => Ok(given),
        Err(_) => Ok(cmd!(sh, "git log -1 --format=%ct").read()?),
    }
}
