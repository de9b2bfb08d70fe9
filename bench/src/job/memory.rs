//! Measures the private memory of a backend.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use anyhow::{anyhow, Context, Result};
use postgres::Client;

use crate::server::sql_error;

/// Runs a statement and returns the most private memory of the backend meanwhile, in bytes.
pub(super) fn peak(db: &mut Client, sql: &str) -> Result<f64> {
    let row = db.query_one("SELECT pg_backend_pid()", &[]).map_err(sql_error)?;
    let pid: i32 = row.get(0);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut most = private(pid)?;
            while !done.load(Ordering::Relaxed) {
                most = most.max(private(pid)?);
                thread::sleep(Duration::from_millis(2));
            }
            Ok(most)
        });
        let outcome = db.batch_execute(sql).map_err(sql_error);
        done.store(true, Ordering::Relaxed);
        let most = watcher.join().map_err(|_| anyhow!("the watcher's thread failed"))?;
        outcome.and(most)
    })
}

/// Returns the memory of a process that is neither mapped from a file nor shared.
fn private(pid: i32) -> Result<f64> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).context(format!("cannot read {path}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|line| line.split_whitespace().next())
        .and_then(|kibibytes| kibibytes.parse::<f64>().ok())
        .map(|kibibytes| kibibytes * 1024.0)
        .ok_or_else(|| anyhow!("{path} names no RssAnon"))
}
