//! Maps each error of the core to a SQLSTATE, a message and a hint.
//!
//! No message, detail or hint holds a byte of a key, a token or a plaintext. PostgreSQL's own errors of encoding conversion
//! quote bytes, so this crate raises its own errors instead.

use std::{ffi::CString, fmt::Write};

use pgrx::{
    pg_sys::{self, panic::ErrorReport},
    PgLogLevel, PgSqlErrorCode,
};
use vetassist_core::{
    AddressError, IpHashError, JsonError, KeyError, OpenError, RandomError, RingError, SealError,
    Uuid,
};

use crate::encoding;

/// The result of a function that SQL calls.
pub(crate) type SqlResult<T> = core::result::Result<T, ErrorReport>;

/// An error within this crate. It is a box, one machine word: a report fills four cache lines, and each function that
/// returns a result would have to move that much memory.
pub(crate) struct Error(Box<ErrorReport>);

pub(crate) type Result<T, E = Error> = core::result::Result<T, E>;

impl From<Error> for ErrorReport {
    fn from(error: Error) -> Self {
        *error.0
    }
}

impl Error {
    pub(crate) fn new(
        code: PgSqlErrorCode,
        message: impl Into<String>,
        hint: &'static str,
    ) -> Self {
        Self(Box::new(
            ErrorReport::new(code, printable(message.into()), "vetassist").set_hint(hint),
        ))
    }

    /// Adds a detail, which may have several lines.
    pub(crate) fn with_detail(self, detail: String) -> Self {
        Self(Box::new((*self.0).set_detail(printable(detail))))
    }

    /// Returns the error for a `jsonb` that was refused. `name` is the name of the argument.
    pub(crate) fn from_json(name: &str, error: JsonError) -> Self {
        let what = match error {
            JsonError::TooLarge => "is longer than 64 kB",
            JsonError::TooDeep => "is nested more than 64 levels deep",
            _ => "cannot be read",
        };
        Self::new(
            PgSqlErrorCode::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
            format!("{name} {what}"),
            "Pass short metadata only. Nothing was written.",
        )
    }

    /// Raises the error. It does not return.
    pub(crate) fn raise(self) -> ! {
        self.0.report(PgLogLevel::ERROR);
        unreachable!("an error was reported")
    }
}

/// Returns a message that is valid in the database's encoding, which PostgreSQL expects. pgrx does not convert it from UTF-8.
fn printable(message: String) -> String {
    if message.is_ascii() || encoding::is_utf8() {
        return message;
    }
    let mut ascii = String::with_capacity(message.len());
    for character in message.chars() {
        if character.is_ascii() {
            ascii.push(character);
        } else {
            // JSON and SQL use this notation. Writing to a string does not fail.
            let _ = write!(ascii, "\\u{:04X}", u32::from(character));
        }
    }
    ascii
}

/// Writes a line to the server's log only. No client gets it, no matter what its `client_min_messages` is.
pub(crate) fn log_to_server(message: String) {
    ErrorReport::new(PgSqlErrorCode::ERRCODE_CONFIG_FILE_ERROR, printable(message), "vetassist")
        .report(PgLogLevel::LOG_SERVER_ONLY);
}

/// Sends a warning to the client.
pub(crate) fn warn(message: impl Into<String>, hint: &'static str) {
    ErrorReport::from(Error::new(PgSqlErrorCode::ERRCODE_WARNING, message, hint))
        .report(PgLogLevel::WARNING);
}

impl From<KeyError> for Error {
    fn from(error: KeyError) -> Self {
        Self::new(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            error.to_string(),
            "Pass a key of 32 bytes; vetassist_generate_key() makes one.",
        )
    }
}

impl From<OpenError> for Error {
    fn from(error: OpenError) -> Self {
        let (code, hint) = match error {
            OpenError::TooShort(_) => (
                PgSqlErrorCode::ERRCODE_INVALID_BINARY_REPRESENTATION,
                "Pass the whole sealed value: nonce (12 bytes), ciphertext, tag (16 bytes).",
            ),
            OpenError::NotUtf8 => (
                PgSqlErrorCode::ERRCODE_CHARACTER_NOT_IN_REPERTOIRE,
                "Open it as bytea, with vetassist_decrypt().",
            ),
            _ => (
                PgSqlErrorCode::ERRCODE_EXTERNAL_ROUTINE_INVOCATION_EXCEPTION,
                "It was sealed with another key, for another user or with other AAD, or it was altered.",
            ),
        };
        Self::new(code, error.to_string(), hint)
    }
}

impl From<SealError> for Error {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Random(error) => error.into(),
            _ => Self::new(
                PgSqlErrorCode::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
                error.to_string(),
                "Seal it in parts.",
            ),
        }
    }
}

impl From<RandomError> for Error {
    fn from(error: RandomError) -> Self {
        Self::new(
            PgSqlErrorCode::ERRCODE_SYSTEM_ERROR,
            error.to_string(),
            "Nothing was sealed. Check that getrandom of the operating system works, then try again.",
        )
    }
}

impl From<AddressError> for Error {
    fn from(error: AddressError) -> Self {
        Self::new(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            error.to_string(),
            "Pass one host: /32 for IPv4, /128 for IPv6. host(ip)::inet drops the prefix length.",
        )
    }
}

impl From<IpHashError> for Error {
    fn from(error: IpHashError) -> Self {
        Self::new(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            error.to_string(),
            "Pass the hash that vetassist_hash_ip() returns.",
        )
    }
}

/// Returns the error for a value that would be longer than PostgreSQL's limit of 1 GB.
pub(crate) fn too_large() -> Error {
    Error::new(
        PgSqlErrorCode::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
        "the sealed value would be longer than PostgreSQL's limit of 1 GB",
        "A sealed value is 28 bytes longer than its plaintext. Seal it in parts.",
    )
}

/// Returns the error for a failed allocation. PostgreSQL raises its own for its own memory.
pub(crate) fn out_of_memory() -> Error {
    Error::new(
        PgSqlErrorCode::ERRCODE_OUT_OF_MEMORY,
        "there is not enough memory for a copy of the text",
        "A database whose encoding is UTF8 needs no copy.",
    )
}

/// Returns the error for text that cannot be converted from or to UTF-8.
pub(crate) fn untranslatable() -> Error {
    Error::new(
        PgSqlErrorCode::ERRCODE_UNTRANSLATABLE_CHARACTER,
        "the text cannot be converted between UTF-8 and the encoding of the database",
        "Sealed text is UTF-8. Open it as bytea, with vetassist_decrypt(), or use a database whose encoding is UTF8.",
    )
}

/// Returns the error for a malformed key ring. `place` names its source.
pub(crate) fn bad_ring(place: &str, error: RingError) -> Error {
    config(
        format!("the {place} is malformed: {error}"),
        "Write each key as a line of 64 hexadecimal digits, the current key first, at most 16 keys; # begins a comment.",
    )
}

/// Returns the error for a source of the key ring, or a setting, that cannot be used.
pub(crate) fn config(message: impl Into<String>, hint: &'static str) -> Error {
    Error::new(PgSqlErrorCode::ERRCODE_CONFIG_FILE_ERROR, message, hint)
}

/// Raises the error for an account that is not active. It does not return.
///
/// pgrx knows only PostgreSQL's own SQLSTATEs, so this calls PostgreSQL directly.
#[allow(unsafe_code)]
pub(crate) fn raise_inactive(user: Uuid, hint: &'static str) -> ! {
    let text = |text: String| CString::new(text).unwrap_or_default();
    let (message, hint) = (text("the account is not active".into()), text(hint.into()));
    let detail = text(format!("user_id {user}"));
    let mut error = pg_sys::ErrorData {
        elevel: PgLogLevel::ERROR as _,
        sqlerrcode: sqlstate(*b"VA001"),
        message: message.as_ptr().cast_mut(),
        detail: detail.as_ptr().cast_mut(),
        hint: hint.as_ptr().cast_mut(),
        ..Default::default()
    };
    // SAFETY: the strings end with a NUL and live as long as the call, which copies them. An error that PostgreSQL
    // raises unwinds as a panic from here.
    unsafe { pg_sys::ThrowErrorData(&raw mut error) };
    unreachable!("PostgreSQL does not return from an error")
}

/// Encodes a SQLSTATE as PostgreSQL does: six bits a character.
const fn sqlstate(code: [u8; 5]) -> i32 {
    let mut encoded = 0;
    let mut place = code.len();
    while place > 0 {
        place -= 1;
        encoded = encoded << 6 | ((code[place] - b'0') & 0x3f) as i32;
    }
    encoded
}
