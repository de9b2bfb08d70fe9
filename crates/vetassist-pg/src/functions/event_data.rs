//! Checks the type and the metadata of an audit event.

use pgrx::{pg_extern, pg_sys, PgSqlErrorCode};
use vetassist_core::{
    event_data::{self, EventTypeError},
    json::Value,
};

use super::ip_hash::Hasher;
use crate::{
    errors::{Error, Result, SqlResult},
    statements::{connected, Statements},
    values::{Jsonb, Number, Text},
};

/// Returns `event_type`. Refuses a type that looks like a secret, or that is reserved for events of vetassist.
#[pg_extern(immutable, strict, parallel_safe, sql = false)]
fn vetassist_checked_event_type(event_type: Text<'_>) -> SqlResult<Text<'_>> {
    event_data::check_event_type(&event_type.to_readable()?).map_err(|error| {
        let (code, hint) = match error {
            EventTypeError::Blank => (
                PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
                "Name what happened, such as login_failed.",
            ),
            EventTypeError::TooLong => (
                PgSqlErrorCode::ERRCODE_STRING_DATA_RIGHT_TRUNCATION,
                "Put details into event_data.",
            ),
            EventTypeError::Reserved => {
                (PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE, "Choose another name.")
            }
            _ => (
                PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
                "Name what happened, such as login_failed. Nothing was written.",
            ),
        };
        Error::new(code, error.to_string(), hint)
    })?;
    Ok(event_type)
}

/// Refuses metadata with a value that looks like a secret. The error names the member, never the value. Version 0.2.0 calls
/// it.
#[pg_extern(immutable, strict, parallel_safe, sql = false)]
fn vetassist_check_event_data(event_data: Jsonb<'_>) -> SqlResult<()> {
    checked(event_data)?;
    Ok(())
}

/// Refuses metadata with a value that looks like a secret. The error names the member, never the value. Returns the metadata
/// with each address in it replaced by its hash, and registers the keyed hashes.
#[pg_extern(volatile, strict, parallel_unsafe, sql = false)]
fn vetassist_checked_event_data(
    event_data: Jsonb<'_>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> SqlResult<Jsonb<'static>> {
    let event_data = checked(event_data)?;
    let mut hasher = Hasher::default();
    let event_data = event_data::hash_addresses(event_data, &mut |address| hasher.hash(address))?;
    connected(|client| hasher.register(Statements::of(fcinfo, client)?, client))?;
    Ok(Jsonb::from_value(&event_data)?)
}

fn checked(event_data: Jsonb<'_>) -> Result<Value<Number<'_>>> {
    let event_data = event_data.to_value("event_data")?;
    event_data::check(&event_data).map_err(|refusal| {
        Error::new(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            refusal.to_string(),
            "Remove the secret: the audit trail must not hold any. Nothing was written.",
        )
    })?;
    Ok(event_data)
}
