//! Finds the changes that are about an entry.

use std::ops::Range;

/// Ranges of entries, each with its subject. Callers must ask for entries in ascending order.
#[derive(Clone, Debug)]
pub(super) struct Cover<About> {
    /// In descending order of their starts.
    later: Vec<(Range<u64>, About)>,
    active: Vec<(Range<u64>, About)>,
}

impl<About: Copy> Cover<About> {
    pub(super) fn new(ranges: impl IntoIterator<Item = (Range<u64>, About)>) -> Self {
        let mut later: Vec<_> = ranges.into_iter().collect();
        later.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
        Self { later, active: Vec::new() }
    }

    /// Returns the subjects of the ranges with this entry. The entry must not precede the entry of the last call.
    pub(super) fn of(&mut self, entry: u64) -> Vec<About> {
        self.active.retain(|(range, _)| entry < range.end);
        while let Some(next) = self.later.pop_if(|(range, _)| range.start <= entry) {
            if entry < next.0.end {
                self.active.push(next);
            }
        }
        self.active.iter().map(|(_, about)| *about).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_returns_every_range_that_contains_an_entry() {
        let ranges = [(0..3, 'a'), (2..4, 'b'), (2..3, 'c'), (7..9, 'd')];
        let mut cover = Cover::new(ranges.clone());
        for entry in 0..10 {
            let mut found = cover.of(entry);
            found.sort_unstable();
            let expected: Vec<char> = ranges
                .iter()
                .filter(|(range, _)| range.contains(&entry))
                .map(|(_, c)| *c)
                .collect();
            assert_eq!(found, expected, "{entry}");
        }
    }
}
