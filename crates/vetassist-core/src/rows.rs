//! The rows of the four tables, one field a column, in the columns' order.
//!
//! A column that may be NULL is an [`Option`], also where it has a default: a row written from here
//! states every column.
//!
//! With feature `serde`, a row is what PostgreSQL's `to_jsonb(row)` makes of it, and
//! `jsonb_populate_record` reads: column names, `bytea` as `\x` and hexadecimal digits, timestamps in
//! RFC 3339 (in UTC; the session's `TimeZone` must be a whole number of minutes away for it to be
//! read), `"infinity"` and `"-infinity"`. With feature `postgres`, a row is the composite value of its
//! table:
//!
//! ```text
//! SELECT u FROM vetassist_users AS u WHERE u.id = $1
//! INSERT INTO vetassist_users SELECT ($1::vetassist_users).*
//! ```
//!
//! [`Kind`] has the rules by which another language reads a row.

mod columns;
mod json;
#[cfg(feature = "postgres")]
mod postgres;
mod sealed;
#[cfg(feature = "serde")]
mod serde;
mod timestamp;

// The derived conversions take it to be in the prelude.
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

/// Returns ids for new rows: random UUIDs (RFC 9562, version 4) from the operating system's generator, all of them
/// drawn at once.
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
/// Its `Debug` shows neither ICN, status, e-mail nor names, so that logs hold none of them.
#[derive(Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize, ::serde::Deserialize))]
#[cfg_attr(
    feature = "postgres",
    derive(postgres_types::FromSql, postgres_types::ToSql),
    postgres(name = "vetassist_users")
)]
pub struct User {
    /// Identifies the account here.
    pub id: Uuid,
    /// Integration Control Number, which identifies the veteran to VA; unique. NULL once erased.
    pub va_icn: Option<String>,
    /// VA's word on whether the veteran's status is confirmed.
    pub va_veteran_status: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// True if the account may be used. NULL counts as false.
    pub is_active: Option<bool>,
    /// When the account was made.
    pub created_at: Option<Timestamp>,
    /// When the profile last changed.
    pub updated_at: Option<Timestamp>,
    /// When somebody last signed in.
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
    /// Whose tokens these are; unique.
    pub user_id: Uuid,
    /// The access token.
    pub access_token_encrypted: Sealed,
    /// The refresh token, where VA.gov gave one.
    pub refresh_token_encrypted: Option<Sealed>,
    /// `Bearer`.
    pub token_type: Option<String>,
    /// The scopes of the tokens, separated by blanks.
    pub scope: Option<String>,
    /// When the access token expires.
    pub expires_at: Timestamp,
    /// When the row was made.
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
    /// Whose it is.
    pub user_id: Uuid,
    /// The `jti` claim of its JSON Web Token; unique.
    pub jwt_id: String,
    /// A description of the device; addresses in it are hashed.
    pub device_info: Option<Json>,
    /// When it began.
    pub created_at: Option<Timestamp>,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// When somebody ended it.
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
    /// Numbers the events; gaps are ordinary.
    pub id: i64,
    /// Whom it concerns.
    pub user_id: Option<Uuid>,
    /// The type of the event.
    pub event_type: String,
    /// More about it, no secrets.
    pub event_data: Option<Json>,
    /// The hash of the address that it came from.
    ///
    /// The table does not forbid other text; a row that has some cannot be read as this type.
    pub ip_hash: Option<IpHash>,
    /// When.
    pub created_at: Option<Timestamp>,
}
