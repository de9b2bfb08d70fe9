//! Tests that the work of a check is in proportion to the length of the text, whatever pattern it repeats.

use std::time::{Duration, Instant};

use vetassist_core::{
    event_data::{check, check_event_type, hash_addresses},
    json::Value,
    IpHash,
};

use super::Json;

/// The length of a long text, a little less than the limit of metadata.
const LONG: usize = 60_000;

/// The length of a short text. Work in proportion to the square of the length that takes a second for a long text takes
/// 1/400 of a second for a short one.
const SHORT: usize = LONG / 20;

/// The most time that a check of a long text may take. Work in proportion to the length takes a hundredth of it, even on a
/// slow machine.
const SOON: Duration = Duration::from_secs(1);

/// The number of patterns that are always tried in a long text: the slowest ones of the short texts.
const SLOWEST: usize = 100;

/// Returns values with the text in each possible place.
fn shapes(text: &str) -> [Json; 4] {
    let string = || Value::String(text.to_owned());
    [
        Value::Object(vec![("note".to_owned(), string())]),
        Value::Object(vec![("x-forwarded-for".to_owned(), string())]),
        Value::Object(vec![(text.to_owned(), Value::String("x".to_owned()))]),
        Value::Array(vec![string()]),
    ]
}

/// Checks a text in each place, as event data and as device_info.
fn look(text: &str) {
    let mut hash = |address| Ok::<_, ()>(IpHash::of(address));
    for shape in shapes(text) {
        let _ = check(&shape);
        hash_addresses(shape, &mut hash).unwrap();
    }
    let _ = check_event_type(text);
}

/// Returns how long the check of a repeated pattern takes. A time over the limit is measured again, because another process
/// may have used the processor.
fn time(pattern: &str, length: usize, limit: Duration) -> Duration {
    let text = pattern.repeat(length / pattern.len());
    let once = || {
        let started = Instant::now();
        look(&text);
        started.elapsed()
    };
    let took = once();
    if took < limit {
        took
    } else {
        took.min(once())
    }
}

#[test]
fn text_of_any_pattern_of_one_or_two_bytes_is_checked_within_a_second() {
    let most = SOON / 400;
    let mut patterns: Vec<_> = (1..127_u8)
        .flat_map(|first| (0..127_u8).map(move |second| [first, second]))
        .map(|bytes| bytes.into_iter().filter(|byte| *byte > 0).map(char::from).collect::<String>())
        .map(|pattern| (time(&pattern, SHORT, most), pattern))
        .collect();
    patterns.sort();
    patterns.reverse();
    let is_tried =
        |(place, (took, _)): &(usize, (Duration, String))| *place < SLOWEST || *took > most;
    for (_, (_, pattern)) in patterns.into_iter().enumerate().take_while(is_tried) {
        let took = time(&pattern, LONG, SOON);
        assert!(took < SOON, "{pattern:?} takes {took:?}");
    }
}
