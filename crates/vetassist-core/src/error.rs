//! Error enums, one for each kind of refused input.
//!
//! No variant contains a byte of a key, a token, an address or a plaintext, so every error may be logged.

use core::fmt;

/// The operating system (or the source given to [`NoncePool`](crate::NoncePool)) gave no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RandomError;

impl fmt::Display for RandomError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the random generator failed")
    }
}

impl core::error::Error for RandomError {}

/// A key is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// Not 32 bytes; contains the given length.
    Length(usize),
    /// Not 64 hexadecimal digits.
    NotHex,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(given) => write!(f, "a key is 32 bytes, not {given}"),
            Self::NotHex => f.write_str("a key is written as 64 hexadecimal digits"),
        }
    }
}

impl core::error::Error for KeyError {}

/// A plaintext could not be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SealError {
    /// Longer than AES-GCM allows: 2^36 - 32 bytes of plaintext, 2^61 - 1 of AAD (SP 800-38D, 5.2.1.1).
    TooLong,
    /// The output buffer is not exactly [`OVERHEAD`](crate::OVERHEAD) bytes longer than the plaintext.
    BufferLength,
    /// The random source failed.
    Random(RandomError),
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => f.write_str("the plaintext is longer than AES-GCM allows"),
            Self::BufferLength => f.write_str("the output buffer has the wrong length"),
            Self::Random(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for SealError {}

impl From<RandomError> for SealError {
    fn from(error: RandomError) -> Self {
        Self::Random(error)
    }
}

/// A sealed value could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenError {
    /// Shorter than [`OVERHEAD`](crate::OVERHEAD) bytes; contains the given length.
    TooShort(usize),
    /// The tag does not verify: the key, the user or the AAD is wrong, or the value was altered. These
    /// cannot be distinguished.
    Refused,
    /// The value was opened as text, and its bytes are not UTF-8.
    NotUtf8,
    /// The output buffer is not exactly [`OVERHEAD`](crate::OVERHEAD) bytes shorter than the sealed value.
    BufferLength,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort(given) => {
                write!(f, "a sealed value is at least 28 bytes, this one is {given}")
            }
            Self::Refused => f.write_str("the sealed value does not open"),
            Self::NotUtf8 => f.write_str("the opened bytes are not UTF-8 text"),
            Self::BufferLength => f.write_str("the output buffer has the wrong length"),
        }
    }
}

impl core::error::Error for OpenError {}

/// A text is not the address of one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressError;

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not the IPv4 or IPv6 address of one host")
    }
}

impl core::error::Error for AddressError {}

/// A text is not an IP hash: 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpHashError;

impl fmt::Display for IpHashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an IP hash is 64 lower-case hexadecimal digits")
    }
}

impl core::error::Error for IpHashError {}

/// A text is not a fingerprint: 16 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FingerprintError;

impl fmt::Display for FingerprintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a fingerprint is 16 lower-case hexadecimal digits")
    }
}

impl core::error::Error for FingerprintError {}

/// A stored timestamp cannot be converted to another type, or another type's value cannot be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimestampError {
    /// `infinity` or `-infinity`, which the other type does not have.
    Infinite,
    /// Outside of the range of the other type, or of PostgreSQL (4714 BC to 294276 AD).
    OutOfRange,
}

impl fmt::Display for TimestampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Infinite => "the timestamp is infinite",
            Self::OutOfRange => "the timestamp is out of range",
        })
    }
}

impl core::error::Error for TimestampError {}

/// A JSON value was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JsonError {
    /// Larger than [`json::MAX_BYTES`](crate::json::MAX_BYTES).
    TooLarge,
    /// Nested deeper than [`json::MAX_DEPTH`](crate::json::MAX_DEPTH).
    TooDeep,
    /// Not JSON.
    Malformed,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "the JSON is longer than 64 KiB",
            Self::TooDeep => "the JSON is nested more than 64 levels deep",
            Self::Malformed => "the text is not JSON",
        })
    }
}

impl core::error::Error for JsonError {}

/// The reason why a name or a value looks like a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Suspicion {
    /// The name is usual for tokens, passwords, keys or social security numbers, and the value could be one.
    Name,
    /// The value is or contains a JSON Web Token (RFC 7519).
    Jwt,
    /// The value is or contains credentials of HTTP authentication (RFC 6750, RFC 7617), or of a URL.
    Credentials,
    /// The value contains digits in the form of a social security number.
    SocialSecurityNumber,
    /// The value contains a private key (RFC 7468).
    PrivateKey,
    /// The value is text that contains a member, parameter, header or word with the name of a secret.
    Parameter,
    /// The value looks like a token, which is not expected there.
    Token,
}

impl Suspicion {
    /// Returns the suspicion in words. They follow the name of the suspected member.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "is named like a secret",
            Self::Jwt => "holds a JSON Web Token",
            Self::Credentials => "holds credentials",
            Self::SocialSecurityNumber => "holds what looks like a social security number",
            Self::PrivateKey => "holds a private key",
            Self::Parameter => "holds text in which a value is named like a secret",
            Self::Token => "looks like a token",
        }
    }
}

/// The reason why a key ring was refused. Line numbers begin with 1. The content is never quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RingError {
    /// There is no key.
    Empty,
    /// More than [`MAX_KEYS`](crate::MAX_KEYS).
    TooManyKeys,
    /// The key at this position (from 1), or on this line, is in the ring already.
    Repeated {
        /// The position in the ring, or the line of the text.
        at: usize,
        /// The position of the same key before.
        first: usize,
    },
    /// The line does not have 64 digits.
    DigitCount {
        /// The line, from 1.
        line: usize,
        /// The number of its characters.
        found: usize,
    },
    /// A character of the line is not a hexadecimal digit.
    NotHex {
        /// The line, from 1.
        line: usize,
        /// The character's place in the line, from 1.
        column: usize,
    },
}

impl fmt::Display for RingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it holds no key"),
            Self::TooManyKeys => f.write_str("it holds more than 16 keys"),
            Self::Repeated { at, first } => write!(f, "line {at} repeats the key of line {first}"),
            Self::DigitCount { line, found } => {
                write!(
                    f,
                    "line {line} has {found} characters where a key has 64 hexadecimal digits"
                )
            }
            Self::NotHex { line, column } => {
                write!(
                    f,
                    "line {line} has something else than a hexadecimal digit in column {column}"
                )
            }
        }
    }
}

impl core::error::Error for RingError {}
