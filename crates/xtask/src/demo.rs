//! `cargo xtask demo`: shows how PostgreSQL seals, stores and opens the tokens of a veteran.

use std::{
    env, fs,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Command, Stdio},
    time::SystemTime,
};

use anyhow::{anyhow, bail, ensure, Context, Result};
use pg_scratch::{quote, random_key, Cluster, Postgres, DEFAULT_MAJOR};
use xshell::{cmd, Shell};

use crate::{
    extension::{Extension, Profile},
    setup::Tools,
    workspace::{shell, step},
};

const DATABASE: &str = "vetassist_demo";

/// The statements of the demo. The lines that begin with these marks are not statements: `--- ` is a heading, `--: ` is
/// printed, `--! ` must be refused, `--? QUERY => VALUE` is checked and not shown. `--@ behind` adds a new key to the
/// ring, and `--@ in front` makes it the current one.
const STORY: &str = include_str!("demo/story.sql");

/// Sets up, builds, installs, and runs the demo. With `shell`, psql starts afterwards, and the server stops when psql
/// ends. Without it, the server keeps running.
pub(crate) fn demo(with_shell: bool) -> Result<()> {
    let (tools, postgres) = Tools::with_postgres()?;
    let extension =
        step("building the extension", || Extension::build(&tools, &postgres, Profile::Release))?;
    let major = postgres.major;
    step(&format!("installing it into PostgreSQL {major}"), || extension.install(&postgres))?;
    let cluster = step("starting a scratch server with a fresh key file", || start(&postgres))?;
    Demo { cluster, response: TokenResponse::new(&shell()?)? }.play()?.finish(with_shell)
}

/// Stops the server that an earlier demo left running.
pub(crate) fn stop() -> Result<()> {
    let folder = folder()?;
    if !folder.exists() {
        println!("no demo server is running");
        return Ok(());
    }
    Cluster::remove(&Postgres::debian(DEFAULT_MAJOR)?, &folder)?;
    println!("the demo server is stopped, and its data and key are removed");
    Ok(())
}

/// Returns the folder of the demo server, one for each user, which the server's user can read.
fn folder() -> Result<PathBuf> {
    let sh = shell()?;
    Ok(env::temp_dir().join(format!("vetassist-demo-{}", cmd!(sh, "id -u").read()?)))
}

fn start(postgres: &Postgres) -> Result<Cluster> {
    let folder = folder()?;
    if folder.exists() {
        Cluster::remove(postgres, &folder)?;
    }
    let ring = folder.join("keys/ring").to_string_lossy().into_owned();
    let cluster = Cluster::start_at(postgres, &folder, &[("vetassist.master_key_file", &ring)])?;
    cluster.write_key_file("ring", &format!("{}\n", random_key()?), 0o600)?;
    Ok(cluster)
}

/// A response as VA.gov's token endpoint sends it, with random values.
struct TokenResponse {
    access: String,
    refresh: String,
    scope: &'static str,
}

impl TokenResponse {
    /// Generates a JWT of about 1.2 kB with a random signature, an opaque refresh token, and the scopes of a claims
    /// service.
    fn new(sh: &Shell) -> Result<Self> {
        let url_safe =
            |text: String| text.trim_end_matches('=').replace('+', "-").replace('/', "_");
        let base64url = |text: &str| -> Result<String> {
            Ok(url_safe(cmd!(sh, "openssl base64 -A").stdin(text).read()?))
        };
        let random = |bytes: u32| -> Result<String> {
            let bytes = bytes.to_string();
            Ok(url_safe(cmd!(sh, "openssl rand -base64 {bytes}").read()?.replace('\n', "")))
        };
        let scope =
            "openid profile offline_access launch/patient claim.read claim.write veteran_status.read";
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
        let payload = format!(
            r#"{{"ver":1,"jti":"AT.{}.{}","iss":"https://sandbox-api.va.gov/oauth2/claims/v1","aud":"https://sandbox-api.va.gov/services/claims","iat":{now},"exp":{},"cid":"{}","uid":"{}","scp":["{}"],"auth_time":{now},"sub":"1012667145V762142","patient":"1012667145V762142","act":{{"icn":"1012667145V762142","type":"patient"}},"launch":{{"patient":"1012667145V762142"}}}}"#,
            random(24)?,
            random(12)?,
            now + 3600,
            random(15)?,
            random(15)?,
            scope.replace(' ', r#"",""#),
        );
        let header = base64url(r#"{"alg":"RS256","kid":"demo-signing-key-1","typ":"JWT"}"#)?;
        let access = format!("{header}.{}.{}", base64url(&payload)?, random(256)?);
        Ok(Self { access, refresh: random(32)?, scope })
    }

    /// Replaces the names of its values by the values.
    fn fill(&self, text: &str, access: &str) -> String {
        let text = text.replace(":access", access).replace(":refresh", &self.refresh);
        text.replace(":scope", self.scope)
    }
}

struct Demo {
    cluster: Cluster,
    response: TokenResponse,
}

impl Demo {
    fn play(self) -> Result<Self> {
        self.run("postgres", &format!("CREATE DATABASE {DATABASE}"))?;
        let access = &self.response.access;
        let abridged = format!("{}... ({} characters)", &access[..24], access.len());
        let mut statement = String::new();
        for line in STORY.lines() {
            let shown = |text: &str| println!("{}", self.response.fill(text, &abridged));
            let filled = |text: &str| self.response.fill(text, access);
            match (line.get(..4).unwrap_or(line), line.get(4..).unwrap_or_default()) {
                ("--- ", heading) => println!("--- {heading}\n"),
                ("--: ", text) => shown(text),
                ("--@ ", place) => self.move_new_key(place)?,
                ("--? ", check) => {
                    let (query, expected) = check.split_once(" => ").context("no => in a check")?;
                    self.expect(&filled(query), &filled(expected))?;
                }
                ("--! ", query) => self.refuse(query)?,
                ("", _) => println!(),
                _ => {
                    shown(line);
                    statement += line;
                    statement += "\n";
                    if line.ends_with(';') {
                        println!("{}\n", self.run(DATABASE, &filled(&statement))?);
                        statement.clear();
                    }
                }
            }
        }
        Ok(self)
    }

    /// Adds a new key behind the current one, or makes the key behind it the current one.
    fn move_new_key(&self, place: &str) -> Result<()> {
        let ring = fs::read_to_string(self.cluster.key_dir().join("ring"))?;
        let ring = match (place, ring.split_once('\n')) {
            ("in front", Some((current, new))) => format!("{new}{current}\n"),
            _ => format!("{ring}{} # the new one\n", random_key()?),
        };
        self.cluster.write_key_file("ring", &ring, 0o600).map(|_| ())
    }

    /// Runs a statement that must succeed, and returns the output of psql.
    fn run(&self, database: &str, statement: &str) -> Result<String> {
        self.psql(database, statement, &[])?.map_err(|said| anyhow!("{statement}: {said}"))
    }

    /// Runs a statement and returns the output of psql, or its errors if the server refuses the statement.
    fn psql(&self, database: &str, text: &str, options: &[&str]) -> Result<Result<String, String>> {
        let arguments = [&["-v", "ON_ERROR_STOP=1", "-c", text], options].concat();
        let output = self.cluster.psql(database, &arguments)?;
        let [errors, said] = [output.stderr, output.stdout]
            .map(|bytes| String::from_utf8_lossy(&bytes).trim_end().to_owned());
        if !output.status.success() {
            return Ok(Err(errors));
        }
        Ok(Ok(if errors.is_empty() { said } else { format!("{errors}\n{said}") }))
    }

    /// Checks the result of a query, so that the demo stops at a wrong result.
    fn expect(&self, query: &str, expected: &str) -> Result<()> {
        let found = self.psql(DATABASE, query, &["-A", "-t"])?;
        ensure!(found.as_deref() == Ok(expected), "{query} gave {found:?}, not {expected}");
        Ok(())
    }

    fn refuse(&self, query: &str) -> Result<()> {
        println!("{query}");
        match self.psql(DATABASE, query, &["-v", "VERBOSITY=verbose"])? {
            Err(said) if said.contains("39000") => {
                let lines: Vec<_> =
                    said.lines().filter(|line| !line.starts_with("LOCATION")).collect();
                println!("{}\n", lines.join("\n"));
                Ok(())
            }
            _ => bail!("this should have been refused: {query}"),
        }
    }

    fn finish(self, with_shell: bool) -> Result<()> {
        let psql = self.cluster.postgres().program("psql");
        let arguments = [self.cluster.connection_arguments(), vec!["-d".into(), DATABASE.into()]];
        let arguments = arguments.concat();
        self.cluster.leave_running();
        if with_shell {
            println!("psql starts now; the server stops when you leave it.\n");
            // A shell replaces this process, because it can ignore an interrupt that is meant for psql.
            let script = "trap : INT; \"$@\"; status=$?; \"$0\" demo --stop; exit $status";
            let ourselves = env::current_exe()?;
            let mut sh = Command::new("sh");
            sh.args(["-c", script]).args([&ourselves, &psql]).args(&arguments);
            return Err(sh.stdin(Stdio::inherit()).exec()).context("cannot start a shell");
        }
        let words: Vec<_> = arguments.iter().map(quote).collect();
        println!(
            "All checks passed. The server runs until `cargo xtask demo --stop`. To connect:\n"
        );
        println!("    {} {}", psql.display(), words.join(" "));
        Ok(())
    }
}
