//! Runs cases in turns and measures them.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use anyhow::Result;

use crate::report::Comparison;

/// The duration of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// True if the run only checks that everything works.
    pub(crate) short: bool,
}

impl Effort {
    pub(crate) fn rounds(self) -> usize {
        if self.short {
            1
        } else {
            9
        }
    }

    /// Returns the number for a full run, or the smaller one for a short run.
    pub(crate) fn of(self, full: usize, short: usize) -> usize {
        if self.short {
            short
        } else {
            full
        }
    }
}

/// A case: its name, and a function that measures it and returns nanoseconds.
pub(crate) struct Case<'a> {
    name: &'a str,
    run: Box<dyn FnMut() -> Result<f64> + 'a>,
}

impl<'a> Case<'a> {
    pub(crate) fn new(name: &'a str, run: impl FnMut() -> Result<f64> + 'a) -> Self {
        Self { name, run: Box::new(run) }
    }

    /// Returns a case that calls a function repeatedly for some time.
    pub(crate) fn call(name: &'a str, effort: Effort, mut f: impl FnMut() + 'a) -> Self {
        let sample = Duration::from_millis(if effort.short { 1 } else { 30 });
        Self::new(name, move || {
            let (started, mut calls) = (Instant::now(), 0_u32);
            while started.elapsed() < sample {
                for _ in 0..64 {
                    black_box(&mut f)();
                }
                calls += 64;
            }
            Ok(started.elapsed().as_secs_f64() * 1e9 / f64::from(calls))
        })
    }
}

/// The time of each case in each round.
pub(crate) struct Times(Vec<(String, Vec<f64>)>);

/// Runs all cases once to warm up, then in turns.
pub(crate) fn in_turns(effort: Effort, mut cases: Vec<Case<'_>>) -> Result<Times> {
    let mut times: Vec<_> = cases.iter().map(|case| (case.name.to_owned(), Vec::new())).collect();
    if !effort.short {
        for case in &mut cases {
            (case.run)()?;
        }
    }
    for round in 0..effort.rounds() {
        // Every other round runs backwards, so that no case always follows the same one.
        for index in 0..cases.len() {
            let index = if round % 2 == 0 { index } else { cases.len() - 1 - index };
            times[index].1.push((cases[index].run)()?);
        }
    }
    Ok(Times(times))
}

impl Times {
    /// Returns the time of a case, round by round.
    pub(crate) fn of(&self, name: &str) -> Vec<f64> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, times)| times.clone()).unwrap_or_default()
    }

    /// Returns the time of a case less that of another, round by round.
    pub(crate) fn less(&self, name: &str, scan: &str) -> Vec<f64> {
        difference(&self.of(name), &self.of(scan))
    }
}

/// Returns the difference of times, round by round. Noise may make it negative; a negative time becomes 0.
pub(crate) fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| (a - b).max(0.1)).collect()
}

/// Returns the comparison of two lists of nanoseconds.
pub(crate) fn compared(
    family: &str,
    what: &str,
    (ours, our_times): (&str, Vec<f64>),
    (other, other_times): (&str, Vec<f64>),
    target: Option<f64>,
) -> Comparison {
    Comparison {
        family: family.into(),
        what: what.into(),
        ours: ours.into(),
        other: other.into(),
        unit: "ns".into(),
        target,
        rounds: our_times.into_iter().zip(other_times).map(|(a, b)| [a, b]).collect(),
    }
}
