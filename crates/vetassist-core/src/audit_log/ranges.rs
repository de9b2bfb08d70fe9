//! Lists of entries, as PostgreSQL prints an `int8multirange`.

use alloc::vec::Vec;
use core::{fmt, ops::Range, str::FromStr};

use super::{error::RangesError, tree::MAX_SIZE};

/// A set of entries: ranges in ascending order, with gaps between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryRanges(Vec<Range<u64>>);

impl EntryRanges {
    /// Returns the ranges, in ascending order.
    #[must_use]
    pub fn as_slice(&self) -> &[Range<u64>] {
        &self.0
    }

    /// Returns true if the entry is in the set.
    #[must_use]
    pub fn contains(&self, entry: u64) -> bool {
        let after = self.0.partition_point(|range| range.start <= entry);
        after.checked_sub(1).is_some_and(|at| entry < self.0[at].end)
    }

    /// Returns the number of entries in the set.
    #[must_use]
    pub fn count(&self) -> u64 {
        // The ranges do not overlap, so the sum is at most MAX_SIZE.
        self.0.iter().map(|range| range.end - range.start).sum()
    }

    /// Returns the last entry of the set, or `None` if it is empty.
    #[must_use]
    pub fn last(&self) -> Option<u64> {
        self.0.last().map(|range| range.end - 1)
    }

    /// Adds a range, which must come after all others.
    fn push(&mut self, range: Range<u64>) -> Result<(), RangesError> {
        let after_last = self.0.last().is_none_or(|last| last.end < range.start);
        if after_last && range.start < range.end && range.end <= MAX_SIZE {
            self.0.push(range);
            Ok(())
        } else {
            Err(RangesError)
        }
    }
}

/// Collects entries in any order. It leaves out those of [`MAX_SIZE`] and more, which no tree has.
impl FromIterator<u64> for EntryRanges {
    fn from_iter<Entries: IntoIterator<Item = u64>>(entries: Entries) -> Self {
        let mut sorted: Vec<u64> = entries.into_iter().filter(|entry| *entry < MAX_SIZE).collect();
        sorted.sort_unstable();
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for entry in sorted {
            match ranges.last_mut() {
                Some(last) if entry <= last.end => last.end = last.end.max(entry + 1),
                _ => ranges.push(entry..entry + 1),
            }
        }
        Self(ranges)
    }
}

impl fmt::Display for EntryRanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (place, range) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(f, "{comma}[{},{})", range.start, range.end)?;
        }
        f.write_str("}")
    }
}

impl FromStr for EntryRanges {
    type Err = RangesError;

    /// Reads the text that PostgreSQL prints for the set, and refuses every other text.
    fn from_str(text: &str) -> Result<Self, RangesError> {
        let mut inner =
            text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).ok_or(RangesError)?;
        let mut ranges = Self::default();
        while !inner.is_empty() {
            let (range, rest) = inner.split_once(')').ok_or(RangesError)?;
            let (start, end) = range
                .strip_prefix('[')
                .and_then(|range| range.split_once(','))
                .ok_or(RangesError)?;
            let start = plain_number(start).ok_or(RangesError)?;
            let end = plain_number(end).ok_or(RangesError)?;
            ranges.push(start..end)?;
            inner = match rest.strip_prefix(',') {
                Some(more) if !more.is_empty() => more,
                None if rest.is_empty() => rest,
                _ => return Err(RangesError),
            };
        }
        Ok(ranges)
    }
}

/// Reads a number of plain decimal digits, without leading zeros, that is at most [`MAX_SIZE`].
pub(super) fn plain_number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || (text.len() > 1 && text.starts_with('0')) {
        return None;
    }
    text.parse().ok().filter(|number| *number <= MAX_SIZE)
}
