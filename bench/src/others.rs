//! Runs the parts that are measured in other languages. They print one comparison on each line, as JSON.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use anyhow::{anyhow, Context, Result};

use crate::{measure::Effort, report::Comparison, repository::repository};

/// Measures the npm package in each runtime.
pub(crate) fn edge(effort: Effort) -> Result<Vec<Comparison>> {
    let mut node = Command::new("node");
    node.arg(repository().join("bench/edge/run.mjs"));
    if effort.short {
        node.arg("--short");
    }
    comparisons(&mut node)
}

/// Returns the measurements of a program.
pub(crate) fn comparisons(program: &mut Command) -> Result<Vec<Comparison>> {
    let name = program.get_program().to_string_lossy().into_owned();
    let mut child = program
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context(format!("cannot start {name}"))?;
    let mut found = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line.context(format!("cannot read the output of {name}"))?;
            let comparison = serde_json::from_str(&line)
                .map_err(|error| anyhow!("{name} said `{line}`: {error}"))?;
            found.push(comparison);
        }
    }
    let status = child.wait().context(format!("cannot wait for {name}"))?;
    if status.success() && !found.is_empty() {
        Ok(found)
    } else {
        Err(anyhow!("{name} failed ({status}) or measured nothing"))
    }
}
