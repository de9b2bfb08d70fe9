//! An event's type and its metadata, and the rules for what may stand in them.
//!
//! [`check`] and [`check_event_type`] refuse what looks like a secret. They say where it stands and never
//! what it is. They catch common mistakes, not every secret. [`hash_addresses`] then takes addresses out:
//! the address of a client belongs in the event's `ip`, and no plain address is ever stored.
//!
//! # What is refused under any name, also in names and in event types
//!
//! | what | such as |
//! |---|---|
//! | a JSON Web Token, whole or within text | `eyJhbGciOiJSUzI1NiJ9.e30.c2ln` |
//! | credentials of HTTP, or in a URL | `Bearer x`, `Basic x`, `https://name:password@host` |
//! | a social security number with its hyphens or blanks | `123-45-6789` |
//! | a private key | its first line in PEM (RFC 7468) |
//! | text with a parameter, member, header or element in it whose name is a secret's and whose value could be one; escaped (`%3D`, `\u003d`, `\"`, `&quot;`) or not | `…/token?refresh_token=abc`, `{"access_token": "abc"}`, `Cookie: a=b`, `password: hunter2` |
//! | text that says a secret: the name of one, and then what no word is | `the password hunter2 was refused` |
//!
//! # What is refused under a secret's name
//!
//! Names of secrets, in any spelling (`access_token`, `accessToken`, `Access-Token`): of a *social
//! security number* (`ssn`, `social_security_number`), of what people *type* (`password`, `passphrase`,
//! `pin`, `otp`, `mfa_code`), of what programs *present* (`token`, `jwt`, `secret`, `api_key`, `cookie`,
//! `credentials`, `authorization`). What stands in an array or an object of such a name is under it too.
//! So is the value beside a `name`, `key`, `header`, `field` or `parameter` that holds such a name, what
//! follows the name of such a header in an array, and the second of two items in an array of such pairs.
//!
//! The value is refused, unless it is of a kind that is no secret:
//!
//! | kind | such as | under |
//! |---|---|---|
//! | `null`, `true`, `false`, empty text, marks | `***`, `[redacted]`, `***-**-6789` | every name |
//! | a few words for a state | `present`, `missing`, `expired`, `not found` | every name |
//! | the code of an OAuth error | `invalid_grant` | every name |
//! | what is presented, in words | `Bearer`, `access_token` | presented |
//! | a number, but not of nine digits | `3`, `3600` | presented; typed below 1000, unless the name says what is counted |
//! | how many, how long | `12 characters` | names that end in `count`, `length`, `attempts`, ... |
//! | a date or time, seconds from 1970 | `2026-03-01T12:00:00Z` | presented; all that end in `at`, `expires`, `in`, ... |
//! | a URL | `https://sandbox-api.va.gov/oauth2` | presented; all that end in `server`, `endpoint`, `url`, ... |
//! | a UUID | | names that end in `id` |
//! | plain words, methods | `RS256`, `too many tries` | names that end in `type`, `status`, `error`, `reset`, `policy`, ... |
//! | a scope | `openid profile` | names that end in `scope` |
//! | hexadecimal digits of a hash | | presented, names that end in `hash`, `fingerprint`, ... |
//! | at most four digits | `6789` | `ssn_last4`, `last_four_ssn` |
//!
//! An event's type is refused moreover if it is blank, too long, one that the library writes itself, or
//! looks like a token (`2YotnFZFEjr1zCsicMWpAA`) or holds nine digits in a row.

use alloc::string::{String, ToString};
use core::fmt::{self, Write};

use crate::{
    error::Suspicion,
    json::{Number, Value, MAX_DEPTH},
    schema,
    secrets::{self, Name},
};

pub use crate::device_info::hash_addresses;

/// Types of events that the library itself writes. Nobody else may log them.
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

/// Why an event's type was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventTypeError {
    /// Nothing but white space.
    Blank,
    /// More than [`MAX_EVENT_TYPE`] characters.
    TooLong,
    /// One of [`RESERVED`], or what a reader would take for it: in another case, or with other marks
    /// between its words.
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

/// Returns whether a reader would take a name for another: only letters and digits count, in either
/// case.
fn reads_as(name: &str, other: &str) -> bool {
    let counted = |text: &str| {
        let counted = text.chars().filter(char::is_ascii_alphanumeric);
        counted.map(|c| c.to_ascii_lowercase()).collect::<String>()
    };
    counted(name) == counted(other)
}

/// Why metadata was refused: what looks like a secret, and where. It never holds the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The path to it from `event_data`, such as `event_data.users[0].password`. Where a member's name
    /// is or holds a secret, the path to its object.
    pub path: String,
    /// True if it is the name of a member.
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

/// Checks that an event's metadata holds nothing that looks like a secret.
///
/// # Errors
/// [`Refusal`], for the first that does.
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

/// A step from a value to one that it holds.
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
    /// Looks at a value that stands under a secret's name, or under none.
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
            // A value that no builder made. What nobody looked at is not stored.
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

/// Members that hold the name of what another member beside them holds.
const NAMES: [&str; 7] = ["name", "key", "header", "field", "parameter", "param", "attribute"];
const VALUES: [&str; 4] = ["value", "values", "val", "content"];

/// Returns the secret's name that a member of an object holds for another member.
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
