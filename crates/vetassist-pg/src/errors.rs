//! What goes wrong, in the caller's terms: each error of the core with its SQLSTATE, message and hint.
//!
//! No message, detail or hint holds a byte of a key, a token or a plaintext. Where PostgreSQL itself
//! would quote bytes in an error (encoding conversion does), this crate raises its own instead.

use pgrx::{pg_sys::panic::ErrorReport, PgLogLevel, PgSqlErrorCode};
use vetassist_core::{
    AddressError, IpHashError, KeyError, OpenError, RandomError, RingError, SealError,
};

/// What a function that SQL calls returns.
pub(crate) type Answer<T> = Result<T, ErrorReport>;

/// What goes wrong in here. It is one word: a report is as large as four lines of the processor's cache, and each
/// function on the way would move what went right together with the room for one.
pub(crate) struct Failure(Box<ErrorReport>);

pub(crate) type Outcome<T> = Result<T, Failure>;

impl From<ErrorReport> for Failure {
    fn from(report: ErrorReport) -> Self {
        Self(Box::new(report))
    }
}

impl From<Failure> for ErrorReport {
    fn from(failure: Failure) -> Self {
        *failure.0
    }
}

pub(crate) fn report(
    code: PgSqlErrorCode,
    message: impl Into<String>,
    hint: &'static str,
) -> ErrorReport {
    ErrorReport::new(code, message.into(), "vetassist").set_hint(hint)
}

/// Writes to the server's log, and to no client, whatever its `client_min_messages`.
pub(crate) fn log_to_server(message: String) {
    ErrorReport::new(PgSqlErrorCode::ERRCODE_CONFIG_FILE_ERROR, message, "vetassist")
        .report(PgLogLevel::LOG_SERVER_ONLY);
}

/// An error of the core that SQL can be told of.
pub(crate) trait Explain<T> {
    /// Gives the error its SQLSTATE and its hint.
    fn explain(self) -> Outcome<T>;
}

impl<T, E: Into<Explained>> Explain<T> for Result<T, E> {
    fn explain(self) -> Outcome<T> {
        self.map_err(|error| {
            let Explained { code, message, hint } = error.into();
            report(code, message, hint).into()
        })
    }
}

pub(crate) struct Explained {
    code: PgSqlErrorCode,
    message: String,
    hint: &'static str,
}

impl From<KeyError> for Explained {
    fn from(error: KeyError) -> Self {
        Self {
            code: PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            message: error.to_string(),
            hint: "Pass a key of 32 bytes; vetassist_generate_key() makes one.",
        }
    }
}

impl From<OpenError> for Explained {
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
        Self { code, message: error.to_string(), hint }
    }
}

impl From<SealError> for Explained {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Random(error) => error.into(),
            _ => Self {
                code: PgSqlErrorCode::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
                message: error.to_string(),
                hint: "Seal it in parts.",
            },
        }
    }
}

impl From<RandomError> for Explained {
    fn from(error: RandomError) -> Self {
        Self {
            code: PgSqlErrorCode::ERRCODE_SYSTEM_ERROR,
            message: error.to_string(),
            hint: "Nothing was sealed. See that the operating system's getrandom works, then try again.",
        }
    }
}

impl From<AddressError> for Explained {
    fn from(error: AddressError) -> Self {
        Self {
            code: PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            message: error.to_string(),
            hint: "Pass one host: /32 for IPv4, /128 for IPv6. host(ip)::inet drops the prefix length.",
        }
    }
}

impl From<IpHashError> for Explained {
    fn from(error: IpHashError) -> Self {
        Self {
            code: PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            message: error.to_string(),
            hint: "Pass what vetassist_hash_ip() returns.",
        }
    }
}

/// What a value cannot be: longer than PostgreSQL's 1 GB.
pub(crate) fn too_large() -> Failure {
    report(
        PgSqlErrorCode::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
        "the sealed value would be longer than PostgreSQL's limit of 1 GB",
        "A sealed value is 28 bytes longer than its plaintext. Seal it in parts.",
    )
    .into()
}

/// What PostgreSQL says itself where it is its own memory.
pub(crate) fn out_of_memory() -> Failure {
    report(
        PgSqlErrorCode::ERRCODE_OUT_OF_MEMORY,
        "there is not enough memory for a copy of the text",
        "A UTF8 database needs none.",
    )
    .into()
}

/// Text that cannot be had in the encoding asked for.
pub(crate) fn untranslatable() -> Failure {
    report(
        PgSqlErrorCode::ERRCODE_UNTRANSLATABLE_CHARACTER,
        "the text has a character that the other encoding has not",
        "Sealed text is UTF-8. Open it as bytea, with vetassist_decrypt(), or use a UTF8 database.",
    )
    .into()
}

const RING_HINT: &str = "One key of 64 hexadecimal digits a line, the current one first, at most 16; # begins a comment.";

/// A key ring that cannot be used. `place` says where it came from.
pub(crate) fn bad_ring(place: &str, error: RingError) -> Failure {
    config(format!("the {place} is malformed: {error}"), RING_HINT)
}

/// Anything wrong with where the key ring comes from.
pub(crate) fn config(message: impl Into<String>, hint: &'static str) -> Failure {
    report(PgSqlErrorCode::ERRCODE_CONFIG_FILE_ERROR, message, hint).into()
}
