//! `cargo xtask demo`: a veteran's tokens sealed, stored and opened inside PostgreSQL.

mod va;

use std::{env, fs, os::unix::process::CommandExt, path::PathBuf, process::Stdio};

use xtask::{
    command::{capture, command, quote},
    pg::{random_key, Cluster, Extension, Postgres},
    setup, step, Context, Error, Result,
};

const DATABASE: &str = "vetassist_demo";

/// Sets up, builds, installs, and tells the story. With `shell`, psql follows and the server goes with
/// it; without, the server stays.
pub(crate) fn demo(shell: bool) -> Result<()> {
    let tools = setup::tools()?;
    let postgres = Postgres::debian(setup::DEFAULT_MAJOR)?;
    step("building the extension", || {
        let extension = Extension::build(&tools, &postgres)?;
        step(&format!("installing it into PostgreSQL {}", postgres.major), || {
            extension.install(&postgres)
        })
    })?;
    let cluster = step("starting a scratch server with a fresh key file", || start(&postgres))?;
    let demo = Demo { cluster };
    demo.tell()?;
    demo.end(shell)
}

/// Stops the server that an earlier demo left.
pub(crate) fn stop() -> Result<()> {
    let folder = folder();
    if !folder.exists() {
        println!("no demo server is there");
        return Ok(());
    }
    let postgres = Postgres::debian(setup::DEFAULT_MAJOR)?;
    Cluster::remove(&postgres, &folder)?;
    println!("the demo server is stopped, and its data and key are removed");
    Ok(())
}

/// One demo server for each user, where the server's user can get at it.
fn folder() -> PathBuf {
    let user = capture(command("id").arg("-u")).unwrap_or_default();
    env::temp_dir().join(format!("vetassist-demo-{}", user.trim()))
}

fn start(postgres: &Postgres) -> Result<Cluster> {
    let folder = folder();
    if folder.exists() {
        Cluster::remove(postgres, &folder)?;
    }
    let key = folder.join("keys/ring");
    let setting = key.to_string_lossy().into_owned();
    let cluster = Cluster::start_at(postgres, &folder, &[("vetassist.master_key_file", &setting)])?;
    cluster.write_key_file("ring", &format!("{} # made for the demo\n", random_key()?), 0o600)?;
    Ok(cluster)
}

struct Demo {
    cluster: Cluster,
}

impl Demo {
    fn tell(&self) -> Result<()> {
        let response = va::token_response()?;
        let (access, refresh, scope) =
            (&response.access_token, &response.refresh_token, &response.scope);
        self.sql("postgres", &format!("CREATE DATABASE {DATABASE}"))?;

        say("The DBA's one line, and a check that the tables are what they must be (no row: they are)");
        self.show("CREATE EXTENSION vetassist;")?;
        self.show("SELECT * FROM vetassist_check_schema();")?;
        self.expect("SELECT count(*) FROM vetassist_check_schema()", "0")?;

        say("What VA.gov answers when a veteran signs in");
        println!("{}\n", response.abridged());

        say("A veteran, and both tokens sealed on the way into the table");
        self.show(
            "INSERT INTO vetassist_users (va_icn, email, first_name, last_name)\n\
             VALUES ('1012667145V762142', 'tamara.ellis@example.com', 'Tamara', 'Ellis');",
        )?;
        self.show_abridged(
            &format!(
                "INSERT INTO vetassist_va_tokens (user_id, access_token_encrypted, refresh_token_encrypted, scope, expires_at)\n\
                 SELECT id, vetassist_encrypt_token('{access}', id), vetassist_encrypt_token('{refresh}', id),\n       \
                 '{scope}', now() + interval '1 hour'\n\
                 FROM vetassist_users WHERE va_icn = '1012667145V762142';"
            ),
            access,
        )?;

        say("The row as a thief of the disk or of a backup sees it");
        self.show(
            "SELECT octet_length(access_token_encrypted) AS bytes, left(encode(access_token_encrypted, 'hex'), 64) || '...' AS access_token_encrypted\n\
             FROM vetassist_va_tokens;",
        )?;
        let stolen = self.sql(DATABASE, "COPY vetassist_va_tokens TO STDOUT")?;
        let hex = |text: &str| text.bytes().map(|b| format!("{b:02x}")).collect::<String>();
        if stolen.contains(&hex(&access[..24])) || stolen.contains(&hex(refresh)) {
            return Err(Error::new("the stored row holds a token in the clear"));
        }

        say("The same row as the application opens it");
        self.show(
            "SELECT left(vetassist_decrypt_token(access_token_encrypted, user_id), 60) || '...' AS access_token,\n       vetassist_decrypt_token(refresh_token_encrypted, user_id) AS refresh_token\n\
             FROM vetassist_va_tokens;",
        )?;
        self.expect(
            "SELECT vetassist_decrypt_token(access_token_encrypted, user_id) FROM vetassist_va_tokens",
            access,
        )?;

        say("The same bytes do not open for another user");
        self.refuse(
            "SELECT vetassist_decrypt_token(access_token_encrypted, gen_random_uuid()) FROM vetassist_va_tokens;",
        )?;
        say("... nor after one flipped bit");
        self.refuse(
            "SELECT vetassist_decrypt_token(set_bit(access_token_encrypted, 777, 1 - get_bit(access_token_encrypted, 777)), user_id)\n\
             FROM vetassist_va_tokens;",
        )?;

        say("Addresses are stored as hashes: plain, and under the server's key");
        self.show(
            "SELECT ip, vetassist_hash_ip(ip), vetassist_hash_ip_keyed(ip)\n\
             FROM (VALUES (inet '203.0.113.7'), ('2001:db8::1')) AS seen (ip);",
        )?;
        self.expect(
            "SELECT vetassist_hash_ip('203.0.113.7')",
            "fec52565aa0cf18f57d7cf5b3ac728503b8992d2d6f7d46da1d1201090902b02",
        )?;

        say("The key ring, by fingerprint: no function and no setting shows a key");
        self.show("SELECT * FROM vetassist_keys();")?;
        self.expect(
            "SELECT count(*) FROM vetassist_keys() WHERE is_current AND source = 'file'",
            "1",
        )?;
        self.sign_in(access, refresh)?;
        self.rotate_key()
    }

    /// What a backend calls: everything that a sign-in takes, in one statement.
    fn sign_in(&self, access: &str, refresh: &str) -> Result<()> {
        say("A sign-in as a backend does it: user, tokens, session and audit row in one statement");
        self.show_abridged(
            &format!(
                "SELECT * FROM vetassist_login('1012667145V762142', '{access}', now() + interval '1 hour',\n    \
                 'a1d0c6e8-jti', now() + interval '8 hours', refresh_token => '{refresh}',\n    \
                 device_info => '{{\"os\": \"iOS\", \"ip\": \"203.0.113.7\"}}', ip => '203.0.113.7');"
            ),
            access,
        )?;
        self.show("SELECT jwt_id, device_info FROM vetassist_sessions;")?;
        self.show(
            "SELECT event_type, event_data, left(ip_hash, 16) || '...' AS ip_hash FROM vetassist_auth_audit;",
        )?;
        self.expect("SELECT vetassist_session_active('a1d0c6e8-jti')", "t")?;
        self.expect(
            "SELECT count(*) FROM vetassist_sessions WHERE device_info::text LIKE '%203.0.113.7%'",
            "0",
        )
    }

    /// Rotates the key: a new one behind the current one, then in front of it, and every token sealed anew under it.
    fn rotate_key(&self) -> Result<()> {
        say("Rotating the key: 20,000 more veterans, then a new key behind the current one");
        self.show(
            "SELECT count(*) FROM generate_series(1, 20000) AS n,\n    \
             vetassist_login('ICN' || n, 'access token ' || n, now() + interval '1 hour',\n                    \
             'jti ' || n, now() + interval '8 hours', refresh_token => 'refresh token ' || n);",
        )?;
        let ring = self.cluster.key_dir().join("ring");
        let old = fs::read_to_string(ring).context("cannot read the demo's ring")?;
        let new = format!("{} # the new one\n", random_key()?);
        self.cluster.write_key_file("ring", &format!("{old}{new}"), 0o600)?;
        self.show("SELECT pg_reload_conf();")?;
        self.show("SELECT * FROM vetassist_rotation_status();")?;
        say("Every server has it by now, so it goes in front, and seals");
        self.cluster.write_key_file("ring", &format!("{new}{old}"), 0o600)?;
        self.show("SELECT pg_reload_conf();")?;
        println!("CALL vetassist_rotate_tokens();");
        let call = ["-v", "ON_ERROR_STOP=1", "-c", "CALL vetassist_rotate_tokens()"];
        let output = self.cluster.psql(DATABASE, &call)?;
        let said = |bytes| String::from_utf8_lossy(bytes).into_owned();
        println!("{}{}", said(&output.stderr), said(&output.stdout));
        self.show("SELECT * FROM vetassist_rotation_status();")?;
        self.expect(
            "SELECT sum(sealed_values) FROM vetassist_rotation_status() WHERE \"position\" IS DISTINCT FROM 1",
            "0",
        )?;
        self.expect(
            "SELECT count(*) FROM vetassist_users WHERE vetassist_access_token(id) = replace(va_icn, 'ICN', 'access token ')",
            "20000",
        )
    }

    fn end(self, shell: bool) -> Result<()> {
        let psql = self.cluster.postgres().program("psql");
        let arguments =
            [self.cluster.connection_arguments(), vec!["-d".into(), DATABASE.into()]].concat();
        if shell {
            println!("psql follows; the server is stopped when you leave it.\n");
            let ourselves = env::current_exe().context("cannot find this program")?;
            self.cluster.leave_running();
            // A shell takes our place, because it can let psql have an interrupt and stay.
            let script = "trap : INT; \"$@\"; status=$?; \"$0\" demo --stop; exit $status";
            let error = command("sh")
                .args(["-c", script])
                .args([&ourselves, &psql])
                .args(&arguments)
                .stdin(Stdio::inherit())
                .exec();
            return Err(Error::new(format!("cannot start a shell: {error}")));
        }
        let words: Vec<String> = arguments.iter().map(|word| shell_word(word)).collect();
        self.cluster.leave_running();
        println!("Every step did what it said. The server stays until `cargo xtask demo --stop`; connect with\n");
        println!("    {} {}", psql.display(), words.join(" "));
        Ok(())
    }

    /// Runs a statement and returns what psql prints, as a table.
    fn psql(&self, database: &str, statement: &str, options: &[&str]) -> Result<(bool, String)> {
        let mut arguments = vec!["-v", "ON_ERROR_STOP=1"];
        arguments.extend(options);
        arguments.extend(["-c", statement]);
        let output = self.cluster.psql(database, &arguments)?;
        let text = if output.status.success() { &output.stdout } else { &output.stderr };
        Ok((output.status.success(), String::from_utf8_lossy(text).trim_end().to_owned()))
    }

    fn sql(&self, database: &str, statement: &str) -> Result<String> {
        match self.psql(database, statement, &[])? {
            (true, text) => Ok(text),
            (false, text) => Err(Error::new(format!("{statement}: {text}"))),
        }
    }

    fn show(&self, statement: &str) -> Result<()> {
        println!("{statement}");
        println!("{}\n", self.sql(DATABASE, statement)?);
        Ok(())
    }

    /// Shows a statement with its long token cut.
    fn show_abridged(&self, statement: &str, token: &str) -> Result<()> {
        println!("{}", statement.replace(token, &abridge(token)));
        println!("{}\n", self.sql(DATABASE, statement)?);
        Ok(())
    }

    /// The story claims it, so it had better be so.
    fn expect(&self, query: &str, expected: &str) -> Result<()> {
        match self.psql(DATABASE, query, &["-A", "-t"])? {
            (true, found) if found == expected => Ok(()),
            (_, found) => Err(Error::new(format!("{query} gave {found}, not {expected}"))),
        }
    }

    fn refuse(&self, query: &str) -> Result<()> {
        println!("{query}");
        let (succeeded, text) = self.psql(DATABASE, query, &["-v", "VERBOSITY=verbose"])?;
        if succeeded || !text.contains("39000") {
            return Err(Error::new(format!("this should have been refused: {query}")));
        }
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("LOCATION")).collect();
        println!("{}\n", lines.join("\n"));
        Ok(())
    }
}

fn say(what: &str) {
    println!("--- {what}\n");
}

fn abridge(token: &str) -> String {
    format!("{}... ({} characters)", &token[..24], token.len())
}

fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    if word.chars().all(plain) {
        word.to_owned()
    } else {
        quote(word)
    }
}
