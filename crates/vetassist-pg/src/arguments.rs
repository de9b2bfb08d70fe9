//! Checks of arguments.

use pgrx::PgSqlErrorCode;
use vetassist_core::schema;

use crate::{
    errors::{Error, Result},
    values::Text,
};

/// Returns an argument that must not be NULL.
pub(crate) fn required<T>(name: &str, argument: Option<T>, hint: &'static str) -> Result<T> {
    argument.ok_or_else(|| {
        let message = format!("{name} must not be NULL");
        Error::new(PgSqlErrorCode::ERRCODE_NULL_VALUE_NOT_ALLOWED, message, hint)
    })
}

/// Returns the error for a blank argument.
pub(crate) fn blank(name: &str, hint: &'static str) -> Error {
    let message = format!("{name} must not be blank");
    Error::new(PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE, message, hint)
}

/// Refuses a text that has more characters than its column holds.
pub(crate) fn fits(texts: &[(&str, Option<Text<'_>>, usize)]) -> Result<()> {
    let too_long =
        texts.iter().find(|(_, text, most)| text.is_some_and(|text| text.is_longer_than(*most)));
    match too_long {
        None => Ok(()),
        Some((name, ..)) => Err(Error::new(
            PgSqlErrorCode::ERRCODE_STRING_DATA_RIGHT_TRUNCATION,
            format!("{name} is longer than its column"),
            "Pass a shorter value: the lengths of the columns are fixed.",
        )),
    }
}

/// Returns how many characters a column holds, for [`fits`]. The build fails if the column has no length.
pub(crate) const fn length(table: &str, column: &str) -> usize {
    match schema::length_of(table, column) {
        Some(length) => length,
        None => panic!("the column has no length"),
    }
}
