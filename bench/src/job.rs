//! Measures the daily work: sign-ins, session checks, rotation and purges.

pub(crate) mod family;
mod memory;
mod purge;
mod rotation;
mod sessions;

use std::{env, process::Command};

use anyhow::{Context, Result};

use crate::{measure::Effort, others, report::Comparison, repository::repository, server::Server};

pub(crate) fn run(server: &Server, effort: Effort) -> Result<Vec<Comparison>> {
    let mut found = sign_in(server, effort)?;
    found.extend(sessions::run(server, effort)?);
    found.extend(rotation::run(server, effort)?);
    found.extend(purge::run(server, effort)?);
    Ok(found)
}

fn sign_in(server: &Server, effort: Effort) -> Result<Vec<Comparison>> {
    server.database("bench_login")?;
    let python =
        env::var_os("VETASSIST_TEST_PYTHON").context("VETASSIST_TEST_PYTHON is not set")?;
    let mut python = Command::new(python);
    python.arg(repository().join("bench/job.py")).arg(server.socket());
    let pgbench = server.cluster.postgres().program("pgbench");
    python.arg("bench_login").arg(pgbench).arg("01".repeat(32));
    python.arg(effort.rounds().to_string()).arg(effort.of(4000, 80).to_string());
    others::comparisons(&mut python)
}
