//! Measures session checks at several sizes of the table.

use std::{thread, time::Instant};

use anyhow::{anyhow, bail, Result};
use postgres::Client;

use super::family::{CONNECTIONS, FAMILY};
use crate::{
    measure::{compared, in_turns, Case, Effort},
    report::Comparison,
    server::{execute, sql_error, vacuum, Server},
};

const OURS: &str = "SELECT vetassist_session_active($1)";
const BARE: &str =
    "SELECT revoked_at IS NULL AND expires_at > now() FROM vetassist_sessions WHERE jwt_id = $1";

pub(super) fn run(server: &Server, effort: Effort) -> Result<Vec<Comparison>> {
    let sizes = [
        ("10 thousand", effort.of(10_000, 100)),
        ("1 million", effort.of(1_000_000, 200)),
        ("10 million", effort.of(10_000_000, 400)),
    ];
    let names: Vec<_> = sizes
        .iter()
        .map(|(label, _)| (format!("active, {label}"), format!("bare, {label}")))
        .collect();
    let mut cases = Vec::new();
    for ((_, size), (ours, bare)) in sizes.iter().zip(&names) {
        let database = format!("bench_sessions_{size}");
        fill(&mut server.database(&database)?, *size)?;
        for (name, query) in [(ours, OURS), (bare, BARE)] {
            let mut clients = Vec::new();
            for _ in 0..CONNECTIONS {
                clients.push(server.connect(&database)?);
            }
            let calls = effort.of(8000, 10);
            cases.push(Case::new(name, move || nanoseconds(&mut clients, query, *size, calls)));
        }
    }
    let times = in_turns(effort, cases)?;
    let mut found = Vec::new();
    for ((label, _), (ours, bare)) in sizes.iter().zip(&names) {
        let what = format!("a session of {label}");
        let ours = ("vetassist_session_active", times.of(ours));
        found.push(compared(FAMILY, &what, ours, ("a bare SELECT", times.of(bare)), Some(1.15)));
    }
    let [(smallest, _), .., (largest, _)] = &names[..] else { return Ok(found) };
    let (ours, other) =
        (("of 10 million", times.of(largest)), ("of 10 thousand", times.of(smallest)));
    found.push(compared(FAMILY, "vetassist_session_active", ours, other, Some(1.5)));
    Ok(found)
}

/// Creates sessions, for a thousandth as many users. The `jwt_id` is computed from the number of the session.
fn fill(db: &mut Client, size: usize) -> Result<()> {
    let users = size.div_ceil(1000);
    // With the role of a replica, the foreign key of each row is not checked.
    execute(
        db,
        &format!(
            "SET session_replication_role = replica;
             INSERT INTO vetassist_users (va_icn) SELECT 'user ' || i FROM generate_series(1, {users}) AS i;
             CREATE TEMPORARY TABLE numbered AS
             SELECT id, row_number() OVER () AS number FROM vetassist_users;
             INSERT INTO vetassist_sessions (user_id, jwt_id, expires_at)
             SELECT n.id, format('%s-0000-4000-8000-%s',
                 lpad(to_hex(i::bigint * 2654435761 % 4294967296), 8, '0'), lpad(i::text, 12, '0')), now() + interval '8 hours'
             FROM generate_series(1, {size}) AS i JOIN numbered AS n ON n.number = 1 + i % {users};
             RESET session_replication_role"
        ),
    )?;
    vacuum(db, &["vetassist_users", "vetassist_sessions"])
}

/// Returns the time of a call while all clients ask for random sessions.
fn nanoseconds(clients: &mut [Client], query: &str, size: usize, calls: usize) -> Result<f64> {
    let count = clients.len();
    let started = Instant::now();
    thread::scope(|scope| {
        let workers: Vec<_> = clients
            .iter_mut()
            .enumerate()
            .map(|(number, client)| scope.spawn(move || ask(client, query, size, number, calls)))
            .collect();
        workers.into_iter().try_for_each(|worker| {
            worker.join().map_err(|_| anyhow!("a client's thread failed"))?
        })
    })?;
    Ok(started.elapsed().as_secs_f64() * 1e9 / (count * calls) as f64)
}

fn ask(client: &mut Client, query: &str, size: usize, seed: usize, calls: usize) -> Result<()> {
    let statement = client.prepare(query).map_err(sql_error)?;
    let mut number = seed;
    for _ in 0..calls {
        // Knuth's multiplicative step: the sessions of consecutive calls are far apart.
        number = number.wrapping_mul(2_654_435_761).wrapping_add(12_345) % size;
        let jwt_id = jwt_id(number as u64 + 1);
        let row = client.query_one(&statement, &[&jwt_id]).map_err(sql_error)?;
        if row.get::<_, Option<bool>>(0) != Some(true) {
            bail!("session {number} is not active");
        }
    }
    Ok(())
}

/// Returns the `jwt_id` of a session by its number from 1. Consecutive numbers are far apart in the index.
fn jwt_id(number: u64) -> String {
    let spread = number.wrapping_mul(2_654_435_761) & 0xffff_ffff;
    format!("{spread:08x}-0000-4000-8000-{number:012}")
}
