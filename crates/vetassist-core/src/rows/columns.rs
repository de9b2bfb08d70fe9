//! The kinds of the four tables' columns, for packages that read rows in another language.

use crate::{key::OVERHEAD, schema::Column};

/// The kind of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A UUID.
    Uuid,
    /// Text.
    Text,
    /// A timestamp.
    Time,
    /// A sealed value.
    Sealed,
    /// JSON.
    Json,
    /// A whole number, as its digits, because some languages have no number of 64 bits.
    Digits,
    /// A hash of an address.
    Hash,
    /// A boolean.
    Bool,
}

const _: () = assert!(OVERHEAD == 28, "as the pattern of a sealed value says");

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 8] = [
        Self::Uuid,
        Self::Text,
        Self::Time,
        Self::Sealed,
        Self::Json,
        Self::Digits,
        Self::Hash,
        Self::Bool,
    ];

    /// Returns the kind of a column.
    #[must_use]
    pub fn of(column: &Column) -> Self {
        match (column.sql_type, column.name) {
            ("uuid", _) => Self::Uuid,
            ("timestamp with time zone", _) => Self::Time,
            ("bytea", _) => Self::Sealed,
            ("jsonb", _) => Self::Json,
            ("bigint", _) => Self::Digits,
            ("boolean", _) => Self::Bool,
            (_, "ip_hash") => Self::Hash,
            _ => Self::Text,
        }
    }

    /// Returns the kind's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uuid => "uuid",
            Self::Text => "text",
            Self::Time => "time",
            Self::Sealed => "sealed",
            Self::Json => "json",
            Self::Digits => "digits",
            Self::Hash => "hash",
            Self::Bool => "bool",
        }
    }

    /// Returns the words that follow "must be " in the error for a malformed value.
    #[must_use]
    pub const fn expected(self) -> &'static str {
        match self {
            Self::Uuid => "a UUID",
            Self::Text => "text",
            Self::Time => "a Date or a timestamp with its zone, and finite",
            Self::Sealed => "bytes, at least 28",
            Self::Json => "JSON",
            Self::Digits => "an integer",
            Self::Hash => "64 lower-case hexadecimal digits",
            Self::Bool => "a boolean",
        }
    }

    /// Returns the regular expression that a value must match if it comes as text; `None` if any text is
    /// accepted, or none. It is the same expression in JavaScript, Python and Rust.
    ///
    /// The pattern of a time has groups for the date, the time of day, the fraction of a second with its point
    /// and at most three digits, and the zone. It accepts the form that PostgreSQL writes under
    /// `DateStyle = ISO`, and RFC 3339. It also matches dates that do not exist.
    #[must_use]
    pub const fn pattern(self) -> Option<&'static str> {
        match self {
            Self::Uuid => Some("^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"),
            Self::Time => Some(
                "^([0-9]{4}-[0-9]{2}-[0-9]{2})[ T]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:([.][0-9]{1,3})[0-9]*)?(Z|[+-][0-9]{2}(?::[0-9]{2})?)$",
            ),
            Self::Sealed => Some(r"^\\x(?:[0-9A-Fa-f]{2}){28,}$"),
            Self::Digits => Some("^-?[0-9]{1,19}$"),
            Self::Hash => Some("^[0-9a-f]{64}$"),
            Self::Text | Self::Json | Self::Bool => None,
        }
    }
}
