//! What must not stand in an audit trail: names and values that look like secrets.
//!
//! This is a net under a tightrope, not a filter: it catches the token that somebody logs by mistake.

/// Why a name or a value looks like a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Suspicion {
    /// The name is one that tokens, passwords, keys or social security numbers go by.
    Name,
    /// The value is or holds a JSON Web Token (RFC 7519).
    Jwt,
    /// The value is or holds credentials of HTTP authentication (RFC 6750, RFC 7617).
    Credentials,
    /// The value holds what is written like a social security number.
    SocialSecurityNumber,
}

impl Suspicion {
    /// In words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "is named like a secret",
            Self::Jwt => "holds a JSON Web Token",
            Self::Credentials => "holds credentials",
            Self::SocialSecurityNumber => "holds what looks like a social security number",
        }
    }
}

/// Names that hold a secret wherever these stand in them, whatever the spelling.
const ANYWHERE: [&str; 11] = [
    "token",
    "password",
    "passwd",
    "passphrase",
    "secret",
    "socialsecurity",
    "apikey",
    "privatekey",
    "credential",
    "authorization",
    "bearer",
];

/// Names that hold a secret where these are a word of their own.
const WORDS: [&str; 7] = ["ssn", "pwd", "pw", "jwt", "cookie", "cookies", "otp"];

/// Last words of names that say something of a secret and not the secret.
const ABOUT: [&str; 9] =
    ["id", "type", "at", "in", "count", "expiry", "expires", "status", "scope"];

/// Whether a member of this name holds a secret. `is_text` says whether its value could: a number or a
/// flag is no token, but may well be a social security number.
#[must_use]
pub fn suspect_name(name: &str, is_text: bool) -> Option<Suspicion> {
    let has_word = |wanted: &str| words(name).any(|word| word.eq_ignore_ascii_case(wanted));
    let holds = |part: &str| {
        let mut letters = letters(name);
        loop {
            if starts_with(letters.clone(), part) {
                return true;
            }
            if letters.next().is_none() {
                return false;
            }
        }
    };
    if has_word("ssn") || ends_with_ssn(name) || holds("socialsecurity") {
        return Some(Suspicion::Name);
    }
    let about = words(name).last().is_some_and(|last| {
        ABOUT.iter().any(|about| last.eq_ignore_ascii_case(about)) && words(name).count() > 1
    });
    let named = ANYWHERE.iter().any(|part| holds(part)) || WORDS.iter().any(|word| has_word(word));
    (named && is_text && !about).then_some(Suspicion::Name)
}

/// Whether a text is or holds a secret.
#[must_use]
pub fn suspect_value(text: &str) -> Option<Suspicion> {
    if holds_jwt(text) {
        Some(Suspicion::Jwt)
    } else if holds_credentials(text) {
        Some(Suspicion::Credentials)
    } else if holds_ssn(text) {
        Some(Suspicion::SocialSecurityNumber)
    } else {
        None
    }
}

/// The letters and digits of a name, whatever its spelling.
fn letters(name: &str) -> impl Iterator<Item = u8> + Clone + '_ {
    name.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase())
}

fn starts_with(mut bytes: impl Iterator<Item = u8>, part: &str) -> bool {
    part.bytes().all(|expected| bytes.next() == Some(expected))
}

fn ends_with_ssn(name: &str) -> bool {
    let tail = name.len().checked_sub(3).and_then(|start| name.get(start..));
    tail.is_some_and(|tail| tail.eq_ignore_ascii_case("ssn"))
}

/// The words of `a_name`, `a-name`, `a name` and `aName`.
fn words(name: &str) -> impl Iterator<Item = &str> {
    let mut rest = name;
    core::iter::from_fn(move || {
        rest = rest.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
        let mut previous_is_lower = false;
        let end = rest
            .char_indices()
            .find(|(_, c)| {
                let ends =
                    !c.is_ascii_alphanumeric() || (previous_is_lower && c.is_ascii_uppercase());
                previous_is_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
                ends
            })
            .map_or(rest.len(), |(index, _)| index);
        let (word, after) = rest.split_at(end);
        rest = after;
        (!word.is_empty()).then_some(word)
    })
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// Three parts of base64url, the first of which is JSON that begins with a member: `eyJ` is `{"`.
fn holds_jwt(text: &str) -> bool {
    let mut dotted = text.as_bytes().split(|byte| !is_base64url(*byte) && *byte != b'.');
    dotted.any(|dotted| {
        let parts = || dotted.split(|byte| *byte == b'.');
        // The signature of an unsecured token is empty, its dot is there.
        parts().zip(parts().skip(1)).zip(parts().skip(2)).any(|((header, payload), _)| {
            let starts = header.len().checked_sub(3).and_then(|end| header.get(..end));
            starts.is_some_and(|starts| starts.windows(3).any(|start| start == b"eyJ"))
                && !payload.is_empty()
        })
    })
}

fn is_token68(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)
}

/// `Bearer …` and `Basic …`: as the whole text whatever follows, within a text what is no word.
fn holds_credentials(text: &str) -> bool {
    let bytes = text.as_bytes();
    ["bearer", "basic"].iter().any(|scheme| {
        (0..bytes.len()).any(|start| {
            let Some(found) = bytes.get(start..start + scheme.len()) else { return false };
            let after = &bytes[start + scheme.len()..];
            let blanks = after.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let in_word = start > 0 && bytes[start - 1].is_ascii_alphanumeric();
            if !found.eq_ignore_ascii_case(scheme.as_bytes()) || in_word || blanks == 0 {
                return false;
            }
            let token = &after[blanks..];
            let len = token.iter().take_while(|byte| is_token68(**byte)).count();
            let (token, rest) = token.split_at(len);
            let whole = bytes[..start].trim_ascii().is_empty() && rest.trim_ascii().is_empty();
            let no_word = len >= 20 || (len >= 8 && token.iter().any(u8::is_ascii_digit));
            len > 0 && (whole || no_word)
        })
    })
}

/// `123-45-6789`, with nothing that goes on before or after.
fn holds_ssn(text: &str) -> bool {
    let bytes = text.as_bytes();
    let goes_on = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'-');
    bytes.windows(11).enumerate().any(|(start, window)| {
        let shaped = window.iter().enumerate().all(|(index, byte)| match index {
            3 | 6 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        });
        let before = start.checked_sub(1).and_then(|index| bytes.get(index));
        shaped && !goes_on(before) && !goes_on(bytes.get(start + 11))
    })
}

/// Whether a member of this name holds the address of a client, in an object that describes a device.
#[must_use]
pub fn names_address(name: &str) -> bool {
    const NAMES: [&str; 12] = [
        "ip",
        "ipaddress",
        "ipaddr",
        "ipv4",
        "ipv6",
        "clientip",
        "remoteip",
        "userip",
        "remoteaddr",
        "remoteaddress",
        "xforwardedfor",
        "xrealip",
    ];
    NAMES.iter().any(|known| letters(name).eq(known.bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets() {
        for name in [
            "token",
            "access_token",
            "refreshToken",
            "ID-Token",
            "accesstoken",
            "X-Auth-Token",
            "password",
            "newPassword",
            "passwd",
            "user_pwd",
            "client_secret",
            "SSN",
            "ssn",
            "user_ssn",
            "userSsn",
            "userSSN",
            "veteran-ssn",
            "social_security_number",
            "SocialSecurityNumber",
            "api_key",
            "Authorization",
            "bearer",
            "jwt",
            "cookie",
            "Set-Cookie",
            "private key",
            "credentials",
            "token_value",
            "to\u{301}ken_token",
        ] {
            assert_eq!(suspect_name(name, true), Some(Suspicion::Name), "{name}");
        }
    }

    #[test]
    fn names_of_other_things() {
        for name in [
            "",
            "reason",
            "session_id",
            "jwt_id",
            "token_type",
            "tokenExpiresAt",
            "token_count",
            "browser",
            "assigned",
            "lesson",
            "mission",
            "passed",
            "key_fingerprint",
            "\u{1f985}",
            "author",
        ] {
            assert_eq!(suspect_name(name, true), None, "{name}");
        }
        assert_eq!(suspect_name("tokens_rotated", false), None);
        assert_eq!(suspect_name("has_refresh_token", false), None);
        // A number can be one.
        assert_eq!(suspect_name("ssn", false), Some(Suspicion::Name));
    }

    #[test]
    fn values_that_are_secrets() {
        let jwt = ["eyJhbGciOiJSUzI1NiJ9", "e30", "c2ln"].join(".");
        for (text, expected) in [
            (jwt.as_str(), Suspicion::Jwt),
            (&alloc::format!("got {jwt}, and went on"), Suspicion::Jwt),
            ("eyJhbGciOiJub25lIn0.e30.", Suspicion::Jwt),
            ("Bearer x", Suspicion::Credentials),
            ("bearer \t abc", Suspicion::Credentials),
            ("Authorization: Bearer 2YotnFZFEjr1zCsicMWpAA", Suspicion::Credentials),
            ("BASIC dXNlcjpwYXNz", Suspicion::Credentials),
            ("123-45-6789", Suspicion::SocialSecurityNumber),
            ("his number, 123-45-6789, was", Suspicion::SocialSecurityNumber),
        ] {
            assert_eq!(suspect_value(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn values_that_are_not() {
        for text in [
            "",
            "password",
            "eyJ",
            "eyJhbGciOiJSUzI1NiJ9",
            "eyJ.e30.c2ln",
            "a.b.c",
            "Bearer",
            "Bearer ",
            "the bearer of this",
            "no bearer token was sent",
            "basic authentication failed",
            "1.2.3",
            "2026-03-03",
            "123-45-67890",
            "0123-45-6789",
            "forbearer x1234567890",
            "10.0.19045",
            "1bb044aa-ded1-40c7-8a88-433e74903f95",
        ] {
            assert_eq!(suspect_value(text), None, "{text}");
        }
    }

    #[test]
    fn long_names_and_values_take_time_in_proportion() {
        // What looks at all that follows, from each place again, would take minutes.
        for part in ["k", "t-", "eyJ", "eyJa.", "bearer ", "basic\t", "1-"] {
            let text = part.repeat(100_000 / part.len());
            assert_eq!(suspect_value(&text), None, "{part}");
            assert_eq!(suspect_name(&text, true).is_some(), part == "bearer ", "{part}");
            assert!(!names_address(&text));
        }
    }

    #[test]
    fn names_of_addresses() {
        for name in
            ["ip", "IP", "ip_address", "ipAddress", "client-ip", "X-Forwarded-For", "remote_addr"]
        {
            assert!(names_address(name), "{name}");
        }
        for name in ["", "ip_hash", "zip", "ship", "tooltip", "ipx", "description"] {
            assert!(!names_address(name), "{name}");
        }
    }
}
