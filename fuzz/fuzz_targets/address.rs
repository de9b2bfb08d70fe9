//! Compares the core's reader and writer of addresses with others, written from RFC 4291 and RFC 5952.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};
use vetassist_core::IpHash;

/// Reads four numbers up to 255 without leading zeros.
fn read_v4(text: &str) -> Option<u32> {
    let mut address = 0;
    let parts: Vec<&str> = text.split('.').collect();
    if parts.len() != 4 {
        return None;
    }
    for part in parts {
        let plain = !part.is_empty() && part.len() <= 3 && part.bytes().all(|b| b.is_ascii_digit());
        if !plain || (part.len() > 1 && part.starts_with('0')) {
            return None;
        }
        address = address << 8 | u32::from(part.parse::<u16>().ok().filter(|n| *n < 256)?);
    }
    Some(address)
}

/// Reads groups between colons. The last may be an IPv4 address.
fn read_groups(text: &str, may_end_in_v4: bool) -> Option<Vec<u16>> {
    let mut groups = Vec::new();
    if text.is_empty() {
        return Some(groups);
    }
    let mut parts = text.split(':').peekable();
    while let Some(part) = parts.next() {
        if part.contains('.') && may_end_in_v4 && parts.peek().is_none() {
            let address = read_v4(part)?;
            groups.extend([(address >> 16) as u16, address as u16]);
        } else if (1..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_hexdigit()) {
            groups.push(u16::from_str_radix(part, 16).ok()?);
        } else {
            return None;
        }
    }
    Some(groups)
}

fn read_v6(text: &str) -> Option<[u16; 8]> {
    let groups = match text.split_once("::") {
        None => read_groups(text, true).filter(|_| !text.is_empty())?,
        Some((head, tail)) => {
            let (head, tail) = (read_groups(head, false)?, read_groups(tail, true)?);
            // At least one group is left out.
            let zeros = 8_usize.checked_sub(head.len() + tail.len()).filter(|zeros| *zeros > 0)?;
            [head, vec![0; zeros], tail].concat()
        }
    };
    groups.try_into().ok()
}

fn write_v4(address: u32) -> String {
    address.to_be_bytes().map(|byte| byte.to_string()).join(".")
}

fn write_v6(groups: [u16; 8]) -> String {
    if groups[..6] == [0, 0, 0, 0, 0, 0xffff] {
        return write_v4(u32::from(groups[6]) << 16 | u32::from(groups[7]));
    }
    // The longest run of two or more zeros is shortened, the first one of equal length.
    let run_at = |start: usize| groups[start..].iter().take_while(|group| **group == 0).count();
    let longest = (0..8).map(run_at).max().unwrap_or(0);
    let hex = |groups: &[u16]| {
        groups.iter().map(|group| format!("{group:x}")).collect::<Vec<_>>().join(":")
    };
    if longest < 2 {
        return hex(&groups);
    }
    let start = (0..8).position(|start| run_at(start) == longest).unwrap_or(0);
    format!("{}::{}", hex(&groups[..start]), hex(&groups[start + longest..]))
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let canonical = read_v4(text).map(write_v4).or_else(|| read_v6(text).map(write_v6));
    let expected = canonical.as_ref().map(|canonical| {
        let digest = Sha256::digest(canonical.as_bytes());
        digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    });
    let found = IpHash::of_text(text).ok().map(|hash| hash.to_string());
    assert_eq!(found, expected, "{text:?} is {canonical:?}");
    // Only 64 lower-case hexadecimal digits are read as a hash.
    let hash = text.parse::<IpHash>();
    let digits = bytes.len() == 64 && bytes.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    assert_eq!(hash.is_ok(), digits);
});
