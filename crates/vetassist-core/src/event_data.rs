//! Rules for the type and the metadata of an event.
//!
//! [`check`] and [`check_event_type`] refuse everything that looks like a secret. Their errors say where it
//! is and do not quote it. They catch common mistakes, not every secret. [`hash_addresses`] then replaces
//! addresses by hashes: the address of a client belongs in the event's `ip`, and no plain address is ever
//! stored.
//!
//! # Refused under any name, and in names and event types
//!
//! | refused | example |
//! |---|---|
//! | a JSON Web Token, whole or within text | `eyJhbGciOiJSUzI1NiJ9.e30.c2ln` |
//! | credentials of HTTP, or in a URL | `Bearer x`, `Basic x`, `https://name:password@host` |
//! | a social security number with its hyphens or blanks | `123-45-6789` |
//! | a private key | its first line in PEM (RFC 7468) |
//! | text that contains a parameter, member, header or element with the name of a secret and a value that could be one; escaped (`%3D`, `\u003d`, `\"`, `&quot;`) or not | `…/token?refresh_token=abc`, `{"access_token": "abc"}`, `Cookie: a=b`, `password: hunter2` |
//! | prose with a secret: the name of a secret, and then something that is not a word | `the password hunter2 was refused` |
//!
//! # Refused under the name of a secret
//!
//! There are three kinds of names of secrets, in any spelling (`access_token`, `accessToken`,
//! `Access-Token`): names of a *social security number* (`ssn`, `social_security_number`), of secrets that
//! people *type* (`password`, `passphrase`, `pin`, `otp`, `mfa_code`), and of secrets that programs
//! *present* (`token`, `jwt`, `secret`, `api_key`, `cookie`, `credentials`, `authorization`). The name of an
//! array or an object also applies to the values in it. If a `name`, `key`, `header`, `field` or
//! `parameter` contains such a name, the name applies to the value beside it. In an array, the name of such
//! a header applies to the item after it; in an array of pairs, to the second item of the pair.
//!
//! The value is refused, unless it is of a kind that is not secret:
//!
//! | kind | example | under |
//! |---|---|---|
//! | `null`, `true`, `false`, empty text, marks | `***`, `[redacted]`, `***-**-6789` | every name |
//! | a few words for a state | `present`, `missing`, `expired`, `not found` | every name |
//! | the code of an OAuth error | `invalid_grant` | every name |
//! | the name of a kind of secret | `Bearer`, `access_token` | presented |
//! | a number, but not of nine digits | `3`, `3600` | presented; typed below 1000, unless the name is that of a count |
//! | a count or a length | `12 characters` | names that end in `count`, `length`, `attempts`, ... |
//! | a date or time, seconds from 1970 | `2026-03-01T12:00:00Z` | presented; all that end in `at`, `expires`, `in`, ... |
//! | a URL | `https://sandbox-api.va.gov/oauth2` | presented; all that end in `server`, `endpoint`, `url`, ... |
//! | a UUID | | names that end in `id` |
//! | plain words, methods | `RS256`, `too many tries` | names that end in `type`, `status`, `error`, `reset`, `policy`, ... |
//! | a scope | `openid profile` | names that end in `scope` |
//! | hexadecimal digits of a hash | | presented, names that end in `hash`, `fingerprint`, ... |
//! | at most four digits | `6789` | `ssn_last4`, `last_four_ssn` |
//!
//! An event's type is also refused if it is blank, too long, or one that the library writes itself, if it
//! looks like a token (`2YotnFZFEjr1zCsicMWpAA`), or if it contains nine digits in a row.

use alloc::string::{String, ToString};
use core::fmt::{self, Write};

use crate::{
    error::Suspicion,
    json::{Number, Value, MAX_DEPTH},
    schema,
    secrets::{self, Name},
};

pub use crate::device_info::hash_addresses;

/// Types of events that the library itself writes. Applications may not log them.
pub const RESERVED: [&str; 21] = [
    "login",
    "session_created",
    "session_revoked",
    "sessions_revoked",
    "tokens_stored",
    "token_refreshed",
    "token_refresh_failed",
    "token_opened",
    "tokens_disconnected",
    "user_updated",
    "user_deactivated",
    "user_activated",
    "user_erased",
    "audit_watched",
    "everybody_signed_out",
    "keys_rotated",
    "ip_hashes_upgraded",
    "audit_purged",
    "tier_granted",
    "tier_revoked",
    "ring_accepted",
];

/// The most characters that an event's type may have.
pub const MAX_EVENT_TYPE: usize = match schema::length_of("vetassist_auth_audit", "event_type") {
    Some(length) => length,
    None => panic!("event_type has a length"),
};

/// The reason why an event's type was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventTypeError {
    /// Empty, or only white space.
    Blank,
    /// More than [`MAX_EVENT_TYPE`] characters.
    TooLong,
    /// One of [`RESERVED`], or a text that reads like one: in another case, or with other marks between the
    /// words.
    Reserved,
    /// It looks like a secret.
    Secret(Suspicion),
}

impl fmt::Display for EventTypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("event_type ")?;
        match self {
            Self::Blank => f.write_str("must not be blank"),
            Self::TooLong => write!(f, "must not be longer than {MAX_EVENT_TYPE} characters"),
            Self::Reserved => f.write_str("is reserved for events that vetassist writes"),
            Self::Secret(suspicion) => f.write_str(suspicion.as_str()),
        }
    }
}

impl core::error::Error for EventTypeError {}

/// Checks the type of an event that an application logs.
///
/// # Errors
/// [`EventTypeError`].
pub fn check_event_type(event_type: &str) -> Result<(), EventTypeError> {
    let name = event_type.trim();
    if name.is_empty() {
        return Err(EventTypeError::Blank);
    }
    if event_type.chars().nth(MAX_EVENT_TYPE).is_some() {
        return Err(EventTypeError::TooLong);
    }
    if RESERVED.iter().any(|reserved| reads_as(name, reserved)) {
        return Err(EventTypeError::Reserved);
    }
    let mut runs = name.split(|c: char| !c.is_ascii_digit());
    let suspicion = secrets::in_text(event_type)
        .or_else(|| runs.any(|run| run.len() == 9).then_some(Suspicion::SocialSecurityNumber))
        .or_else(|| secrets::is_opaque(name).then_some(Suspicion::Token));
    suspicion.map_or(Ok(()), |suspicion| Err(EventTypeError::Secret(suspicion)))
}

/// Returns whether a name reads like another: it compares only letters and digits, and ignores case.
fn reads_as(name: &str, other: &str) -> bool {
    let counted = |text: &str| {
        let counted = text.chars().filter(char::is_ascii_alphanumeric);
        counted.map(|c| c.to_ascii_lowercase()).collect::<String>()
    };
    counted(name) == counted(other)
}

/// The reason why metadata was refused: the kind of secret, and its place. It never contains the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The path to the value from `event_data`, such as `event_data.users[0].password`. If a member's name
    /// is or contains a secret, the path to its object.
    pub path: String,
    /// True if the name of a member is or contains the secret.
    pub in_name: bool,
    /// The kind of secret that it looks like.
    pub reason: Suspicion,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let which = if self.in_name { "has a name that " } else { "" };
        write!(f, "{} {which}{}", self.path, self.reason.as_str())
    }
}

impl core::error::Error for Refusal {}

/// Checks that nothing in an event's metadata looks like a secret.
///
/// # Errors
/// [`Refusal`], for the first name or value that does.
pub fn check<N: Number>(event_data: &Value<N>) -> Result<(), Refusal> {
    let mut steps = [Step::Item(0); MAX_DEPTH];
    let mut walk = Walk { steps: &mut steps };
    match walk.value(event_data, None, 0) {
        None => Ok(()),
        Some(found) => Err(Refusal {
            path: path(&steps[..found.depth]),
            in_name: found.in_name,
            reason: found.reason,
        }),
    }
}

/// A step of a path, from a value to one inside it.
#[derive(Clone, Copy)]
enum Step<'a> {
    Member(&'a str),
    Item(usize),
}

struct Found {
    depth: usize,
    in_name: bool,
    reason: Suspicion,
}

struct Walk<'a, 's> {
    steps: &'s mut [Step<'a>; MAX_DEPTH],
}

impl<'a> Walk<'a, '_> {
    /// Checks a value under the name of a secret, or under another name.
    fn value<N: Number>(
        &mut self,
        value: &'a Value<N>,
        name: Option<Name>,
        depth: usize,
    ) -> Option<Found> {
        let found = |reason| Found { depth, in_name: false, reason };
        match value {
            Value::Null | Value::Bool(_) => None,
            Value::Number(number) => {
                let refused = |name| !secrets::is_harmless_number(name, number.as_u64());
                name.is_some_and(refused).then(|| found(Suspicion::Name))
            }
            Value::String(text) => secrets::in_text(text).map(found).or_else(|| {
                let refused = |name| !secrets::is_harmless_text(name, text);
                name.is_some_and(refused).then(|| found(Suspicion::Name))
            }),
            // A builder makes no value so deep. It is refused, because its content was not checked.
            Value::Array(_) | Value::Object(_) if depth == MAX_DEPTH => {
                Some(found(Suspicion::Name))
            }
            Value::Array(items) => {
                let is_entry =
                    items.len() == 2 && matches!(self.steps[..depth].last(), Some(Step::Item(_)));
                let mut previous = None;
                items.iter().enumerate().find_map(|(index, item)| {
                    self.steps[depth] = Step::Item(index);
                    let named = previous.take().and_then(Name::of);
                    if let Value::String(text) = item {
                        let names_next = |text: &&str| is_entry || secrets::names_header(text);
                        previous = Some(text.as_str()).filter(names_next);
                    }
                    self.value(item, named.or(name), depth + 1)
                })
            }
            Value::Object(members) => {
                let named = named_by(members);
                members.iter().find_map(|(member, value)| {
                    if let Some(reason) = secrets::in_text(member) {
                        return Some(Found { depth, in_name: true, reason });
                    }
                    let own = match (name, self.steps[..depth].last()) {
                        (Some(name), _) => Some(name.inside(member)),
                        // `{"api": {"key": ...}}`
                        (None, Some(Step::Member(around))) if around.len() <= SHOWN => {
                            Name::of(member).or_else(|| Name::of(&[around, " ", member].concat()))
                        }
                        _ => Name::of(member),
                    };
                    self.steps[depth] = Step::Member(member);
                    let is_value = VALUES.iter().any(|known| member.eq_ignore_ascii_case(known));
                    self.value(value, own.or(named.filter(|_| is_value)), depth + 1)
                })
            }
        }
    }
}

/// Members that contain the name of the value in another member beside them.
const NAMES: [&str; 7] = ["name", "key", "header", "field", "parameter", "param", "attribute"];
const VALUES: [&str; 4] = ["value", "values", "val", "content"];

/// Returns the name of a secret that a member of an object contains for another member.
fn named_by<N>(members: &[(String, Value<N>)]) -> Option<Name> {
    members.iter().find_map(|(member, value)| match value {
        Value::String(text) if NAMES.iter().any(|known| member.eq_ignore_ascii_case(known)) => {
            Name::of(text)
        }
        _ => None,
    })
}

/// The most characters of a member's name that a path shows.
const SHOWN: usize = 64;

fn path(steps: &[Step<'_>]) -> String {
    let mut path = "event_data".to_string();
    for step in steps {
        // Writing to a String does not fail.
        let _ = match step {
            Step::Item(index) => write!(path, "[{index}]"),
            Step::Member(name) if name.chars().nth(SHOWN).is_none() => write!(path, ".{name}"),
            Step::Member(name) => {
                let shown: String = name.chars().take(SHOWN).collect();
                write!(path, ".{shown}...")
            }
        };
    }
    path
}
