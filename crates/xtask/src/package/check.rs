//! Whether the packages install, upgrade and go as they should. The system's own stay as they are: dpkg
//! works in a copy of the PostgreSQL, which has the system's list of packages to check dependencies by.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use xtask::{
    command::{as_root, capture, command, run},
    pg::{random_key, Cluster, Postgres, Scratch},
    setup::{self, Tools},
    toolchain::workspace_version,
    Context, Error, Result,
};

use super::{deb::Deb, folder, Release};

/// What lintian would have us do that does not apply: each with why.
const NOT_OURS: [(&str, &str); 1] =
    [("initial-upload-closes-no-bugs", "these packages are not uploaded to Debian")];

const USER: &str = "1bb044aa-ded1-40c7-8a88-433e74903f95";
const TOKEN: &str = "sealed before the package was upgraded";

/// Builds every part of a release and looks at each. Returns how many checks there were.
pub(crate) fn test(tools: &Tools, postgres: &Postgres) -> Result<u64> {
    setup::packages(&["lintian"])?;
    let version = workspace_version()?;
    let mut release = Release::new(folder()?)?;
    release.tools = Some(tools.clone());
    release.core()?;
    release.tarball()?;
    release.plain_sql()?;

    let deb = Deb::build(tools, postgres, &version)?;
    let first = deb.pack(&release.folder, &format!("{version}-1"))?;
    release.files.push(first.clone());
    release.sums()?;
    run(command("sha256sum").current_dir(&release.folder).args([
        "--check",
        "--quiet",
        "SHA256SUMS",
    ]))?;
    crate_is_whole(&release.files[0])?;

    tarball_is_of(&release.files[1], &version)?;

    let mut checks = 3;
    named_and_laid_out(&deb, &first, postgres)?;
    lints(&first)?;
    // Its dependencies can be met on this machine.
    capture(command("apt-get").args(["install", "--simulate", "-q"]).arg(&first))?;
    checks += 3;
    let again = deb.pack(&release.folder, &format!("{version}-1"))?;
    same("a package built twice from one source", &sum(&again)?, &sum(&first)?)?;
    let next = release.folder.join("next");
    fs::create_dir_all(&next).context("cannot create a folder")?;
    let second = deb.pack(&next, &format!("{version}-2"))?;
    lives(postgres, &deb.name, &first, &second)?;
    fs::remove_dir_all(&next).context("cannot remove a folder")?;
    Ok(checks + 2)
}

/// The version inside the npm package.
fn tarball_is_of(path: &Path, version: &str) -> Result<()> {
    let mut tar = command("tar");
    let manifest = capture(tar.arg("-xzOf").arg(path).arg("package/package.json"))?;
    if manifest.contains(&format!("\n  \"version\": \"{version}\",\n")) {
        Ok(())
    } else {
        Err(Error::new(format!("the npm package is not of version {version}")))
    }
}

/// What crates.io would get has its licences and is no larger than what builds it.
fn crate_is_whole(path: &Path) -> Result<()> {
    let list = capture(command("tar").arg("-tzf").arg(path))?;
    for name in
        ["LICENSE-MIT", "LICENSE-APACHE", "README.md", "src/lib.rs", "src/schema/catalog.sql"]
    {
        if !list.lines().any(|line| line.ends_with(&format!("/{name}"))) {
            return Err(Error::new(format!("{} lacks {name}", path.display())));
        }
    }
    if list.lines().any(|line| line.contains("/tests/")) {
        return Err(Error::new("the crate has tests that cannot run outside the repository"));
    }
    Ok(())
}

fn named_and_laid_out(deb: &Deb, path: &Path, postgres: &Postgres) -> Result<()> {
    let field = |name: &str| -> Result<String> {
        Ok(capture(command("dpkg-deb").arg("--field").arg(path).arg(name))?.trim().to_owned())
    };
    let major = postgres.major;
    same("the name", &field("Package")?, &format!("postgresql-{major}-vetassist"))?;
    let depends = field("Depends")?;
    for wanted in [format!("postgresql-{major}"), "libc6 (>= ".into()] {
        if !depends.split(", ").any(|one| one.starts_with(&wanted)) {
            return Err(Error::new(format!("{wanted} is not among `{depends}`")));
        }
    }
    let list = capture(command("dpkg-deb").arg("--contents").arg(path))?;
    let folders = [
        format!("./usr/lib/postgresql/{major}/lib/vetassist.so"),
        format!("./usr/share/postgresql/{major}/extension/vetassist"),
        format!("./usr/share/doc/{}/", deb.name),
    ];
    for line in list.lines().filter(|line| !line.starts_with('d')) {
        let name = line.split_whitespace().last().unwrap_or_default();
        let fine = line.starts_with("-rw-r--r-- root/root")
            && folders.iter().any(|folder| name.starts_with(folder));
        if !fine {
            return Err(Error::new(format!("in the package: {line}")));
        }
    }
    let copyright = deb.root().join("usr/share/doc").join(&deb.name).join("copyright");
    let copyright = fs::read_to_string(copyright).context("cannot read the copyright")?;
    for linked in ["aes-gcm v", "pgrx v", "hkdf v"] {
        if !copyright.contains(linked) {
            return Err(Error::new(format!("the copyright does not name {linked}")));
        }
    }
    Ok(())
}

/// lintian, Debian's own reviewer, has nothing to say.
fn lints(path: &Path) -> Result<()> {
    let not_ours: Vec<_> = NOT_OURS.iter().map(|(tag, _)| *tag).collect();
    let mut lintian = command("lintian");
    // It refuses neither root nor a machine of another release.
    lintian.args(["--allow-root", "--fail-on", "error,warning", "--suppress-tags"]);
    run(lintian.arg(not_ours.join(",")).arg(path))
}

/// Installed, upgraded under a running server, purged, and installed again, with the data there all the
/// time.
fn lives(postgres: &Postgres, name: &str, first: &Path, second: &Path) -> Result<()> {
    let scratch = Scratch::without_extension(postgres)?;
    let dpkg = Dpkg::new(scratch.root())?;
    let before = dpkg.files()?;
    dpkg.run(&["--install"], first)?;

    let folder = scratch.root().join("packaged");
    let ring = folder.join("keys/ring");
    let settings = [("vetassist.master_key_file", &*ring.to_string_lossy())];
    let cluster = Cluster::start_at(scratch.postgres(), &folder, &settings)?;
    cluster.write_key_file("ring", &random_key()?, 0o600)?;
    let sql = |text: &str| answer(&cluster, text);
    let open = format!("SELECT vetassist_access_token('{USER}')");
    sql("CREATE EXTENSION vetassist")?;
    let versions = "SELECT extversion || ' ' || vetassist_version() FROM pg_extension WHERE extname = 'vetassist'";
    same("its versions", &sql(versions)?, &format!("{0} {0}", workspace_version()?))?;
    sql(&format!(
        "INSERT INTO vetassist_users (id, va_icn) VALUES ('{USER}', '1012667145V762142');
         SELECT vetassist_store_tokens('{USER}', '{TOKEN}', now() + interval '1 hour')"
    ))?;
    same("opened after the installation", &sql(&open)?, TOKEN)?;

    // A session that has the old library loaded goes on with it while the package is upgraded.
    let upgrade = format!("\\! {}", dpkg.shell("--install", second)?);
    let said = answer_all(&cluster, &[&open, &upgrade, &open])?;
    let opened = said.lines().filter(|line| *line == TOKEN).count();
    same("opened before and after the upgrade, in one session", &opened.to_string(), "2")?;
    same("the version after the upgrade", &dpkg.version(name)?, version_of(second)?.trim())?;
    same("opened after the upgrade", &sql(&open)?, TOKEN)?;

    dpkg.run(&["--purge"], Path::new(name))?;
    let left: Vec<_> = dpkg.files()?.difference(&before).cloned().collect();
    same("files left by the purge", &format!("{left:?}"), "[]")?;
    same("rows after the purge", &sql("SELECT count(*) FROM vetassist_va_tokens")?, "1")?;
    let refusal = sql(&open).err().map(|error| error.to_string()).unwrap_or_default();
    if !refusal.contains("vetassist") || !refusal.contains("No such file") {
        return Err(Error::new(format!("without the package a call said: {refusal}")));
    }
    dpkg.run(&["--install"], first)?;
    same("opened after it is installed again", &sql(&open)?, TOKEN)
}

fn answer(cluster: &Cluster, sql: &str) -> Result<String> {
    Ok(answer_all(cluster, &[sql])?.trim().to_owned())
}

/// What one session answers to several commands.
fn answer_all(cluster: &Cluster, commands: &[&str]) -> Result<String> {
    let mut arguments = vec!["-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"];
    for text in commands {
        arguments.extend(["-c", text]);
    }
    let output = cluster.psql("postgres", &arguments)?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(Error::new(String::from_utf8_lossy(&output.stderr).into_owned()))
    }
}

/// dpkg for a folder that stands for the system's root.
struct Dpkg {
    root: PathBuf,
}

impl Dpkg {
    fn new(root: &Path) -> Result<Self> {
        let database = root.join("var/lib/dpkg");
        for folder in ["info", "updates"] {
            fs::create_dir_all(database.join(folder)).context("cannot create dpkg's database")?;
        }
        // As the system's, less an installation of ours.
        let status = fs::read_to_string("/var/lib/dpkg/status")
            .context("cannot read /var/lib/dpkg/status")?;
        let others: Vec<_> = status
            .split_inclusive("\n\n")
            .filter(|stanza| {
                !stanza
                    .lines()
                    .any(|line| line.starts_with("Package: ") && line.ends_with("-vetassist"))
            })
            .collect();
        fs::write(database.join("status"), others.concat())
            .context("cannot write dpkg's status")?;
        Ok(Self { root: root.to_owned() })
    }

    fn arguments(&self) -> Vec<String> {
        // No maintainer script is run, so nothing needs a root that is whole.
        vec!["--root".into(), self.root.to_string_lossy().into_owned(), "--force-not-root".into()]
    }

    fn run(&self, action: &[&str], what: &Path) -> Result<()> {
        capture(as_root("dpkg")?.args(self.arguments()).args(action).arg(what)).map(|_| ())
    }

    /// The same as a line for the shell.
    fn shell(&self, action: &str, what: &Path) -> Result<String> {
        let program = as_root("dpkg")?;
        let words = std::iter::once(program.get_program())
            .chain(program.get_args())
            .map(|word| word.to_string_lossy().into_owned());
        let words: Vec<_> = words
            .chain(self.arguments())
            .chain([action.to_owned(), what.to_string_lossy().into_owned()])
            .collect();
        Ok(format!("{} > /dev/null", words.join(" ")))
    }

    fn version(&self, package: &str) -> Result<String> {
        let mut query = command("dpkg-query");
        query.arg("--admindir").arg(self.root.join("var/lib/dpkg"));
        capture(query.args(["-W", "-f", "${Version}", package]))
    }

    /// Everything below the root but dpkg's own and the server's.
    fn files(&self) -> Result<BTreeSet<String>> {
        let script = "find . -path ./var -prune -o -path ./packaged -prune -o -print";
        let list = capture(as_root("sh")?.current_dir(&self.root).args(["-c", script]))?;
        Ok(list.lines().map(str::to_owned).collect())
    }
}

fn version_of(deb: &Path) -> Result<String> {
    capture(command("dpkg-deb").arg("--field").arg(deb).arg("Version"))
}

fn sum(path: &Path) -> Result<String> {
    let said = capture(command("sha256sum").arg(path))?;
    Ok(said.split_whitespace().next().unwrap_or_default().to_owned())
}

fn same(what: &str, found: &str, wanted: &str) -> Result<()> {
    if found == wanted {
        Ok(())
    } else {
        Err(Error::new(format!("{what}: {found} and not {wanted}")))
    }
}
