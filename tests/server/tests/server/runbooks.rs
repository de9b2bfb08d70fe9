//! Runs the runbooks in `docs/`, block by block.

use std::{
    fs,
    process::Command,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

use postgres::Client;
use vetassist_server_tests::{column_of, repository, wait, KeyedServer, Server};

/// A block of code of a page.
pub(crate) struct Block {
    /// `sh` or `sql`.
    language: String,
    /// The paragraph before the block, which states where it runs.
    before: String,
    pub(crate) text: String,
}

pub(crate) fn blocks(page: &str) -> Vec<Block> {
    let page = fs::read_to_string(repository().join("docs").join(page)).unwrap();
    let mut found: Vec<Block> = Vec::new();
    let (mut before, mut paragraph) = (String::new(), String::new());
    let mut inside = false;
    for line in page.lines() {
        match (inside, line.strip_prefix("```")) {
            (false, Some(language)) => {
                inside = true;
                found.push(Block {
                    language: language.into(),
                    before: before.clone(),
                    text: String::new(),
                });
            }
            (true, Some(_)) => inside = false,
            (true, None) => found.last_mut().unwrap().text += &format!("{line}\n"),
            (false, None) if line.is_empty() => before = std::mem::take(&mut paragraph),
            (false, None) => paragraph += &format!("{line} "),
        }
    }
    assert!(found.len() > 5, "{} blocks", found.len());
    found
}

/// Runs a block against a server, and returns its output. A block that ends with `-- nothing` must print no row.
pub(crate) fn run(block: &Block, server: &Server, database: &str) -> String {
    let mut psql = server.client("psql");
    let keys = server.key_dir().display().to_string();
    let output = if block.language == "sql" {
        psql.args(["-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", database, "-f", "-"]);
        psql.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let mut child = psql.stderr(std::process::Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), block.text.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    } else {
        let words = psql.get_args().map(|word| word.to_string_lossy().into_owned());
        let words: Vec<_> =
            [psql.get_program().to_string_lossy().into_owned(), "-X -v ON_ERROR_STOP=1".into()]
                .into_iter()
                .chain(words)
                .collect();
        let script = block
            .text
            .replace("/etc/vetassist", &keys)
            .replace("psql ", &format!("{} ", words.join(" ")));
        Command::new("bash").args(["-e", "-c", &script]).output().unwrap()
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{}\n{said}{}",
        block.text,
        String::from_utf8_lossy(&output.stderr)
    );
    if block.language == "sql"
        && block.text.trim_end().ends_with("-- nothing")
        && block.text.lines().count() == 1
    {
        assert_eq!(said.trim(), "", "{}", block.text);
    }
    if block.text.trim_end().ends_with("-- 0") {
        assert_eq!(said.trim(), "0", "{}", block.text);
    }
    said
}

/// Signs in and opens the stored tokens repeatedly, with one connection that stays and with new connections.
fn use_primary(server: &Server, stop: &AtomicBool, done: &AtomicUsize) {
    let mut kept = server.connect_as("postgres");
    while !stop.load(Ordering::Relaxed) {
        for db in [&mut kept, &mut server.connect_as("postgres")] {
            let icn = format!("ICN {}", done.fetch_add(1, Ordering::Relaxed));
            let sign_in = "SELECT vetassist_access_token(user_id) FROM vetassist_login($1, $1, now() + interval '1 h', $1, now() + interval '1 h', 'r')";
            db.query(sign_in, &[&icn]).unwrap();
            assert_newest_opens(db);
        }
    }
}

fn assert_newest_opens(db: &mut Client) {
    let newest = "SELECT vetassist_access_token(user_id) = va_icn FROM (SELECT user_id, va_icn FROM vetassist_va_tokens AS t JOIN vetassist_users AS u ON u.id = t.user_id ORDER BY t.created_at DESC LIMIT 1) AS n";
    let rows = db.query(newest, &[]).unwrap();
    assert!(rows.iter().all(|row| row.get(0)));
}

#[test]
#[ignore = "takes seconds"]
fn the_runbook_rotates_a_key_under_load_and_with_a_standby() {
    let mut server = KeyedServer::start();
    server.db.batch_execute("SELECT vetassist_login('first ' || n, 'first ' || n, now() + interval '1 h', 'first ' || n, now() + interval '1 h', 'r') FROM generate_series(1, 300) AS n").unwrap();
    let old = column_of(&mut server.db, "SELECT fingerprint FROM vetassist_keys()");
    let standby = server.standby();
    // Each server has its own file, as on two machines.
    let ring = fs::read_to_string(server.key_file()).unwrap();
    for each in [&*server, &standby] {
        // An editor may not write a newline at the end.
        let path = each.write_key_file("keys", ring.trim_end(), 0o600);
        let mut db = each.connect_as("postgres");
        db.batch_execute(&format!(
            "ALTER SYSTEM SET vetassist.master_key_file = '{}'",
            path.display()
        ))
        .unwrap();
        each.reload();
        wait(|| {
            column_of(&mut each.connect_as("postgres"), "SHOW vetassist.master_key_file")
                == [path.display().to_string()]
        });
    }

    let primary: &Server = &server;
    let (stop, done) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let load = scope.spawn(|| use_primary(primary, &stop, &done));
        let reads = scope.spawn(|| {
            let mut kept = standby.connect_as("postgres");
            while !stop.load(Ordering::Relaxed) {
                assert_newest_opens(&mut kept);
                assert_newest_opens(&mut standby.connect_as("postgres"));
            }
        });
        for block in blocks("rotating-keys.md") {
            let everywhere = block.before.contains("very server");
            if block.before.contains("On every standby") {
                wait(|| {
                    let left = "SELECT count(*)::text FROM vetassist_rotation_status() WHERE position IS DISTINCT FROM 1 AND sealed_values > 0";
                    column_of(&mut standby.connect_as("postgres"), left) == ["0"]
                });
                run(&block, &standby, "postgres");
                continue;
            }
            run(&block, primary, "postgres");
            if block.text.contains("rand") {
                // The runbook leaves open how the file reaches the standby.
                let key = fs::read_to_string(primary.key_dir().join("new-key")).unwrap();
                let _ = standby.write_key_file("new-key", key.trim_end(), 0o600);
            }
            if everywhere {
                run(&block, &standby, "postgres");
            }
        }
        stop.store(true, Ordering::Relaxed);
        load.join().unwrap();
        reads.join().unwrap();
    });
    println!("{} sign-ins during the rotation", done.load(Ordering::Relaxed));
    assert!(done.load(Ordering::Relaxed) > 20);
    let mut db = server.connect();
    let new = column_of(&mut db, "SELECT fingerprint FROM vetassist_keys()");
    assert!(new.len() == 1 && new != old, "{new:?}");
    let opened =
        "SELECT count(*)::text FROM vetassist_users WHERE vetassist_access_token(id) = va_icn";
    assert_eq!(
        column_of(&mut db, opened),
        column_of(&mut db, "SELECT count(*)::text FROM vetassist_users")
    );
    assert!(!server.key_dir().join("new-key").exists());
}

#[test]
#[ignore = "takes seconds"]
fn the_runbook_brings_a_restored_database_into_service() {
    let mut server = KeyedServer::start();
    server.db.batch_execute("SELECT vetassist_login('ICN' || n, 'old', now() - interval '1 h', 'jti' || n, now() + interval '1 h', 'old') FROM generate_series(1, 20) AS n").unwrap();
    server.db.batch_execute("CALL vetassist_seal_audit()").unwrap();
    let mut restored = server.dump_and_restore();
    // After the dump, half of the tokens were refreshed in the old database. One user signed in again after the restore.
    server.db.batch_execute("SELECT vetassist_store_tokens(id, 'newer', now() + interval '1 h', 'newer') FROM vetassist_users ORDER BY va_icn LIMIT 10").unwrap();
    restored.batch_execute("SELECT vetassist_login('ICN12', 'signed in since', now() + interval '1 h', 'since', now() + interval '1 h', 'since')").unwrap();

    let claimed = "SELECT count(*)::text FROM vetassist_claim_refreshes(max_rows => 1)";
    let mut answers = Vec::new();
    for block in blocks("restoring.md") {
        // The old database is on the same server as the restored one.
        let text = block.text.replace("-d old", "-d postgres");
        let said = run(&Block { text, ..block }, &server, "restored");
        answers.push(said);
        if answers.len() == 1 {
            assert_eq!(
                column_of(&mut server.connect_to("restored"), claimed),
                ["0"],
                "refreshing is paused"
            );
        }
    }
    let told = answers.iter().any(|said| said.lines().count() == 5 && said.contains('|'));
    assert!(told, "no block claimed five tokens: {answers:?}");
    let mut restored = server.connect_to("restored");
    let tokens = "SELECT vetassist_refresh_token(id) || ' ' || count(*) FROM vetassist_users GROUP BY vetassist_refresh_token(id) ORDER BY 1";
    assert_eq!(column_of(&mut restored, tokens), ["newer 9", "old 10", "since 1"]);
    assert_eq!(
        column_of(
            &mut restored,
            "SELECT message FROM vetassist_check() WHERE subject = 'audit log'"
        ),
        [""; 0]
    );
    let active = "SELECT count(*)::text FROM vetassist_sessions WHERE revoked_at IS NULL";
    assert_eq!(column_of(&mut restored, active), ["0"]);
}
