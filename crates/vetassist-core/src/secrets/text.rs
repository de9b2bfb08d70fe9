//! Secrets in text under any name. Each check takes time in proportion to the length of the text.

use alloc::{string::String, vec::Vec};

use super::{
    pairs, values,
    words::{has, STATES},
};
use crate::error::Suspicion;

/// Returns the reason why a text is or contains a secret.
pub(crate) fn in_text(text: &str) -> Option<Suspicion> {
    let mut found = in_plain(text);
    // Text from a URL, JSON or HTML may be escaped, more than once.
    let mut decoded = decode(text);
    for _ in 0..3 {
        let (None, Some(plain)) = (found, decoded) else { break };
        found = in_plain(&plain);
        decoded = decode(&plain);
    }
    found
}

fn in_plain(text: &str) -> Option<Suspicion> {
    if holds_jwt(text) {
        Some(Suspicion::Jwt)
    } else if holds_credentials(text) || holds_user_info(text) {
        Some(Suspicion::Credentials)
    } else if holds_ssn(text) {
        Some(Suspicion::SocialSecurityNumber)
    } else if text.contains("-----BEGIN ") && text.contains("PRIVATE KEY") {
        Some(Suspicion::PrivateKey)
    } else if pairs::holds_secret(text) {
        Some(Suspicion::Parameter)
    } else {
        None
    }
}

/// Decodes one layer of escapes (`%3D`, `\u003d`, `&#61;`, `&quot;`, `\"`, `\n`); `None` if there is none.
/// Hyphens and blanks of all kinds become those of ASCII.
fn decode(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    let mut changed = false;
    while let Some(c) = rest.chars().next() {
        let (decoded, len) = match c {
            '%' => escaped(rest, "%", 2, 16, ""),
            '\\' => escaped(rest, "\\u", 4, 16, "")
                .or_else(|| escaped(rest, "\\x", 2, 16, ""))
                .or_else(|| {
                    let blanks = [("n", '\n'), ("r", '\r'), ("t", '\t')];
                    let blank = blanks.iter().find(|(letter, _)| rest[1..].starts_with(letter));
                    blank.map(|(_, blank)| (*blank, 2))
                })
                .or_else(|| rest[1..].starts_with(['"', '\'', '\\', '/']).then_some(('\0', 1))),
            '&' => entity(rest),
            '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe63}' | '\u{ff0d}' => {
                Some(('-', c.len_utf8()))
            }
            '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' => Some((' ', c.len_utf8())),
            '\u{ff01}'..='\u{ff5e}' => {
                char::from_u32(u32::from(c) - 0xfee0).map(|ascii| (ascii, c.len_utf8()))
            }
            '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' => {
                Some(('\0', c.len_utf8()))
            }
            _ => None,
        }
        .inspect(|_| changed = true)
        .unwrap_or((c, c.len_utf8()));
        // A zero means that no character is added.
        if decoded != '\0' {
            plain.push(decoded);
        }
        rest = &rest[len..];
    }
    changed.then_some(plain)
}

/// Reads one character that is written as digits after a mark. Two digits are a byte, which is a character only if it is
/// ASCII.
fn escaped(text: &str, mark: &str, most: usize, radix: u32, end: &str) -> Option<(char, usize)> {
    let digits = text.strip_prefix(mark)?;
    let len =
        digits.bytes().take(most).take_while(|byte| char::from(*byte).is_digit(radix)).count();
    if len == 0 || (end.is_empty() && len < most) || !digits[len..].starts_with(end) {
        return None;
    }
    let c = u32::from_str_radix(&digits[..len], radix).ok().and_then(char::from_u32)?;
    (c.is_ascii() || most > 2).then_some((c, mark.len() + len + end.len()))
}

fn entity(text: &str) -> Option<(char, usize)> {
    let named = [("&quot;", '"'), ("&apos;", '\''), ("&amp;", '&'), ("&lt;", '<'), ("&gt;", '>')];
    let named = named.iter().find(|(name, _)| text.starts_with(name));
    named
        .map(|(name, c)| (*c, name.len()))
        .or_else(|| escaped(text, "&#x", 4, 16, ";"))
        .or_else(|| escaped(text, "&#", 4, 10, ";"))
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// Checks for parts of base64url, where the first is JSON that begins with a member: `eyJ` is `{"`. A JSON Web
/// Token has three or five parts. Two parts are enough if the second is JSON too.
fn holds_jwt(text: &str) -> bool {
    let mut dotted = text.as_bytes().split(|byte| !is_base64url(*byte) && *byte != b'.');
    dotted.any(|dotted| {
        let parts: Vec<&[u8]> = dotted.split(|byte| *byte == b'.').collect();
        let begins = |part: &[u8]| {
            let head = part.len().checked_sub(3).and_then(|end| part.get(..end));
            head.is_some_and(|head| head.windows(3).any(|start| start == b"eyJ"))
        };
        parts.windows(2).enumerate().any(|(index, two)| {
            let parts_after = parts.len() - index - 2;
            let is_json = two[1].len() >= 8 && two[1].starts_with(b"eyJ");
            let is_filled = parts_after > 0 && !two[1].is_empty();
            // The second part of an encrypted token may be empty.
            let is_encrypted =
                parts_after >= 3 && parts.get(index + 2).is_some_and(|p| !p.is_empty());
            (is_filled || is_json || is_encrypted) && begins(two[0])
        })
    })
}

fn is_token68(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)
}

/// Words that follow the name of a scheme in text about the scheme, which contains no credentials.
const NO_CREDENTIALS: &[&str] = &[
    "auth",
    "authentication",
    "authorization",
    "challenge",
    "credential",
    "credentials",
    "expired",
    "header",
    "invalid",
    "is",
    "missing",
    "not",
    "only",
    "required",
    "scheme",
    "token",
    "tokens",
    "was",
];

/// Checks for `Bearer …` and `Basic …`. If they are the whole text, anything may follow them; within a text, only
/// something that is not a word counts.
fn holds_credentials(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut is_first = true;
    while at < bytes.len() {
        let word = run(&bytes[at..], u8::is_ascii_alphanumeric);
        let after = at + word;
        let scheme = &bytes[at..after];
        let blanks = run(&bytes[after..], u8::is_ascii_whitespace);
        let is_scheme = ["bearer", "basic", "dpop", "negotiate", "digest"]
            .iter()
            .any(|known| scheme.eq_ignore_ascii_case(known.as_bytes()));
        if is_scheme && blanks > 0 {
            let token = &bytes[after + blanks..];
            let len = run(token, |byte| is_token68(*byte));
            let (token, rest) = token.split_at(len);
            let is_quoted =
                at > 0 && is_quote(&bytes[at - 1]) && rest.first().is_some_and(is_quote);
            let is_whole = is_quoted || (is_first && !rest.iter().any(u8::is_ascii_alphanumeric));
            let is_known = core::str::from_utf8(token)
                .is_ok_and(|word| has(NO_CREDENTIALS, word) || has(STATES, word));
            // `… Bearer HTTP/1.1` is the end of a request's first line.
            let is_version = token.starts_with(b"HTTP/");
            let no_word = len >= 20 || (len >= 8 && token.iter().any(u8::is_ascii_digit));
            if len > 0 && !is_version && ((is_whole && !is_known) || no_word) {
                return true;
            }
        }
        is_first &= word == 0;
        at = (after + blanks).max(at + 1);
    }
    false
}

fn is_quote(byte: &u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`' | b'\\')
}

/// Counts the bytes of this kind at the beginning.
fn run(bytes: &[u8], kind: impl Fn(&u8) -> bool) -> usize {
    bytes.iter().take_while(|byte| kind(byte)).count()
}

/// Checks for `https://name:password@host`, and for a user name alone that looks like a token.
fn holds_user_info(text: &str) -> bool {
    text.split("://").skip(1).any(|rest| {
        let ends = |c: char| c.is_whitespace() || "/?#\"'<>\\".contains(c);
        let authority = rest.split(ends).next().unwrap_or_default();
        let user_info = authority.rsplit_once('@').map(|(user_info, _)| user_info);
        user_info.is_some_and(|user_info| match user_info.split_once(':') {
            Some((_, password)) => !password.is_empty(),
            None => values::is_opaque(user_info),
        })
    })
}

/// Checks for `123-45-6789` and `123 45 6789`, without a digit or a hyphen before or after them.
fn holds_ssn(text: &str) -> bool {
    let bytes = text.as_bytes();
    let goes_on = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_digit() || *b == b'-');
    bytes.windows(11).enumerate().any(|(start, window)| {
        let separator = window[3];
        let shaped = matches!(separator, b'-' | b' ')
            && window.iter().enumerate().all(|(index, byte)| match index {
                3 | 6 => *byte == separator,
                _ => byte.is_ascii_digit(),
            });
        let before = start.checked_sub(1).and_then(|index| bytes.get(index));
        shaped && !goes_on(before) && !goes_on(bytes.get(start + 11))
    })
}
