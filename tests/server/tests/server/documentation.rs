//! Runs the SQL and the shell commands of the documentation.

mod names;

use pg_scratch::{as_root, capture, run};
use postgres::{Client, NoTls, SimpleQueryMessage};
use vetassist_repository_tests::{documentation, Page};
use vetassist_server_tests::{plain_sql, scratch, KeyedServer};

/// The runbooks. `runbooks.rs` runs their blocks, because they need more than one server.
const RUNBOOKS: [&str; 3] = ["docs/adopting.md", "docs/restoring.md", "docs/rotating-keys.md"];

/// Runs each page's SQL blocks in a database where those of the front page have run.
#[test]
#[ignore = "takes seconds"]
fn every_sql_block_runs() {
    let mut server = KeyedServer::start();
    server.db.batch_execute("DROP EXTENSION vetassist CASCADE").unwrap();
    let pages = documentation();
    let front = pages.iter().find(|page| page.path == "README.md").unwrap();
    let (mut count, mut wrong) = (0, Vec::new());
    for (number, page) in pages.iter().enumerate() {
        if page.blocks("sql").is_empty() || RUNBOOKS.contains(&&*page.path) {
            continue;
        }
        let database = format!("page_{number}");
        server.db.batch_execute(&format!("CREATE DATABASE {database}")).unwrap();
        let mut db = server.config("postgres", &database).connect(NoTls).unwrap();
        count += run_page(&server, &mut db, front, &mut wrong);
        if page.path != front.path {
            count += run_page(&server, &mut db, page, &mut wrong);
        }
        // The settings apply to the whole server.
        db.batch_execute("ALTER SYSTEM RESET vetassist.ip_hash").unwrap();
        server.reload();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 50, "only {count} statements");
}

/// Runs a page's SQL blocks in order. Adds each result that differs from the page's to `wrong`, and returns the number
/// of statements.
fn run_page(server: &KeyedServer, db: &mut Client, page: &Page, wrong: &mut Vec<String>) -> usize {
    let mut count = 0;
    for block in page.blocks("sql") {
        // The key file of the test is elsewhere.
        let code =
            block.code.replace("/etc/vetassist/keys", &server.key_file().display().to_string());
        for statement in statements(&code) {
            count += 1;
            let found = match db.simple_query(&statement) {
                Ok(messages) => first_value(&messages),
                Err(error) => format!("ERROR {}", error.code().map_or("", |state| state.code())),
            };
            let said = statement.rsplit_once("-- ").map_or("", |(_, said)| said.trim());
            let agrees = match said.strip_prefix("=> ") {
                Some(value) => found == value,
                None if said.starts_with("ERROR ") => found == said,
                None => !found.starts_with("ERROR "),
            };
            if !agrees {
                wrong.push(format!("{}: {found} from {}", page.path, statement.trim()));
            }
        }
    }
    count
}

/// Runs each `sh` block, with a temporary folder instead of `/etc/vetassist`.
#[test]
fn every_shell_block_runs() {
    let server = KeyedServer::start();
    let folder = std::env::temp_dir().join(format!("vetassist-pages-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("target")).unwrap();
    std::fs::write(folder.join("target/vetassist.sql"), plain_sql()).unwrap();
    let psql = scratch().postgres().program("psql");
    let path = format!("{}:{}", psql.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut count = 0;
    for page in documentation().into_iter().filter(|page| !RUNBOOKS.contains(&&*page.path)) {
        for block in page.blocks("sh").iter().filter(|block| block.info == "sh") {
            let database = format!("page_{count}");
            server.connect().batch_execute(&format!("CREATE DATABASE {database}")).unwrap();
            let code =
                block.code.replace("/etc/vetassist", &folder.join("etc").display().to_string());
            let mut shell = as_root("env").unwrap();
            shell
                .current_dir(&folder)
                .arg(format!("PATH={path}"))
                .arg(format!("PGHOST={}", server.socket_dir().display()));
            shell.arg(format!("PGDATABASE={database}")).args([
                "PGUSER=postgres",
                "sh",
                "-eu",
                "-c",
                &code,
            ]);
            run(&mut shell).unwrap_or_else(|error| panic!("{}: {error:#}\n{code}", page.path));
            count += 1;
        }
    }
    // The server accepts the key file that the block made.
    let keys = folder.join("etc/keys");
    let text = capture(as_root("cat").unwrap().arg(&keys)).unwrap();
    assert_eq!(text.trim().len(), 64, "a key of 64 digits");
    server.write_key_file(&text, 0o600);
    run(as_root("rm").unwrap().arg("-rf").arg(&folder)).unwrap();
    assert!(count > 1, "only {count} blocks");
}

/// Returns the first value of the first row; an empty string if there is no row.
fn first_value(messages: &[SimpleQueryMessage]) -> String {
    let first = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or("NULL").to_owned()),
        _ => None,
    });
    first.unwrap_or_default()
}

/// Splits at semicolons at the end of a line, or before a comment at its end. Dollar quotes are kept whole.
fn statements(block: &str) -> Vec<String> {
    let mut statements = Vec::new();
    let mut current = String::new();
    for line in block.lines() {
        current += line;
        current.push('\n');
        let code = line.split("--").next().unwrap_or_default().trim_end();
        let in_dollar_quote = current.matches("$$").count() % 2 == 1;
        if code.ends_with(';') && !in_dollar_quote {
            statements.push(std::mem::take(&mut current));
        }
    }
    assert!(
        current.trim().is_empty() || current.trim_start().starts_with("--"),
        "unfinished: {current}"
    );
    statements
}
