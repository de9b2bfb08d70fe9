//! Lower-case hexadecimal digits of a fixed number, the form of hashes and fingerprints.

use core::str;

/// Returns the digits of some bytes. `DIGITS` is twice `BYTES`.
pub(crate) fn encode<const BYTES: usize, const DIGITS: usize>(bytes: &[u8; BYTES]) -> [u8; DIGITS] {
    const { assert!(DIGITS == 2 * BYTES) };
    let mut hex = [0; DIGITS];
    let encoded = base16ct::lower::encode(bytes, &mut hex).map(<[u8]>::len);
    debug_assert_eq!(encoded, Ok(DIGITS));
    hex
}

/// Returns the digits of a text that has exactly so many digits, in lower case, and nothing else.
pub(crate) fn parse<const DIGITS: usize>(text: &str) -> Option<[u8; DIGITS]> {
    let hex: [u8; DIGITS] = text.as_bytes().try_into().ok()?;
    hex.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')).then_some(hex)
}

/// Returns digits as text.
pub(crate) fn as_str(digits: &[u8]) -> &str {
    str::from_utf8(digits).unwrap_or_default()
}
