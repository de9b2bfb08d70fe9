//! The JSON of a column.

use alloc::string::String;
use core::fmt;

/// The text of a `jsonb`, as the server writes and reads it, so no digit of a number is lost.
///
/// With feature `serde_json` it can be created from a [`serde_json::Value`] and read into every type that
/// implements `Deserialize`. Text is not checked here; the server refuses text that is not JSON. Values
/// compare as text: two spellings of one value differ until the server has stored them.
///
/// In a row that serde writes or reads, a JSON `null` cannot be distinguished from a column that is NULL. It
/// is read as NULL, as with PostgreSQL's `to_jsonb`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Json(String);

impl Json {
    /// Returns a value with this text, which must be JSON.
    #[must_use]
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads the value.
    ///
    /// # Errors
    /// If the text is not JSON, or `T` cannot be read from it. A [`serde_json::Value`] cannot be read if a
    /// number is outside of the range of `f64`.
    #[cfg(feature = "serde_json")]
    pub fn read<'a, T: ::serde::Deserialize<'a>>(&'a self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.0)
    }
}

#[cfg(feature = "serde_json")]
impl From<&serde_json::Value> for Json {
    fn from(value: &serde_json::Value) -> Self {
        Self(alloc::string::ToString::to_string(value))
    }
}

#[cfg(feature = "serde_json")]
impl From<serde_json::Value> for Json {
    fn from(value: serde_json::Value) -> Self {
        Self::from(&value)
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Json({})", self.0)
    }
}
