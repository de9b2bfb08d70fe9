//! The rows of the four tables, with one field for each column, in the order of the columns.
//!
//! A column that may be NULL is an [`Option`], even if it has a default, because a row that is written from
//! one of these types states every column.
//!
//! With feature `serde`, a row has the form that PostgreSQL's `to_jsonb(row)` writes and
//! `jsonb_populate_record` reads: column names, `bytea` as `\x` and hexadecimal digits, timestamps in
//! RFC 3339, `"infinity"` and `"-infinity"`. Timestamps are written in UTC. They can be read if the offset
//! of the session's `TimeZone` is a whole number of minutes. With feature `postgres`, a row is the composite
//! value of its table:
//!
//! ```text
//! SELECT u FROM vetassist_users AS u WHERE u.id = $1
//! INSERT INTO vetassist_users SELECT ($1::vetassist_users).*
//! ```
//!
//! [`Kind`] has the rules for reading a row in another language.

mod columns;
mod json;
#[cfg(feature = "postgres")]
mod postgres;
mod sealed;
#[cfg(feature = "serde")]
mod serde;
mod timestamp;

// The derived conversions expect it in the prelude.
use alloc::string::String;
#[cfg(feature = "postgres")]
use alloc::{boxed::Box, format};
use core::fmt;

use uuid::Uuid;

pub use columns::Kind;
pub use json::Json;
pub use sealed::Sealed;
pub use timestamp::Timestamp;

use crate::ip_hash::IpHash;

/// Returns ids for new rows: random UUIDs (RFC 9562, version 4) from the operating system's generator, drawn in one
/// call.
///
/// # Errors
/// [`RandomError`](crate::RandomError) if the generator fails.
#[cfg(feature = "getrandom")]
pub fn random_uuids<const COUNT: usize>() -> Result<[Uuid; COUNT], crate::error::RandomError> {
    let mut random = [[0; 16]; COUNT];
    crate::nonce::os_random(random.as_flattened_mut())?;
    Ok(random.map(|bytes| uuid::Builder::from_random_bytes(bytes).into_uuid()))
}

/// A row of `vetassist_users`: an account.
///
/// Its `Debug` does not show the ICN, the status, the e-mail address and the names, so that logs do not contain
/// them.
#[derive(Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize, ::serde::Deserialize))]
#[cfg_attr(
    feature = "postgres",
    derive(postgres_types::FromSql, postgres_types::ToSql),
    postgres(name = "vetassist_users")
)]
pub struct User {
    /// Identifies the account in this database.
    pub id: Uuid,
    /// Integration Control Number, which identifies the veteran to VA; unique. NULL after an erasure.
    pub va_icn: Option<String>,
    /// The veteran's status as VA stated it.
    pub va_veteran_status: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// True if the account may be used. NULL counts as false.
    pub is_active: Option<bool>,
    /// When the account was created.
    pub created_at: Option<Timestamp>,
    /// When the profile last changed.
    pub updated_at: Option<Timestamp>,
    /// The time of the last sign-in.
    pub last_login_at: Option<Timestamp>,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("is_active", &self.is_active)
            .field("created_at", &self.created_at)
            .field("updated_at", &self.updated_at)
            .field("last_login_at", &self.last_login_at)
            .finish_non_exhaustive()
    }
}

/// A row of `vetassist_va_tokens`: one user's sealed tokens.
///
/// [`KeyRing::user`](crate::KeyRing::user) seals and opens them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize, ::serde::Deserialize))]
#[cfg_attr(
    feature = "postgres",
    derive(postgres_types::FromSql, postgres_types::ToSql),
    postgres(name = "vetassist_va_tokens")
)]
pub struct VaToken {
    /// Identifies the row.
    pub id: Uuid,
    /// The user of the tokens; unique.
    pub user_id: Uuid,
    /// The access token.
    pub access_token_encrypted: Sealed,
    /// The refresh token, if VA.gov issued one.
    pub refresh_token_encrypted: Option<Sealed>,
    /// `Bearer`.
    pub token_type: Option<String>,
    /// The scopes of the tokens, separated by blanks.
    pub scope: Option<String>,
    /// When the access token expires.
    pub expires_at: Timestamp,
    /// When the row was created.
    pub created_at: Option<Timestamp>,
    /// When the tokens were last replaced.
    pub refreshed_at: Option<Timestamp>,
}

/// A row of `vetassist_sessions`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize, ::serde::Deserialize))]
#[cfg_attr(
    feature = "postgres",
    derive(postgres_types::FromSql, postgres_types::ToSql),
    postgres(name = "vetassist_sessions")
)]
pub struct Session {
    /// Identifies the session.
    pub id: Uuid,
    /// The user of the session.
    pub user_id: Uuid,
    /// The `jti` claim of its JSON Web Token; unique.
    pub jwt_id: String,
    /// A description of the device; addresses in it are hashed.
    pub device_info: Option<Json>,
    /// When the session began.
    pub created_at: Option<Timestamp>,
    /// When the session expires.
    pub expires_at: Timestamp,
    /// When the session was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// A row of `vetassist_auth_audit`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize, ::serde::Deserialize))]
#[cfg_attr(
    feature = "postgres",
    derive(postgres_types::FromSql, postgres_types::ToSql),
    postgres(name = "vetassist_auth_audit")
)]
pub struct AuthAudit {
    /// The number of the event; gaps are normal.
    pub id: i64,
    /// The user whom the event is about.
    pub user_id: Option<Uuid>,
    /// The type of the event.
    pub event_type: String,
    /// Metadata, which contains no secrets.
    pub event_data: Option<Json>,
    /// The hash of the client's address.
    ///
    /// The table also accepts other text; a row with other text cannot be read as this type.
    pub ip_hash: Option<IpHash>,
    /// The time of the event.
    pub created_at: Option<Timestamp>,
}
