//! The words of a member's name, in any spelling.

use alloc::{string::String, vec::Vec};

/// Returns the words of `a_name`, `a-name`, `a name`, `aName` and `ANAMEName`, in lower case.
pub(crate) fn words(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let bytes = name.as_bytes();
    for (index, byte) in bytes.iter().copied().enumerate() {
        let previous = index.checked_sub(1).map_or(0, |before| bytes[before]);
        let next_is_lower = bytes.get(index + 1).is_some_and(u8::is_ascii_lowercase);
        let begins = byte.is_ascii_uppercase()
            && (previous.is_ascii_lowercase()
                || previous.is_ascii_digit()
                || (previous.is_ascii_uppercase() && next_is_lower));
        if (begins || !byte.is_ascii_alphanumeric()) && !word.is_empty() {
            words.push(core::mem::take(&mut word));
        }
        if byte.is_ascii_alphanumeric() {
            word.push(char::from(byte.to_ascii_lowercase()));
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snake_camel_and_kebab_case_give_the_same_words() {
        for (name, expected) in [
            ("a_name", "a name"),
            ("aName", "a name"),
            ("X-Forwarded-For", "x forwarded for"),
            ("clientIP", "client ip"),
            ("remoteIPAddress", "remote ip address"),
            ("APIKey", "api key"),
            ("ssnLast4", "ssn last4"),
            ("oauth2Token", "oauth2 token"),
            ("  two  words ", "two words"),
            ("na\u{ef}ve", "na ve"),
            ("", ""),
            ("__", ""),
        ] {
            assert_eq!(words(name).join(" "), expected, "{name}");
        }
    }
}
