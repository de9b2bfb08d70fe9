//! Measures what veterans take: disk, WAL, the time of sign-ins, of sealing the audit log, of rotation and of a dump.

use std::{
    fmt::Write as _,
    fs,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Instant,
};

use anyhow::{anyhow, ensure, Context, Result};
use pg_scratch::capture;
use postgres::Client;

use crate::{
    job::family::CONNECTIONS,
    repository::repository,
    server::{execute, sql_error, Server},
};

const DATABASE: &str = "bench_capacity";
const PAGE: &str = "docs/capacity.md";
const BEGIN: &str = "<!-- measured: cargo xtask bench --capacity -->";
const END: &str = "<!-- end of the measured table -->";

/// The veterans of the whole country, for whom the page multiplies the figures.
const ALL_VETERANS: f64 = 18e6;

/// A sign-in as a backend makes it: a profile, a device, and an address of the veteran's own.
const SIGN_IN: &str = r#"
    SELECT FROM vetassist_login(
        $1::text, repeat('a', 1024), now() + interval '1 hour', gen_random_uuid()::text, now() + interval '8 hours',
        refresh_token => repeat('r', 64), veteran_status => 'confirmed', email => $1 || '@veteran.example',
        first_name => 'Alexandra', last_name => 'Washington', scope => 'openid profile offline_access',
        device_info => '{"user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"}',
        ip => '2001:db8::'::inet + $2::bigint)"#;

/// The parts of the disk: a name for readers, and the tables.
const PARTS: [(&str, &[&str]); 5] = [
    ("tokens", &["va_tokens", "refresh_leases", "refresh_states"]),
    ("sessions", &["sessions"]),
    (
        "audit trail and log",
        &["auth_audit", "audit_leaves", "audit_nodes", "audit_pending", "audit_head"],
    ),
    ("accounts", &["users"]),
    ("address hashes", &["keyed_ip_hashes"]),
];

/// A row of the table: what was measured, and a function that returns its amounts multiplied by a number.
type Row = (String, Box<dyn Fn(f64) -> String>);

/// Signs this many veterans in twice, rotates their tokens and dumps the database. Returns a table, and writes it to the page
/// if `record` is true.
pub(crate) fn run(server: &Server, veterans: usize, record: bool) -> Result<String> {
    ensure!(veterans > 0, "there must be a veteran");
    let mut db = server.database(DATABASE)?;
    // PostgreSQL's defaults, which the other benchmarks change, and hashes that need the ring.
    for setting in ["autovacuum = on", "checkpoint_timeout = '5min'", "vetassist.ip_hash = 'keyed'"]
    {
        execute(&mut db, &format!("ALTER SYSTEM SET {setting}"))?;
    }
    execute(&mut db, "SELECT pg_reload_conf()")?;
    let mut rows: Vec<Row> = Vec::new();
    let mut add =
        |what: &str, amounts: Box<dyn Fn(f64) -> String>| rows.push((what.to_owned(), amounts));
    for (what, disk) in
        [("a first sign-in of each", "disk"), ("a further sign-in of each", "more disk")]
    {
        let before = sizes(&mut db)?;
        add(what, measured(&mut db, |_| sign_in_all(server, veterans))?);
        let sealing = measured(&mut db, |db| execute(db, "CALL vetassist_seal_audit()"))?;
        add("sealing their rows of the audit trail", sealing);
        let after = sizes(&mut db)?;
        let grown: Vec<_> =
            before.iter().zip(&after).map(|(before, after)| after - before).collect();
        add(disk, Box::new(move |factor| parts(&grown, factor)));
    }
    let before = sizes(&mut db)?;
    server.ring(&[2, 1])?;
    execute(&mut db, "SELECT vetassist_reload_keys()")?;
    add(
        "rotating all tokens",
        measured(&mut db, |db| execute(db, "CALL vetassist_rotate_tokens()"))?,
    );
    server.ring(&[1])?;
    let grown = sizes(&mut db)?[0] - before[0];
    add("more disk until VACUUM", Box::new(move |factor| gigabytes(grown * factor)));
    let file = server.cluster.key_dir().join("dump");
    let started = Instant::now();
    capture(server.cluster.client("pg_dump").args(["-Fc", "-f"]).arg(&file).arg(DATABASE))?;
    let seconds = started.elapsed().as_secs_f64();
    let size = fs::metadata(&file).context("the dump is missing")?.len() as f64;
    fs::remove_file(&file)?;
    let dump =
        move |factor| format!("{}, {}", duration(seconds * factor), gigabytes(size * factor));
    add("dump by `pg_dump -Fc`", Box::new(dump));
    let table = table(&rows, veterans as f64);
    if record {
        write(&table)?;
    }
    Ok(table)
}

/// Signs every veteran in once, over several connections.
fn sign_in_all(server: &Server, veterans: usize) -> Result<()> {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                scope.spawn(|| {
                    let mut db = server.connect(DATABASE)?;
                    let statement = db.prepare(SIGN_IN).map_err(sql_error)?;
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= veterans {
                            return Ok(());
                        }
                        let icn = format!("{number:010}V123456");
                        db.execute(&statement, &[&icn, &(number as i64)]).map_err(sql_error)?;
                    }
                })
            })
            .collect();
        workers.into_iter().try_for_each(|worker| {
            worker.join().map_err(|_| anyhow!("a client's thread failed"))?
        })
    })
}

/// Runs a piece of work and returns its time and its WAL.
fn measured(
    db: &mut Client,
    work: impl FnOnce(&mut Client) -> Result<()>,
) -> Result<Box<dyn Fn(f64) -> String>> {
    let position = |db: &mut Client| -> Result<f64> {
        let sql = "SELECT (pg_current_wal_insert_lsn() - '0/0')::float8";
        Ok(db.query_one(sql, &[]).map_err(sql_error)?.get(0))
    };
    execute(db, "CHECKPOINT")?;
    let (before, started) = (position(db)?, Instant::now());
    work(db)?;
    let seconds = started.elapsed().as_secs_f64();
    let wal = position(db)? - before;
    let text =
        move |factor| format!("{}, {} of WAL", duration(seconds * factor), gigabytes(wal * factor));
    Ok(Box::new(text))
}

/// Returns the bytes on disk of each part, with indexes.
fn sizes(db: &mut Client) -> Result<Vec<f64>> {
    let sql = "SELECT sum(pg_total_relation_size(('vetassist_' || name)::regclass))::float8
               FROM unnest($1::text[]) AS name";
    let part =
        |(_, tables): &(_, &[&str])| Ok(db.query_one(sql, &[tables]).map_err(sql_error)?.get(0));
    PARTS.iter().map(part).collect()
}

/// Returns the amount of each part, and their sum.
fn parts(bytes: &[f64], factor: f64) -> String {
    let each = PARTS.iter().zip(bytes);
    let each: Vec<_> =
        each.map(|((name, _), bytes)| format!("{name} {}", gigabytes(bytes * factor))).collect();
    format!("{}: {}", gigabytes(bytes.iter().sum::<f64>() * factor), each.join(", "))
}

/// Returns the rows as a Markdown table, with the amounts for all veterans of the country beside the measured ones.
fn table(rows: &[Row], veterans: f64) -> String {
    let million = |people: f64| format!("{} million veterans", people / 1e6);
    let mut text = format!(
        "| what | {}, measured | {}, calculated |\n|---|---|---|\n",
        million(veterans),
        million(ALL_VETERANS)
    );
    for (what, amounts) in rows {
        let _ =
            writeln!(text, "| {what} | {} | {} |", amounts(1.0), amounts(ALL_VETERANS / veterans));
    }
    text
}

/// Returns gigabytes of 10⁹ bytes.
fn gigabytes(bytes: f64) -> String {
    let digits = usize::from(bytes < 10e9);
    format!("{:.digits$} GB", bytes / 1e9)
}

fn duration(seconds: f64) -> String {
    match seconds {
        ..100.0 => format!("{seconds:.0} s"),
        100.0..600.0 => format!("{:.1} min", seconds / 60.0),
        600.0..6000.0 => format!("{:.0} min", seconds / 60.0),
        _ => format!("{:.1} h", seconds / 3600.0),
    }
}

/// Writes the table between the marks of the page.
fn write(table: &str) -> Result<()> {
    let path = repository().join(PAGE);
    let page = fs::read_to_string(&path).context(format!("cannot read {}", path.display()))?;
    let (before, rest) = page.split_once(BEGIN).context(format!("{PAGE} has no mark"))?;
    let (_, after) = rest.split_once(END).context(format!("{PAGE} has no mark of the end"))?;
    let page = format!("{before}{BEGIN}\n\n{table}\n{END}{after}");
    fs::write(&path, page).context(format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_multiplied_and_have_units() {
        assert_eq!(duration(21.4), "21 s");
        assert_eq!(duration(21.4 * 18.0), "6.4 min");
        assert_eq!(duration(21.4 * 30.0), "11 min");
        assert_eq!(duration(9000.0), "2.5 h");
        assert_eq!(gigabytes(2.94e9), "2.9 GB");
        assert_eq!(gigabytes(53.4e9), "53 GB");
        let rows: [Row; 1] = [("a dump".into(), Box::new(|factor| gigabytes(factor * 2e9)))];
        let table = table(&rows, 1e6);
        assert!(table.starts_with(
            "| what | 1 million veterans, measured | 18 million veterans, calculated |"
        ));
        assert!(table.ends_with("| a dump | 2.0 GB | 36 GB |\n"));
    }
}
