//! Names of secrets, and the meaning of the other words in such a name.

use alloc::{string::String, vec::Vec};

use crate::name_words;

/// A kind of secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A social security number.
    Ssn,
    /// Something that people type: passwords, PINs, one-time codes.
    Typed,
    /// Something that programs present: tokens, keys, cookies.
    Presented,
}

/// The content of a member: the secret, or something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aspect {
    /// The secret.
    Itself,
    /// Several secrets, or their number.
    Plural,
    /// An identifier.
    Id,
    /// A number of something.
    Count,
    /// A time or a duration.
    Time,
    /// The state of the secret, its kind, or its place.
    About,
    /// The rights that the secret grants.
    Scope,
    /// A hash.
    Hash,
    /// The last digits.
    LastDigits,
}

/// The name of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) subject: Subject,
    pub(crate) aspect: Aspect,
}

use Aspect::{About, Count, Hash, Id, Itself, LastDigits, Plural, Scope, Time};
use Subject::{Presented, Ssn, Typed};

/// Words that are the name of a secret by themselves. A word that ends with a word of this list is one too
/// (`accesstoken`).
const NOUNS: [(&str, Subject); 14] = [
    ("token", Presented),
    ("secret", Presented),
    ("credential", Presented),
    ("cookie", Presented),
    ("jwt", Presented),
    ("authorization", Presented),
    ("apikey", Presented),
    ("privatekey", Presented),
    ("password", Typed),
    ("passwd", Typed),
    ("passphrase", Typed),
    ("passcode", Typed),
    ("pwd", Typed),
    ("ssn", Ssn),
];
const WHOLE_NOUNS: [(&str, Subject); 17] = [
    ("bearer", Presented),
    ("creds", Presented),
    ("accesskey", Presented),
    ("secretkey", Presented),
    ("masterkey", Presented),
    ("authcode", Presented),
    ("jsessionid", Presented),
    ("phpsessid", Presented),
    ("pw", Typed),
    ("psw", Typed),
    ("pswd", Typed),
    ("pin", Typed),
    ("otp", Typed),
    ("totp", Typed),
    ("hotp", Typed),
    ("cvv", Typed),
    ("cvc", Typed),
];

/// Two words that are the name of a secret together.
#[rustfmt::skip]
const QUALIFIED: [(&[&str], &[&str], Subject); 10] = [
    (&["social"], &["security"], Ssn),
    (&[
        "user", "db", "database", "admin", "root", "smtp", "ldap", "proxy", "old", "new",
        "login",
    ], &["pass"], Typed),
    (&["pass"], &["word", "words", "phrase", "code", "wd"], Typed),
    (&[
        "api", "private", "secret", "access", "signing", "encryption", "master", "session",
        "shared", "symmetric", "hmac", "aes",
    ], &["key", "keys"], Presented),
    (&[
        "security", "recovery", "backup", "verification", "mfa", "2fa", "auth", "time",
        "activation", "confirmation", "sms", "login", "access", "reset", "device", "user",
    ], &["code", "codes"], Typed),
    (&["security"], &["answer", "answers"], Typed),
    (&["recovery", "seed", "mnemonic"], &["phrase"], Typed),
    (&["code"], &["verifier"], Presented),
    (&["client", "saml"], &["assertion", "response"], Presented),
    (&["magic"], &["link"], Presented),
];

/// Last words of a name, with the aspect of the secret that they stand for.
#[rustfmt::skip]
const ASPECTS: [(Aspect, &[&str]); 6] = [
    (Id, &[
        "id", "ids", "uuid", "guid", "jti", "identifier",
    ]),
    (Count, &[
        "count", "counts", "length", "len", "size", "bytes", "bits", "attempts", "attempt",
        "tries", "retries", "total", "limit", "max", "min", "age", "days", "hours", "minutes",
        "seconds", "ttl", "lifetime", "index", "position", "left", "remaining", "failures",
        "version", "rotated", "opened", "rounds", "iterations",
    ]),
    (Time, &[
        "at", "on", "in", "time", "date", "expiry", "expires", "expiration", "exp", "iat",
        "nbf", "until", "since", "after", "before", "timestamp", "updated", "created", "issued",
    ]),
    (About, &[
        "type", "types", "kind", "method", "methods", "alg", "algorithm", "format", "scheme",
        "class", "category", "usage", "use", "encoding", "status", "state", "result", "outcome",
        "reason", "error", "errors", "message", "detail", "details", "description", "event",
        "action", "cause", "step", "stage", "policy", "strength", "server", "endpoint", "url",
        "uri", "link", "issuer", "iss", "audience", "aud", "provider", "source", "origin",
        "host", "domain", "realm", "location", "storage", "store", "consent", "label",
        "rotation", "refresh", "reset", "change", "changed", "update", "verification",
        "validation", "check", "checks", "required", "expired", "valid", "invalid", "present",
        "missing", "revoked", "used", "flow", "grant", "strategy", "mode", "purpose",
        "verified", "match", "matched", "mismatch", "failed", "failure", "refreshed", "enabled",
        "exchange", "revocation", "introspection", "request", "requested", "kid", "name",
        "names", "client", "tenant", "application", "service", "environment", "banner", "notice",
        "preferences", "settings", "channel", "level", "loa", "ial", "aal",
    ]),
    (Scope, &[
        "scope", "scopes", "permissions",
    ]),
    (Hash, &[
        "hash", "fingerprint", "thumbprint", "digest", "sha256", "checksum",
    ]),
];

impl Name {
    /// Reads a name, in any spelling. Returns `None` if it is not the name of a secret.
    pub(crate) fn of(name: &str) -> Option<Self> {
        let words = words(name);
        if words == ["pass"] {
            return Some(Self { subject: Typed, aspect: Itself });
        }
        let (subject, end, plural) = last_subject(&words)?;
        let shows_last = subject == Ssn && last_digits(&words);
        // `token expired at 12`, before `:30`.
        let mut rest = words[end..].iter().rev();
        let aspect = match rest.find(|word| !word.starts_with(|c: char| c.is_ascii_digit())) {
            _ if shows_last => LastDigits,
            None if plural => Plural,
            None => Itself,
            Some(last) => aspect(last),
        };
        Some(Self { subject, aspect })
    }

    /// Returns the name of a member inside a value with this name. If the member has the name of a secret,
    /// that name counts; otherwise the member's name states the aspect of this secret.
    pub(crate) fn inside(self, name: &str) -> Self {
        Self::of(name).unwrap_or_else(|| {
            let words = words(name);
            let shows_last = self.subject == Ssn && last_digits(&words);
            let aspect = match words.last() {
                _ if shows_last => LastDigits,
                Some(last) => aspect(last),
                None => Itself,
            };
            Self { subject: self.subject, aspect }
        })
    }
}

fn aspect(last: &str) -> Aspect {
    let known = ASPECTS.iter().find(|(_, words)| words.contains(&last));
    known.map_or(Itself, |(aspect, _)| *aspect)
}

/// Checks for `last4` and `last four digits`.
fn last_digits(words: &[String]) -> bool {
    words.iter().any(|word| matches!(word.as_str(), "last4" | "lastfour"))
        || words.windows(2).any(|two| two[0] == "last" && matches!(two[1].as_str(), "4" | "four"))
}

/// Returns the last secret in the words, the number of words up to its end, and whether it is a plural.
fn last_subject(words: &[String]) -> Option<(Subject, usize, bool)> {
    (0..words.len()).rev().find_map(|index| {
        let word = words[index].as_str();
        let pair = index.checked_sub(1).map(|before| words[before].as_str());
        let (subject, plural) = noun(word).or_else(|| qualified(pair?, word))?;
        Some((subject, index + 1, plural))
    })
}

/// Reads a word that is the name of a secret by itself. Also returns whether it is a plural.
fn noun(word: &str) -> Option<(Subject, bool)> {
    let word = word.trim_end_matches(|c: char| c.is_ascii_digit());
    let singular = word.strip_suffix('s').filter(|rest| !rest.ends_with('s')).unwrap_or(word);
    let is_plural = singular.len() < word.len();
    let whole = WHOLE_NOUNS.iter().find(|(noun, _)| *noun == word);
    if let Some((_, subject)) = whole {
        return Some((*subject, false));
    }
    let ending = NOUNS.iter().find(|(noun, _)| singular.ends_with(noun));
    ending.map(|(_, subject)| (*subject, is_plural))
}

/// Reads a word of prose, and the word before it, as the name of a secret.
pub(super) fn of_prose(previous: &str, word: &str) -> Option<Subject> {
    let lower = word.to_ascii_lowercase();
    let known = noun(&lower).or_else(|| qualified(&previous.to_ascii_lowercase(), &lower));
    if let Some((subject, _)) = known {
        return Some(subject);
    }
    // An identifier of several words, such as `api_key`.
    let is_joined = |byte: u8| matches!(byte, b'_' | b'-') || byte.is_ascii_uppercase();
    let name = word.bytes().skip(1).any(is_joined).then(|| Name::of(word))??;
    matches!(name.aspect, Itself | Plural).then_some(name.subject)
}

fn qualified(first: &str, second: &str) -> Option<(Subject, bool)> {
    let found = QUALIFIED
        .iter()
        .find(|(firsts, seconds, _)| firsts.contains(&first) && seconds.contains(&second));
    found.map(|(.., subject)| (*subject, second == "keys" || second == "codes"))
}

/// Returns the words of a name. A word is split after the name of a secret that it contains (`passwordreset`).
fn words(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    for word in name_words::words(name) {
        split_noun(&mut words, word);
    }
    words
}

/// Long nouns, which hardly any other word contains.
const LONG_NOUNS: [&str; 12] = [
    "socialsecurity",
    "accesstoken",
    "refreshtoken",
    "authtoken",
    "idtoken",
    "clientsecret",
    "apikey",
    "privatekey",
    "credential",
    "password",
    "passphrase",
    "passwd",
];
/// Nouns that other words begin with, such as `tokenizer`.
const SHORT_NOUNS: [&str; 5] = ["token", "secret", "cookie", "jwt", "ssn"];
/// Endings that make another word of a noun.
const SUFFIXES: [&str; 5] = ["less", "ize", "ing", "ed", "er"];

fn split_noun(words: &mut Vec<String>, word: String) {
    let end = |noun: &&str| {
        let start = if noun.len() > word.len() { None } else { word.find(noun) };
        start.map(|start| start + noun.len())
    };
    let long = LONG_NOUNS
        .iter()
        .filter_map(end)
        .max()
        .filter(|end| !SUFFIXES.iter().any(|suffix| word[*end..].starts_with(suffix)));
    let short = || {
        let known = |end: &usize| {
            let rest = &word[*end..];
            matches!(rest, "value" | "string" | "text" | "data") || aspect(rest) != Itself
        };
        SHORT_NOUNS.iter().filter_map(end).find(known)
    };
    match long.or_else(short) {
        // A plural is not split.
        Some(end) if !matches!(&word[end..], "" | "s") => {
            let (noun, rest) = word.split_at(end);
            // This noun is two words.
            if let Some(before) = noun.strip_suffix("socialsecurity") {
                words.extend([before, "social", "security", rest].map(String::from));
            } else {
                words.extend([noun, rest].map(String::from));
            }
        }
        Some(_) if word.ends_with("socialsecurity") => {
            words.extend(["social", "security"].map(String::from));
        }
        _ => words.push(word),
    }
}

#[cfg(test)]
mod tests;
