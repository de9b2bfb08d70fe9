//! Keys for the tests' rings.

/// Returns a key of 32 equal bytes in hex.
#[must_use]
pub fn hex_key(byte: u8) -> String {
    hex::encode([byte; 32])
}
