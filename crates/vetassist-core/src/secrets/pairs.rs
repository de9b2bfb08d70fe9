//! Names and values within text: parameters of a URL or a form, members of JSON, headers, and prose that
//! contains a password.
//!
//! Only a bounded length of each name and value is read, so that the time is in proportion to the length of
//! the text.

use super::{
    names::{self, Aspect, Name, Subject},
    values,
};

/// The most bytes before a separator that are read for a name.
const NAME_REACH: usize = 64;
/// The most bytes after a separator that are read for a value.
const VALUE_REACH: usize = 256;
/// The most words before a separator that can be a name.
const NAME_WORDS: usize = 4;

/// Headers whose whole value is secret.
const HEADERS: [&str; 8] = [
    "authorization",
    "cookie",
    "proxy-authorization",
    "set-cookie",
    "x-access-token",
    "x-api-key",
    "x-auth-token",
    "x-csrf-token",
];

/// Returns true for the name of a header whose value is secret.
pub(crate) fn names_header(text: &str) -> bool {
    HEADERS.iter().any(|header| text.eq_ignore_ascii_case(header))
}

/// Checks whether a text contains a value with the name of a secret.
pub(super) fn holds_secret(text: &str) -> bool {
    let separated = text.bytes().enumerate().any(|(at, byte)| match byte {
        b'=' | b':' => separates(text, at),
        b'>' => ends_tag(text, at),
        _ => false,
    });
    separated || holds_secret_in_prose(text)
}

/// The style in which a text states a name and a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// `name=value`, `"name": "value"`: the value is exact.
    Exact,
    /// `Name: value`.
    Header,
    /// `some words: and more words`.
    Prose,
}

fn separates(text: &str, at: usize) -> bool {
    let before = &text[text.floor_char_boundary(at.saturating_sub(NAME_REACH))..at];
    let unquoted = before.trim_end_matches(|c: char| c.is_whitespace() || is_quote(c) || c == ']');
    let is_quoted = before[unquoted.len()..].contains(is_quote);
    let ends = |c: char| is_quote(c) || is_delimiter(c) || "/#:=".contains(c);
    let region = unquoted.rsplit(ends).next().unwrap_or_default().trim_start();
    let in_query = unquoted[..unquoted.len() - region.len()].ends_with(['?', '&', '#']);
    let Some((name, is_phrase)) = name_of(region, in_query) else { return false };

    let rest = &text[at + 1..];
    let rest = &rest[..rest.floor_char_boundary(VALUE_REACH)];
    let rest =
        if text.as_bytes()[at] == b'=' { rest.trim_start_matches(['=', '>', '~']) } else { rest };
    let value = rest.trim_start();
    let has_blank = value.len() < rest.len();
    let style = match text.as_bytes()[at] {
        b'=' => Style::Exact,
        _ if is_quoted || value.starts_with(is_quote) || !has_blank => Style::Exact,
        _ if names_header(region) => Style::Header,
        _ if is_phrase => Style::Prose,
        _ => Style::Header,
    };
    // A dot before and a digit after the colon: the line number of a file, or the port of a host.
    let is_place = region.contains('.') && rest.starts_with(|c: char| c.is_ascii_digit());
    if text.as_bytes()[at] == b':' && is_place {
        return false;
    }
    // A URL's scheme has no value. An object has names of its own. The first item of an array has the name
    // of the array.
    if rest.starts_with("//") || value.starts_with('{') {
        return false;
    }
    let value = value.trim_start_matches(|c: char| c == '[' || c.is_whitespace());
    is_secret(name, region, value, style)
}

fn is_secret(name: Name, region: &str, value: &str, style: Style) -> bool {
    if let Some(quote) = value.chars().next().filter(|c| is_quote(*c)) {
        let quoted = value.trim_start_matches(is_quote);
        let quoted = quoted.split([quote, '\n']).next().unwrap_or_default();
        return !values::is_harmless_text(name, quoted.trim_end_matches('\\'));
    }
    let line = value.split(['\n', '\r']).next().unwrap_or_default();
    let first =
        line.split(|c: char| c.is_whitespace() || is_delimiter(c) || is_quote(c) || c == ']');
    let first = first.into_iter().next().unwrap_or_default();
    let phrase = line.split(is_delimiter).next().unwrap_or_default().trim();
    let one_word = !phrase.contains(char::is_whitespace);
    match style {
        Style::Exact => !values::is_harmless_text(name, first),
        Style::Header if names_header(region) => !values::is_harmless_text(name, line),
        Style::Header if one_word => !values::is_harmless_text(name, phrase),
        Style::Header | Style::Prose => {
            !values::is_harmless_text(name, first) && is_no_word(name.subject, first)
        }
    }
}

/// Reads the last words before a separator as a name. Also returns whether other words precede it.
fn name_of(region: &str, in_query: bool) -> Option<(Name, bool)> {
    // A code (RFC 6749, section 4.1.2), an assertion (RFC 7521), or a signature.
    if in_query && ["code", "assertion", "sig", "signature"].contains(&region) {
        return Some((Name { subject: Subject::Presented, aspect: Aspect::Itself }, false));
    }
    let cut = region.rmatch_indices(char::is_whitespace).nth(NAME_WORDS - 1);
    let words = &region[cut.map_or(0, |(at, blank)| at + blank.len())..];
    let name = Name::of(words)?;
    let mut first = words.split_whitespace();
    let qualifier = first.next().unwrap_or_default();
    let is_name = cut.is_none()
        && match first.count() {
            0 => true,
            1 => QUALIFIERS.iter().any(|known| qualifier.eq_ignore_ascii_case(known)),
            _ => false,
        };
    Some((name, !is_name))
}

/// First words of names of two words.
const QUALIFIERS: [&str; 24] = [
    "access", "account", "admin", "api", "auth", "bearer", "client", "csrf", "current", "db",
    "her", "his", "id", "login", "my", "new", "old", "private", "refresh", "secret", "session",
    "the", "user", "your",
];

/// Checks for `<name>value</name>`.
fn ends_tag(text: &str, at: usize) -> bool {
    let before = &text[text.floor_char_boundary(at.saturating_sub(NAME_REACH))..at];
    let Some((_, tag)) = before.rsplit_once('<') else { return false };
    let tag = tag.split(char::is_whitespace).next().unwrap_or_default();
    let Some(name) = Name::of(tag.rsplit(':').next().unwrap_or_default()) else { return false };
    let value = &text[at + 1..];
    let value = &value[..value.floor_char_boundary(VALUE_REACH)];
    let value = value.split('<').next().unwrap_or_default();
    !tag.starts_with('/') && !values::is_harmless_text(name, value)
}

/// Checks for text such as `the password hunter2 was refused`: the name of a secret, and then something that
/// is not a word.
fn holds_secret_in_prose(text: &str) -> bool {
    let mut subject: Option<Subject> = None;
    let mut previous = "";
    for word in text.split(|c: char| c.is_whitespace() || is_quote(c) || "()[]{}<>,;".contains(c)) {
        if word.is_empty() {
            continue;
        }
        let bare = word.trim_end_matches(['.', '!', '?', ':', '=']);
        match subject {
            Some(subject) if is_no_word(subject, bare) => return true,
            Some(_) if CONNECTING.iter().any(|known| bare.eq_ignore_ascii_case(known)) => {}
            _ => subject = None,
        }
        if let Some(named) = noun_of_prose(previous, bare) {
            subject = Some(named);
        }
        previous = bare;
    }
    false
}

/// Words that may be between the name of a secret and the secret.
const CONNECTING: [&str; 6] = ["is", "was", "value", "number", "no", "="];

fn noun_of_prose(previous: &str, word: &str) -> Option<Subject> {
    if word.len() > NAME_REACH
        || !word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
    {
        return None;
    }
    names::of_prose(if previous.len() > NAME_REACH { "" } else { previous }, word)
}

/// Checks for a text that is not a word: it has not only letters, and is no number, date, version, address or
/// id.
fn is_no_word(subject: Subject, word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let letters = word.bytes().filter(u8::is_ascii_alphabetic).count();
    if subject == Subject::Ssn {
        return digits >= 7 && letters == 0 && !values::is_time(word);
    }
    if subject == Subject::Typed && letters == 0 && digits == word.len() {
        return (4..=8).contains(&digits);
    }
    let is_version = word
        .trim_start_matches(['v', 'V'])
        .split('.')
        .all(|part| part.is_empty() || values::is_number(part, 6));
    let is_known = values::is_uuid(word)
        || values::is_time(word)
        || is_version
        || word.contains("://")
        || values::is_prose(word);
    let (least, least_digits) = if subject == Subject::Typed { (6, 1) } else { (10, 2) };
    let is_mixed = word.len() >= least && digits >= least_digits && letters >= 1;
    let has_symbols = subject == Subject::Typed
        && word.len() >= least
        && word.contains(['!', '@', '#', '$', '%', '^', '&', '*', '+', '~']);
    !is_known && (is_mixed || has_symbols || values::is_opaque(word))
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\'' | '`' | '\\')
}

fn is_delimiter(c: char) -> bool {
    matches!(c, ',' | ';' | '&' | '?' | '{' | '}' | '(' | ')' | '<' | '>' | '|' | '\n' | '\r')
}
