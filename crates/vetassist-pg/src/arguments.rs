//! Checks of arguments.

use pgrx::{pg_sys::panic::ErrorReport, PgSqlErrorCode};

use crate::{
    errors::{report, Answer},
    values::TextArg,
};

pub(crate) fn missing(name: &str, hint: &'static str) -> ErrorReport {
    report(PgSqlErrorCode::ERRCODE_NULL_VALUE_NOT_ALLOWED, format!("{name} must not be NULL"), hint)
}

pub(crate) fn blank(name: &str, hint: &'static str) -> ErrorReport {
    report(
        PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
        format!("{name} must not be blank"),
        hint,
    )
}

/// Refuses what is longer than its column, in characters.
pub(crate) fn fits(texts: &[(&str, Option<&TextArg<'_>>, usize)]) -> Answer<()> {
    let too_long =
        texts.iter().find(|(_, text, most)| text.is_some_and(|text| text.is_longer_than(*most)));
    match too_long {
        None => Ok(()),
        Some((name, ..)) => Err(report(
            PgSqlErrorCode::ERRCODE_STRING_DATA_RIGHT_TRUNCATION,
            format!("{name} is longer than its column"),
            "The columns' lengths are fixed.",
        )),
    }
}
