//! Measures the purge of expired sessions: the time for each session, and the delay of sign-ins beside it.

use std::{
    cell::RefCell,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{anyhow, bail, Result};
use postgres::Client;
use uuid::Uuid;

use super::family::{CONNECTIONS, FAMILY};
use crate::{
    measure::{compared, in_turns, Case, Effort},
    report::Comparison,
    server::{execute, sql_error, vacuum, Server},
};

const DATABASE: &str = "bench_purge";
/// The time between the sign-ins of each connection. All connections together sign in 200 times a second, which leaves
/// time to spare.
const PACE: Duration = Duration::from_millis(40);

pub(super) fn run(server: &Server, effort: Effort) -> Result<Vec<Comparison>> {
    let mut db = server.database(DATABASE)?;
    execute(
        &mut db,
        "INSERT INTO vetassist_users (va_icn) SELECT 'user ' || i FROM generate_series(1, 1000) AS i",
    )?;
    // These sessions are not purged.
    insert(&mut db, effort.of(1_000_000, 1000), "now() + interval '1 hour'")?;
    vacuum(&mut db, &["vetassist_sessions"])?;
    let db = RefCell::new(db);
    let purge = |count: usize| {
        let mut db = db.borrow_mut();
        insert(&mut db, count, "now() - interval '60 days'")?;
        vacuum(&mut db, &["vetassist_sessions"])?;
        execute(&mut db, "CHECKPOINT")?;
        let started = Instant::now();
        let row =
            db.query_one("SELECT vetassist_purge_sessions('30 days', $1)", &[&(count as i32)]);
        let purged: i32 = row.map_err(sql_error)?.get(0);
        if purged as usize != count {
            bail!("{purged} sessions were purged and not {count}");
        }
        Ok(started.elapsed().as_secs_f64() * 1e9 / count as f64)
    };
    let (many, few) = (effort.of(100_000, 500), effort.of(10_000, 50));
    let cases = vec![Case::new("many", || purge(many)), Case::new("few", || purge(few))];
    let times = in_turns(effort, cases)?;
    let (ours, other) =
        (("of 100 thousand", times.of("many")), ("of 10 thousand", times.of("few")));
    let mut found = vec![compared(FAMILY, "a session purged", ours, other, Some(1.5))];
    let mut db = db.into_inner();
    found.push(beside_sign_ins(server, &mut db, effort)?);
    Ok(found)
}

fn insert(db: &mut Client, count: usize, expires_at: &str) -> Result<()> {
    execute(
        db,
        &format!(
            "INSERT INTO vetassist_sessions (user_id, jwt_id, expires_at)
             SELECT u.id, gen_random_uuid()::text, {expires_at}
             FROM (SELECT id, row_number() OVER () AS number FROM vetassist_users LIMIT 1000) AS u
             JOIN generate_series(1, {count}) AS i ON u.number = 1 + i % 1000"
        ),
    )
}

/// Compares the slowest hundredth of sign-ins with and without a purge beside them.
fn beside_sign_ins(server: &Server, db: &mut Client, effort: Effort) -> Result<Comparison> {
    let seconds = Duration::from_millis(effort.of(5000, 400) as u64);
    let mut rounds = Vec::new();
    for _ in 0..effort.rounds() {
        let alone = slowest_hundredth(server, seconds)?;
        insert(db, effort.of(300_000, 500), "now() - interval '60 days'")?;
        execute(db, "CHECKPOINT")?;
        let done = AtomicBool::new(false);
        let beside = thread::scope(|scope| {
            let purger = scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    // The purge runs in batches, as docs/sql/sessions.md recommends.
                    execute(db, "SELECT vetassist_purge_sessions('30 days', 1000)")?;
                }
                Ok(())
            });
            let slowest = slowest_hundredth(server, seconds);
            done.store(true, Ordering::Relaxed);
            let purged = purger.join().map_err(|_| anyhow!("the purge's thread failed"))?;
            purged.and(slowest)
        })?;
        execute(db, "SELECT vetassist_purge_sessions('30 days', 1000000)")?;
        vacuum(db, &["vetassist_sessions"])?;
        rounds.push([beside, alone]);
    }
    Ok(Comparison {
        family: FAMILY.into(),
        what: "the 99th percentile of a sign-in, 200 a second".into(),
        ours: "beside a purge".into(),
        other: "alone".into(),
        unit: "ns".into(),
        target: Some(2.0),
        rounds,
    })
}

fn slowest_hundredth(server: &Server, duration: Duration) -> Result<f64> {
    let mut latencies = thread::scope(|scope| {
        let workers: Vec<_> = (0..CONNECTIONS)
            .map(|number| scope.spawn(move || sign_ins(server, number, duration)))
            .collect();
        let mut all = Vec::new();
        for worker in workers {
            all.extend(worker.join().map_err(|_| anyhow!("a client's thread failed"))??);
        }
        Ok::<_, anyhow::Error>(all)
    })?;
    latencies.sort_unstable_by(f64::total_cmp);
    latencies.get(latencies.len() * 99 / 100).copied().ok_or_else(|| anyhow!("no sign-ins"))
}

/// Signs in at fixed times, even if the sign-in before took long. Returns the latencies.
fn sign_ins(server: &Server, number: usize, duration: Duration) -> Result<Vec<f64>> {
    let mut db = server.connect(DATABASE)?;
    let statement = db
        .prepare(
            "SELECT vetassist_login($1, repeat('t', 1024), now() + interval '1 hour', $2, now() + interval '8 hours')",
        )
        .map_err(sql_error)?;
    let mut latencies = Vec::new();
    let started = Instant::now() + PACE.mul_f64(number as f64 / CONNECTIONS as f64);
    for step in 0_u32.. {
        let due = started + PACE * step;
        if step > 0 && due > started + duration {
            break;
        }
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let (icn, jwt) =
            (format!("user {}", (step * 7 + number as u32) % 1000 + 1), Uuid::new_v4());
        db.query(&statement, &[&icn, &jwt.to_string()]).map_err(sql_error)?;
        latencies.push(due.elapsed().as_secs_f64() * 1e9);
    }
    // The first sign-in fills the connection's caches and does not count.
    Ok(latencies.split_off(1.min(latencies.len() - 1)))
}
