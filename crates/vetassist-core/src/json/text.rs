//! Reads and writes the text of a value with serde_json.

use alloc::string::String;
use core::fmt;

use ::serde::{
    de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor},
    ser::{SerializeMap, SerializeSeq},
    Deserializer, Serialize, Serializer,
};

use super::{Builder, Number, Value};
use crate::error::JsonError;

impl Number for serde_json::Number {
    fn as_u64(&self) -> Option<u64> {
        self.as_u64()
    }
}

impl Value<serde_json::Number> {
    /// Reads a value from JSON text. As in serde_json, a number that is not a whole number of 64 bits
    /// becomes an `f64`.
    ///
    /// # Errors
    /// [`JsonError`]: [`Malformed`](JsonError::Malformed) if the text is not JSON, or has a number above
    /// 1.8e308.
    pub fn from_text(text: &str) -> Result<Self, JsonError> {
        let mut reader = Reader { builder: Builder::new(), failed: None };
        let mut parser = serde_json::Deserializer::from_str(text);
        let read = (&mut reader).deserialize(&mut parser).and_then(|()| parser.end());
        match (read, reader.failed) {
            (Ok(()), _) => reader.builder.finish(),
            (Err(_), failed) => Err(failed.unwrap_or(JsonError::Malformed)),
        }
    }

    /// Writes the value as compact JSON text.
    #[must_use]
    pub fn to_text(&self) -> String {
        // Names are text and numbers are finite, so serde_json cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Fills a builder, and keeps its error.
struct Reader {
    builder: Builder<serde_json::Number>,
    failed: Option<JsonError>,
}

impl Reader {
    fn step<E: Error>(
        &mut self,
        step: impl FnOnce(&mut Builder<serde_json::Number>) -> Result<(), JsonError>,
    ) -> Result<(), E> {
        step(&mut self.builder).map_err(|error| {
            self.failed = Some(error);
            E::custom(error)
        })
    }

    fn number<E: Error>(&mut self, number: serde_json::Number) -> Result<(), E> {
        let bytes = length(&number);
        self.step(|builder| builder.number(number, bytes))
    }
}

/// Returns the length of the text of a number.
fn length(number: &serde_json::Number) -> usize {
    struct Count(usize);
    impl fmt::Write for Count {
        fn write_str(&mut self, part: &str) -> fmt::Result {
            self.0 += part.len();
            Ok(())
        }
    }
    let mut count = Count(0);
    let _ = fmt::Write::write_fmt(&mut count, format_args!("{number}"));
    count.0
}

impl<'de> DeserializeSeed<'de> for &mut Reader {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Reader {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.step(Builder::null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.step(|builder| builder.bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.number(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.number(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        let number = serde_json::Number::from_f64(value).ok_or_else(|| E::custom("not finite"))?;
        self.number(number)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.step(|builder| builder.string(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.step(Builder::begin_array)?;
        while items.next_element_seed(&mut *self)?.is_some() {}
        self.step(Builder::end)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        self.step(Builder::begin_object)?;
        while let Some(name) = members.next_key::<String>()? {
            self.step(|builder| builder.name(&name))?;
            members.next_value_seed(&mut *self)?;
        }
        self.step(Builder::end)
    }
}

impl<N: Serialize> Serialize for Value<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => number.serialize(serializer),
            Self::String(text) => serializer.serialize_str(text),
            Self::Array(items) => {
                let mut array = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| array.serialize_element(item))?;
                array.end()
            }
            Self::Object(members) => {
                let mut object = serializer.serialize_map(Some(members.len()))?;
                members.iter().try_for_each(|(name, value)| object.serialize_entry(name, value))?;
                object.end()
            }
        }
    }
}
