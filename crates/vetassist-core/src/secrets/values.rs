//! Values that are allowed under the name of a secret, because their kind is not secret.

use alloc::vec::Vec;

use super::{
    names::{Aspect, Name, Subject},
    words::{has, ERROR_CODES, METHODS, PRESENTED, STATES},
};

/// Checks whether a number is allowed under the name of a secret.
pub(crate) fn is_harmless_number(name: Name, number: Option<u64>) -> bool {
    // A social security number has nine digits. It may begin with zeros, which a number does not show.
    let nine_digits = |number| (100_000_000..1_000_000_000).contains(&number);
    match (name.subject, name.aspect, number) {
        (_, Aspect::Time, Some(number)) => !nine_digits(number) || name.subject != Subject::Ssn,
        (Subject::Ssn, Aspect::Itself | Aspect::Plural, _) | (Subject::Ssn, _, None) => false,
        (Subject::Ssn, _, Some(number)) => number < 10_000,
        (_, _, None) => true,
        (Subject::Typed, Aspect::Itself, Some(number)) => number < 1000,
        (Subject::Typed, _, Some(number)) => !nine_digits(number),
        (Subject::Presented, Aspect::Itself | Aspect::About, Some(number)) => !nine_digits(number),
        (Subject::Presented, _, Some(_)) => true,
    }
}

/// Checks whether a text is allowed under the name of a secret. [`in_text`](super::in_text) finds text that is a
/// secret under any name.
pub(crate) fn is_harmless_text(name: Name, text: &str) -> bool {
    let text = text.trim();
    let Name { subject, aspect } = name;
    if is_blank_or_masked(name, text) || is_state(subject, text) || has(ERROR_CODES, text) {
        return true;
    }
    match aspect {
        Aspect::Itself => {
            let all_digits = text.bytes().all(|byte| byte.is_ascii_digit());
            subject == Subject::Presented
                && (is_number(text, 3) || (is_time(text) && !all_digits) || is_url(text))
        }
        Aspect::Plural => subject == Subject::Presented && is_number(text, 5),
        Aspect::Id => is_uuid(text) || (subject == Subject::Presented && is_number(text, 8)),
        Aspect::Count => is_count(text) || is_time(text),
        Aspect::Time => is_time(text) || is_count(text),
        Aspect::About => {
            is_prose(text)
                || is_time(text)
                || (is_url(text) && !(subject != Subject::Presented && has_opaque_step(text)))
        }
        Aspect::Scope => is_scope(text),
        Aspect::Hash => subject == Subject::Presented && is_hash(text),
        Aspect::LastDigits => is_number(text, 4),
    }
}

/// Checks for marks that replace a value. The last four digits of a social security number may follow them.
fn is_blank_or_masked(name: Name, text: &str) -> bool {
    let unmarked = text
        .trim_start_matches(['[', '<', '(', '{', '*'])
        .trim_end_matches([']', '>', ')', '}', '*']);
    if unmarked.len() < text.len() && is_state(Subject::Presented, unmarked) {
        return true;
    }
    let is_mark = |c: char| matches!(c, '*' | '\u{2022}' | '.' | '_' | '-' | ' ' | '\u{2026}');
    let rest = text.trim_start_matches(|c| is_mark(c) || matches!(c, 'x' | 'X' | '#'));
    let marks = text.len() - rest.len();
    let is_ssn = name.subject == Subject::Ssn;
    text.chars().all(is_mark) || (marks >= 3 && (rest.is_empty() || (is_ssn && is_number(rest, 4))))
}

/// Checks for a few words that state the state of a secret.
fn is_state(subject: Subject, text: &str) -> bool {
    let known =
        |word: &str| has(STATES, word) || (subject == Subject::Presented && has(PRESENTED, word));
    let is_not_applicable = text.eq_ignore_ascii_case("n/a");
    is_not_applicable
        || text.len() <= 80
            && text
                .split([' ', '_', '-', '/', ',', '.', ':', ';', '!'])
                .filter(|word| !word.is_empty())
                .all(known)
}

/// Checks for digits, at most `most` of them.
pub(super) fn is_number(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Checks for a number with a unit, or without one: `3`, `3600 s`, `12 characters`, `-1`, `0.5`.
fn is_count(text: &str) -> bool {
    let text = text.trim_start_matches(['-', '+', '<', '>', '=', '~']);
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let digits = number.len();
    (1..=12).contains(&digits)
        && !(digits == 9 && unit.is_empty())
        && number.as_bytes()[0].is_ascii_digit()
        && unit.len() <= 12
        && unit.trim_start().bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'%')
}

/// Checks for the hyphenated text of a UUID.
pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Checks for a date, a time of day or both, or a time in seconds or milliseconds from 1970. The only letters
/// allowed are names of days, months, zones and units.
pub(super) fn is_time(text: &str) -> bool {
    const WORDS: &[&str] = &[
        "am", "apr", "aug", "days", "dec", "feb", "fri", "gmt", "jan", "jul", "jun", "mar", "may",
        "mon", "nov", "oct", "pm", "sat", "sep", "sun", "t", "thu", "tue", "utc", "wed", "z",
    ];
    let bytes = text.as_bytes();
    if matches!(bytes.len(), 10 | 13) && bytes.iter().all(u8::is_ascii_digit) {
        return true;
    }
    let starts_with = |shape: &str| {
        bytes.len() >= shape.len()
            && shape.bytes().zip(bytes).all(|(shape, byte)| match shape {
                b'0' => byte.is_ascii_digit(),
                b'a' => byte.is_ascii_alphabetic(),
                _ => *byte == shape,
            })
    };
    let begins = ["0000-00-00", "00:00", "aaa, 00 aaa 0000", "P0", "PT0", "00/00/0000"]
        .iter()
        .any(|shape| starts_with(shape));
    let mut letters = text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty());
    let is_period = text.starts_with('P')
        && text.bytes().all(|b| b.is_ascii_digit() || b"PTYMWDHS".contains(&b));
    begins
        && text.len() <= 40
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" :-+.,/".contains(&byte))
        && (is_period || letters.all(|word| has(WORDS, word)))
}

/// Checks for an HTTP URL. Its parts were checked with all other text.
fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace))
}

/// Checks whether a step of a URL's path could be a secret, as in a link that resets a password.
fn has_opaque_step(url: &str) -> bool {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    path.split('/').skip(3).any(|step| {
        let has = |class: fn(&u8) -> bool| step.as_bytes().iter().any(class);
        step.len() >= 16 && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic)
    })
}

/// Checks for an OAuth scope: words of letters, dots, slashes and the like.
fn is_scope(text: &str) -> bool {
    let is_word = |word: &str| {
        word.len() <= 80
            && word.bytes().all(|byte| byte.is_ascii_alphabetic() || b"._:/*-".contains(&byte))
    };
    text.split([' ', ',']).all(is_word)
}

/// Checks for the hexadecimal digits of a hash, with or without its method before them.
fn is_hash(text: &str) -> bool {
    let digits = text.rsplit(':').next().unwrap_or_default();
    let method = text[..text.len() - digits.len()].trim_end_matches(':');
    (method.is_empty() || has(METHODS, method))
        && (8..=128).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Checks for plain words: letters, or short numbers, with ordinary punctuation.
pub(super) fn is_prose(text: &str) -> bool {
    let ends = |c: char| c.is_whitespace() || ",;:()[]\"'/.!?-_".contains(c);
    text.split(ends).all(is_plain_word)
}

/// Checks for a word that is not a password: only letters, a short number, or the name of a method.
pub(super) fn is_plain_word(word: &str) -> bool {
    let capitals = word.bytes().skip(1).filter(u8::is_ascii_uppercase).count();
    let is_plain = word.chars().all(char::is_alphabetic)
        && word.len() <= 40
        && (capitals <= 3 || capitals + 1 == word.len());
    let is_version = word.strip_prefix(['v', 'V']).is_some_and(|rest| is_number(rest, 3));
    is_plain || is_number(word, 5) || is_version || has(METHODS, word)
}

/// Checks for a word that looks like a token: 16 characters or more in which letters of both cases and digits
/// alternate, or hexadecimal digits.
pub(crate) fn is_opaque(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_').any(|word| {
        let class = |byte: &u8| match byte {
            b'0'..=b'9' => 1,
            b'A'..=b'Z' => 2,
            _ => 3,
        };
        let letters: Vec<u8> = word.bytes().filter(u8::is_ascii_alphanumeric).collect();
        let changes = letters.windows(2).filter(|two| class(&two[0]) != class(&two[1])).count();
        let digits = letters.iter().filter(|byte| byte.is_ascii_digit()).count();
        let is_hex = letters.len() >= 20
            && digits >= 2
            && digits < letters.len()
            && letters.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            && !is_uuid(word);
        let has_capitals = letters.iter().any(u8::is_ascii_uppercase);
        let alternates = if has_capitals {
            digits >= 1 && changes * 5 >= letters.len() * 2
        } else {
            digits >= 3 && changes * 4 >= letters.len()
        };
        is_hex || (letters.len() >= 16 && alternates)
    })
}
