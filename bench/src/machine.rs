//! Describes the machine and the programs that were measured.

use std::{ffi::OsStr, fs, process::Command};

use anyhow::{Context, Result};
use pg_scratch::capture;

use crate::{measure::Effort, server::Server};

/// The processor's instructions that speed up AES-GCM and SHA-256.
const INSTRUCTIONS: [&str; 8] =
    ["aes", "pclmulqdq", "vaes", "vpclmulqdq", "avx2", "avx512f", "sha_ni", "asimd"];

/// Returns a paragraph about the machine and the programs.
pub(crate) fn description(server: &Server, effort: Effort) -> Result<String> {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").context("cannot read /proc/cpuinfo")?;
    let field = |name: &str| {
        let line = cpuinfo.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(':')).map_or("unknown", |(_, value)| value.trim())
    };
    let flags: Vec<_> = field("flags").split(' ').collect();
    let have: Vec<_> = INSTRUCTIONS.iter().filter(|one| flags.contains(*one)).copied().collect();
    let said = |program: &OsStr, argument: &str| {
        let said = capture(Command::new(program).arg(argument)).unwrap_or_default();
        said.lines().next().unwrap_or("none").trim().to_owned()
    };
    Ok(format!(
        "{}, {} cores ({}), {}; {}; {}; Node {}. {} rounds in turns.\n",
        field("model name"),
        cpuinfo.lines().filter(|line| line.starts_with("processor")).count(),
        have.join(", "),
        said("uname".as_ref(), "-sr"),
        said(server.cluster.postgres().program("postgres").as_ref(), "--version"),
        said("openssl".as_ref(), "version"),
        said("node".as_ref(), "--version"),
        effort.rounds(),
    ))
}

/// Returns the text of `BENCHMARKS.md`.
pub(crate) fn page(measured: &str) -> String {
    format!("{}\n{measured}", include_str!("../page.md"))
}
