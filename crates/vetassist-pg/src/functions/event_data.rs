//! What must not stand in the metadata of an audit event.

use pgrx::{pg_extern, PgSqlErrorCode};
use serde_json::Value;
use vetassist_core::{metadata, Suspicion};

use crate::{
    errors::{report, Answer},
    values::Jsonb,
};

/// How long the JSON of an event's metadata may be, in bytes. What is made of it in memory is larger.
const MAX_EVENT_DATA: usize = 1 << 20;

/// Refuses metadata that carries what looks like a secret, and says where; never what.
#[pg_extern(immutable, strict, parallel_safe, sql = false)]
fn vetassist_check_event_data(event_data: Jsonb) -> Answer<()> {
    let text = event_data.into_text(MAX_EVENT_DATA)?.ok_or_else(|| {
        report(
            PgSqlErrorCode::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
            "event_data is longer than 1 MB",
            "The audit trail is for short metadata. Nothing was written.",
        )
    })?;
    let event_data = serde_json::from_str(&text).map_err(|_| {
        report(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            "event_data is nested more than 127 deep, or has a number past 1.8e308",
            "Such metadata cannot be looked through for secrets. Nothing was written.",
        )
    })?;
    let mut path = String::from("event_data");
    match suspect(&event_data, &mut path) {
        None => Ok(()),
        Some(suspicion) => Err(report(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("{path} {}", suspicion.as_str()),
            "The audit trail is for metadata that is no secret. Nothing was written.",
        )),
    }
}

/// The first suspicion, with the path to it; without one the path is as it was.
fn suspect(value: &Value, path: &mut String) -> Option<Suspicion> {
    let len = path.len();
    let found = match value {
        Value::String(text) => metadata::suspect_value(text),
        Value::Array(items) => items.iter().enumerate().find_map(|(index, item)| {
            path.truncate(len);
            *path += &format!("[{index}]");
            suspect(item, path)
        }),
        Value::Object(members) => members.iter().find_map(|(name, member)| {
            path.truncate(len);
            // A name may be a secret itself.
            if let Some(suspicion) = metadata::suspect_value(name) {
                *path += " has a name that";
                return Some(suspicion);
            }
            *path += ".";
            *path += name;
            let holds_text =
                matches!(member, Value::String(_) | Value::Array(_) | Value::Object(_));
            metadata::suspect_name(name, holds_text).or_else(|| suspect(member, path))
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    };
    if found.is_none() {
        path.truncate(len);
    }
    found
}
