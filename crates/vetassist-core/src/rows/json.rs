//! JSON as a column holds it.

use alloc::string::String;
use core::fmt;

/// The text of a `jsonb`, as the server wrote it or is to read it: no digit of a number is lost.
///
/// With feature `serde_json` it is made from a [`serde_json::Value`] and read into whatever
/// implements `Deserialize`. What is put in as text is not looked at here; the server refuses what is
/// no JSON. It compares as text: two spellings of one value differ until the server has stored them.
///
/// In a row that serde writes or reads, a JSON `null` cannot be told from a column that is NULL, and is
/// read as that, as it is by PostgreSQL's `to_jsonb`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Json(String);

impl Json {
    /// Takes JSON that was written elsewhere.
    #[must_use]
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads it.
    ///
    /// # Errors
    /// If it is no JSON, or not what `T` reads. A number that an `f64` cannot hold is no
    /// [`serde_json::Value`].
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
