//! Compares the core's reader of rings with another one, written from the description of key files.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vetassist_core::{KeyRing, MAX_KEYS};

/// Returns the keys in order, or None if the text is malformed.
fn read(text: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut keys: Vec<Vec<u8>> = Vec::new();
    for line in text.split(|byte| *byte == b'\n') {
        let comment = line.iter().position(|byte| *byte == b'#').unwrap_or(line.len());
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | 0x0c);
        let mut digits = &line[..comment];
        while digits.first().is_some_and(blank) {
            digits = &digits[1..];
        }
        while digits.last().is_some_and(blank) {
            digits = &digits[..digits.len() - 1];
        }
        if digits.is_empty() {
            continue;
        }
        let value = |digit: u8| char::from(digit).to_digit(16);
        let pairs = digits.chunks(2).map(|pair| match pair {
            [high, low] => u8::try_from(16 * value(*high)? + value(*low)?).ok(),
            _ => None,
        });
        let key: Vec<u8> = pairs.collect::<Option<_>>()?;
        if key.len() != 32 || keys.contains(&key) {
            return None;
        }
        keys.push(key);
    }
    (1..=MAX_KEYS).contains(&keys.len()).then_some(keys)
}

fuzz_target!(|text: &[u8]| {
    match (KeyRing::parse(text), read(text)) {
        (Ok(ring), Some(keys)) => {
            let found: Vec<_> = ring.keys().iter().map(|key| key.expose_bytes().to_vec()).collect();
            assert_eq!(found, keys);
            assert_eq!(ring.current().expose_bytes()[..], keys[0]);
        }
        (Err(error), None) => {
            // The error holds no part of a key.
            let said = error.to_string();
            let digits = text.split(|byte| !byte.is_ascii_hexdigit());
            for digits in digits.filter(|digits| digits.len() >= 8) {
                assert!(!said.contains(&*String::from_utf8_lossy(digits)), "{said}");
            }
        }
        (found, expected) => panic!("{found:?} and not {expected:?}"),
    }
});
