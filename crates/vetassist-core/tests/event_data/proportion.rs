//! No text takes work out of proportion to its length, whatever it repeats.

use std::time::{Duration, Instant};

use vetassist_core::{
    event_data::{check, check_event_type, hash_addresses},
    json::Value,
    IpHash,
};

use super::Json;

/// The length of a long text: somewhat less than the most that metadata may have.
const LONG: usize = 60_000;

/// The length of a short one. Work in proportion to the square of the length, which takes a second for a long text, takes
/// a four hundredth of it for a short one.
const SHORT: usize = LONG / 20;

/// The time that a check of a long text may take. In proportion it is a hundredth of that, even on a slow machine.
const SOON: Duration = Duration::from_secs(1);

/// The number of patterns that are tried in a long text, however fast a short one is checked.
const SLOWEST: usize = 100;

/// The places that a text can stand in.
fn shapes(text: &str) -> [Json; 4] {
    let string = || Value::String(text.to_owned());
    [
        Value::Object(vec![("note".to_owned(), string())]),
        Value::Object(vec![("x-forwarded-for".to_owned(), string())]),
        Value::Object(vec![(text.to_owned(), Value::String("x".to_owned()))]),
        Value::Array(vec![string()]),
    ]
}

/// Looks at a text in each of its places, as it is for an event and for a device.
fn look(text: &str) {
    let mut hash = |address| Ok::<_, ()>(IpHash::of(address));
    for shape in shapes(text) {
        let _ = check(&shape);
        hash_addresses(shape, &mut hash).unwrap();
    }
    let _ = check_event_type(text);
}

/// Returns how long it takes to look at a pattern that is repeated to a length. Where that is longer than the limit, it is
/// tried again, as something else may have kept the processor busy.
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
fn every_pattern_of_one_or_two_bytes_is_looked_through_soon() {
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
