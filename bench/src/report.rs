//! Writes the measurements as tables and plots.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use anyhow::{anyhow, bail, Context, Result};
use plotters::prelude::*;
use serde::Deserialize;

/// A comparison of vetassist with an alternative: pairs that were measured one right after the other.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Comparison {
    pub(crate) family: String,
    pub(crate) what: String,
    pub(crate) ours: String,
    pub(crate) other: String,
    /// The unit of the rounds: `ns`, or `B` for bytes.
    pub(crate) unit: String,
    /// The ratio that must not be exceeded, if there is a target.
    pub(crate) target: Option<f64>,
    /// The values of vetassist and of the alternative, each at least 0.
    pub(crate) rounds: Vec<[f64; 2]>,
}

impl Comparison {
    /// Returns the median, the least and the greatest of the rounds' ratios.
    fn ratio(&self) -> (f64, f64, f64) {
        let ratios = sorted(self.rounds.iter().map(|[ours, other]| ours / other));
        (median(&ratios), ratios[0], ratios[ratios.len() - 1])
    }

    fn side(&self, index: usize) -> f64 {
        median(&sorted(self.rounds.iter().map(|round| round[index])))
    }

    fn holds(&self) -> Option<bool> {
        self.target.map(|target| self.ratio().0 <= target)
    }
}

fn sorted(numbers: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut numbers: Vec<_> = numbers.collect();
    numbers.sort_unstable_by(f64::total_cmp);
    numbers
}

fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        (sorted[middle - 1] + sorted[middle]) / 2.0
    }
}

/// The measurements of a run by their families.
pub(crate) struct Report {
    families: BTreeMap<String, Vec<Comparison>>,
}

impl Report {
    /// Returns a report of these comparisons, each of which must have been measured.
    pub(crate) fn new(comparisons: Vec<Comparison>) -> Result<Self> {
        let mut families: BTreeMap<String, Vec<Comparison>> = BTreeMap::new();
        for comparison in comparisons {
            let positive = |[ours, other]: &[f64; 2]| ours.is_finite() && *other > 0.0;
            if comparison.rounds.is_empty() || !comparison.rounds.iter().all(positive) {
                bail!(
                    "{}: {}: the measured values are not valid: {:?}",
                    comparison.family,
                    comparison.what,
                    comparison.rounds
                );
            }
            families.entry(comparison.family.clone()).or_default().push(comparison);
        }
        Ok(Self { families })
    }

    /// Writes a table and a plot for each family, with its targets, and returns all tables.
    pub(crate) fn write(&self, folder: &Path) -> Result<String> {
        fs::create_dir_all(folder).context(format!("cannot create {}", folder.display()))?;
        for (family, comparisons) in &self.families {
            let table = table(comparisons, true);
            let path = folder.join(format!("{family}.md"));
            fs::write(&path, &table).context(format!("cannot write {}", path.display()))?;
            let path = folder.join(format!("{family}.svg"));
            plot(&path, family, comparisons)
                .map_err(|error| anyhow!("cannot plot {family}: {error}"))?;
        }
        Ok(self.tables(true))
    }

    /// Returns the tables of all families, with or without the targets.
    pub(crate) fn tables(&self, has_targets: bool) -> String {
        let families = self.families.iter();
        let one = |(family, comparisons): (&String, &Vec<Comparison>)| {
            format!("### {family}\n\n{}\n", table(comparisons, has_targets))
        };
        families.map(one).collect()
    }
}

fn table(comparisons: &[Comparison], has_targets: bool) -> String {
    let end = |heading: &str| if has_targets { format!(" {heading} |") } else { String::new() };
    let mut text = format!(
        "| what | ours | the other | ratio (least to greatest) |{}\n|---|---|---|---|{}\n",
        end("at most"),
        if has_targets { "---|" } else { "" },
    );
    for comparison in comparisons {
        let (middle, least, greatest) = comparison.ratio();
        let target = match (comparison.target, comparison.holds()) {
            (Some(target), Some(true)) => format!("{}", significant(target)),
            (Some(target), _) => format!("**{}: missed**", significant(target)),
            (None, _) => String::new(),
        };
        let _ = writeln!(
            text,
            "| {} | {} {} | {} {} | {} ({} to {}) |{}",
            comparison.what,
            comparison.ours,
            amount(comparison.side(0), &comparison.unit),
            comparison.other,
            amount(comparison.side(1), &comparison.unit),
            significant(middle),
            significant(least),
            significant(greatest),
            end(&target),
        );
    }
    text
}

fn amount(number: f64, unit: &str) -> String {
    let scales: &[(f64, &str)] = match unit {
        "ns" => &[(1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns")],
        _ => &[(1024.0 * 1024.0, "MiB"), (1024.0, "KiB"), (1.0, "B")],
    };
    let (scale, name) = scales
        .iter()
        .find(|(scale, _)| number.abs() >= *scale)
        .unwrap_or(&scales[scales.len() - 1]);
    format!("{} {name}", significant(number / scale))
}

/// Returns a number with three significant digits, or with all digits before the point.
fn significant(number: f64) -> String {
    let digits = if number == 0.0 { 0 } else { 2 - number.abs().log10().floor() as i32 };
    format!("{number:.*}", digits.clamp(0, 4) as usize)
}

/// Draws a point for each median, a line for its spread, and a mark for its target.
fn plot(
    path: &Path,
    family: &str,
    comparisons: &[Comparison],
) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let ends: Vec<f64> = comparisons
        .iter()
        .flat_map(|one| {
            let (_, least, greatest) = one.ratio();
            [least, greatest, one.target.unwrap_or(1.0), 1.0]
        })
        .filter(|end| *end > 0.0)
        .collect();
    let least = ends.iter().copied().fold(1.0, f64::min) / 1.3;
    let greatest = ends.iter().copied().fold(1.0, f64::max) * 1.3;
    let count = comparisons.len() as i32;
    let root =
        SVGBackend::new(path, (1000, 90 + 22 * comparisons.len() as u32)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(format!("{family}: ours / the other, lower is better"), ("sans-serif", 18))
        .margin(10)
        .x_label_area_size(30)
        .y_label_area_size(480)
        .build_cartesian_2d((least..greatest).log_scale(), (0..count).into_segmented())?;
    let name = |segment: &SegmentValue<i32>| match segment {
        SegmentValue::CenterOf(row) | SegmentValue::Exact(row) => comparisons
            .get((count - 1 - row) as usize)
            .map_or_else(String::new, |one| format!("{}, {} / {}", one.what, one.ours, one.other)),
        SegmentValue::Last => String::new(),
    };
    chart
        .configure_mesh()
        .disable_y_mesh()
        .y_labels(comparisons.len())
        .y_label_formatter(&name)
        .label_style(("sans-serif", 11))
        .draw()?;
    let at = |row: usize| SegmentValue::CenterOf(count - 1 - row as i32);
    let one = [(1.0, SegmentValue::Exact(0)), (1.0, SegmentValue::Last)];
    chart.draw_series(LineSeries::new(one, BLACK.mix(0.5)))?;
    for (row, comparison) in comparisons.iter().enumerate() {
        let (middle, low, high) = comparison.ratio();
        let colour = if comparison.holds() == Some(false) { RED } else { BLUE };
        let spread = [(low.max(least), at(row)), (high.max(least), at(row))];
        chart.draw_series(LineSeries::new(spread, colour.stroke_width(2)))?;
        chart.draw_series([Circle::new((middle.max(least), at(row)), 4, colour.filled())])?;
        if let Some(target) = comparison.target {
            chart.draw_series([TriangleMarker::new((target, at(row)), 5, BLACK.filled())])?;
        }
    }
    root.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison(rounds: &[[f64; 2]], target: Option<f64>) -> Comparison {
        Comparison {
            family: "f".into(),
            what: "w".into(),
            ours: "a".into(),
            other: "b".into(),
            unit: "ns".into(),
            target,
            rounds: rounds.to_vec(),
        }
    }

    #[test]
    fn ratios_are_of_the_rounds() {
        let one = comparison(&[[1.0, 2.0], [3.0, 1.0], [1.0, 1.0]], Some(1.0));
        assert_eq!(one.ratio(), (1.0, 0.5, 3.0));
        assert_eq!(one.holds(), Some(true));
        assert_eq!(comparison(&[[2.0, 1.0]], Some(1.5)).holds(), Some(false));
        assert!(table(&[comparison(&[[2.0, 1.0]], Some(1.5))], true).contains("**1.50: missed**"));
        assert!(Report::new(vec![comparison(&[], None)]).is_err());
        assert!(Report::new(vec![comparison(&[[1.0, 0.0]], None)]).is_err());
    }

    #[test]
    fn amounts_have_units() {
        assert_eq!(amount(1234.0, "ns"), "1.23 µs");
        assert_eq!(amount(7.0, "ns"), "7.00 ns");
        assert_eq!(amount(123_456_789.0, "ns"), "123 ms");
        assert_eq!(amount(2048.0, "B"), "2.00 KiB");
    }
}
