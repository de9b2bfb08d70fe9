//! Tests refreshing as in production. The provider rotates refresh tokens and treats a used one as stolen. Workers, web
//! processes and the server are killed, keys are rotated, and users sign in while a refresh is under way.
//!
//! `VETASSIST_TEST_REFRESHES` sets other numbers of seconds and users; `300 2000` is the long run.

mod ledger;

use std::{
    collections::HashMap,
    env, fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread::{self, sleep, JoinHandle},
    time::{Duration, Instant},
};

use ledger::{Ledger, Stored};
use vetassist_server_tests::{column_of, hex_key, repository, wait, KeyedServer};

/// The number of processes of each kind.
const PROCESSES: usize = 8;
const LEASE_SECONDS: u64 = 20;

/// The provider, and the lines that it printed.
struct Provider {
    child: Child,
    origin: String,
    /// The first refresh token of each user.
    issued: Vec<String>,
    printed: Arc<Mutex<Vec<String>>>,
    listener: Option<JoinHandle<()>>,
}

impl Provider {
    fn start(users: u64, lifetime: u64) -> Self {
        let mut child = Command::new("node")
            .arg(repository().join("tests/provider/serve.mjs"))
            .args([users.to_string(), lifetime.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let origin = lines.next().unwrap().replace("listens ", "");
        let issued = lines.by_ref().take_while(|line| line != "ready");
        let issued = issued.map(|line| line.rsplit(' ').next().unwrap().to_owned()).collect();
        let printed = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&printed);
        let listener =
            thread::spawn(move || lines.for_each(|line| sink.lock().unwrap().push(line)));
        Self { child, origin, issued, printed, listener: Some(listener) }
    }

    /// Ends the provider, and returns the lines that it printed.
    fn end(mut self) -> Vec<String> {
        drop(self.child.stdin.take());
        self.listener.take().unwrap().join().unwrap();
        std::mem::take(&mut *self.printed.lock().unwrap())
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The processes that refresh tokens. A killed process is replaced by another of its kind.
struct Processes {
    running: Vec<Child>,
    journals: PathBuf,
    arguments: Vec<String>,
    started: usize,
}

impl Processes {
    fn start(server: &KeyedServer, origin: &str, users: u64, within: u64) -> Self {
        let journals = env::temp_dir().join(format!("vetassist-refreshes-{}", std::process::id()));
        fs::create_dir(&journals).unwrap();
        let arguments = [server.socket_dir().display().to_string(), origin.to_owned()]
            .into_iter()
            .chain([users, within, LEASE_SECONDS].map(|number| number.to_string()))
            .collect();
        let mut made = Self { running: Vec::new(), journals, arguments, started: 0 };
        for place in 0..2 * PROCESSES {
            let child = made.spawn(place);
            made.running.push(child);
        }
        made
    }

    fn spawn(&mut self, place: usize) -> Child {
        self.started += 1;
        let kind = if place.is_multiple_of(2) { "worker" } else { "web" };
        Command::new(env::var_os("VETASSIST_TEST_PYTHON").unwrap())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .arg(repository().join("tests/python/refresher.py"))
            .args(&self.arguments[..2])
            .arg(self.journals.join(self.started.to_string()))
            .arg(kind)
            .args(&self.arguments[2..])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap()
    }

    fn kill(&mut self, place: usize) {
        let child = &mut self.running[place];
        assert_eq!(child.try_wait().unwrap(), None, "a process ended by itself");
        child.kill().unwrap();
        child.wait().unwrap();
        self.running[place] = self.spawn(place);
    }

    /// Kills all processes, and returns their journals.
    fn end(mut self) -> Vec<String> {
        for child in &mut self.running {
            assert_eq!(child.try_wait().unwrap(), None, "a process ended by itself");
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let journals = fs::read_dir(&self.journals).unwrap().flatten();
        journals.map(|file| fs::read_to_string(file.path()).unwrap()).collect()
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for child in &mut self.running {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = fs::remove_dir_all(&self.journals);
    }
}

/// Rotates to the key of this number in the documented steps, and removes the old key.
fn rotate_key(server: &mut KeyedServer, number: u8) {
    let [old, new] = [number - 1, number].map(hex_key);
    for ring in [format!("{old}\n{new}\n"), format!("{new}\n{old}\n")] {
        server.write_key_file(&ring, 0o600);
        server.reload();
        sleep(Duration::from_millis(300));
    }
    let sealed = "SELECT coalesce(sum(sealed_values), 0)::text FROM vetassist_rotation_status() WHERE is_current IS NOT TRUE";
    wait(|| {
        server.db.batch_execute("CALL vetassist_rotate_tokens()").unwrap();
        column_of(&mut server.db, sealed) == ["0"]
    });
    server.write_key_file(&new, 0o600);
    server.reload();
}

fn sign_in(server: &mut KeyedServer, issued: &[String], lifetime: u64) -> HashMap<usize, i64> {
    server.db.batch_execute("CREATE ROLE app LOGIN; SELECT vetassist_grant('app', 'app')").unwrap();
    let rows = server.db.query(
        "SELECT t.n::int8, (1000 * extract(epoch FROM t.expires_at))::int8
         FROM (SELECT n - 1 AS n, token, now() + random() * $2 * interval '1 s' AS expires_at
               FROM unnest($1::text[]) WITH ORDINALITY AS u (token, n) OFFSET 0) AS t,
              vetassist_login('ICN' || t.n, 'access', t.expires_at, 'jti' || t.n, now() + '1 day', t.token)",
        &[&issued, &(lifetime as f64)],
    );
    let number = |row: &postgres::Row| usize::try_from(row.get::<_, i64>(0)).unwrap();
    rows.unwrap().iter().map(|row| (number(row), row.get(1))).collect()
}

#[test]
#[ignore = "takes seconds"]
fn a_grant_is_lost_only_if_a_process_is_killed_before_storing_it() {
    let wanted = env::var("VETASSIST_TEST_REFRESHES").unwrap_or_else(|_| "28 400".into());
    let (seconds, users) = wanted.split_once(' ').unwrap();
    let (seconds, users): (u64, u64) = (seconds.parse().unwrap(), users.parse().unwrap());
    // Each token is refreshed every ten seconds, in the long run every half minute.
    let lifetime = if seconds < 60 { 14 } else { 35 };
    let provider = Provider::start(users, lifetime);
    let mut server = KeyedServer::start_with(&[("max_connections", "200")]);
    server.set_ring(&hex_key(1));
    let expires = sign_in(&mut server, &provider.issued, lifetime);
    let mut processes = Processes::start(&server, &provider.origin, users, 4);

    let began = Instant::now();
    let mut key = 1;
    let mut kills = 0;
    for second in 1..=seconds {
        if second % 2 == 0 {
            processes.kill(kills % (2 * PROCESSES));
            kills += 1;
        }
        match second % 20 {
            8 => {
                key += 1;
                rotate_key(&mut server, key);
            }
            13 => {
                server.kill();
                server.start_again();
            }
            _ => {}
        }
        sleep((Duration::from_secs(second)).saturating_sub(began.elapsed()));
    }
    let journals = processes.end();
    // The statements that ran when the processes were killed have ended.
    let there = "SELECT count(*)::text FROM pg_stat_activity WHERE usename = 'app'";
    wait(|| column_of(&mut server.db, there) == ["0"]);
    let ended = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let stored = server.db.query(
        "SELECT u.va_icn, vetassist_refresh_token(u.id), (SELECT count(*) FROM vetassist_auth_audit AS a
                                                          WHERE a.user_id = u.id AND a.event_type = 'token_refreshed'
                                                            AND a.id > (SELECT max(l.id) FROM vetassist_auth_audit AS l
                                                                        WHERE l.user_id = u.id AND l.event_type = 'login'))
         FROM vetassist_users AS u",
        &[],
    );
    let stored = stored.unwrap();
    let stored = stored.iter().map(|row| {
        let user = row.get::<_, String>(0).replace("ICN", "").parse().unwrap();
        (user, Stored { token: row.get(1), refreshes: row.get(2) })
    });
    let stored = stored.collect();
    let issued = provider.issued.clone();
    let ledger = Ledger::of(&issued, &provider.end(), &journals);
    println!("{kills} processes killed, {} keys, {} s", key, began.elapsed().as_secs());
    ledger.assert_nothing_else_was_lost(&stored);
    ledger.assert_no_refresh_was_late(&expires, &stored, lifetime, ended.as_millis());
    ledger.assert_no_exchange_was_too_early();
}
