//! Columns as PostgreSQL's `to_jsonb` writes them and `jsonb_populate_record` reads them.
//!
//! Formats that are not human-readable have bytes and integers instead of text.

use alloc::{borrow::Cow, format, string::String, vec::Vec};
use core::{fmt, str::FromStr};

use chrono::{DateTime, Datelike, SecondsFormat, Utc};
use serde::{
    de::{Error as _, Visitor},
    ser::Error as _,
    Deserialize, Deserializer, Serialize, Serializer,
};

use super::{Json, Sealed, Timestamp};
use crate::{error::TimestampError, ip_hash::IpHash, master_key::Fingerprint};

/// Reads text, borrowed or owned, depending on the format.
struct Text<F>(&'static str, F);

impl<T, E: fmt::Display, F: FnOnce(&str) -> Result<T, E>> Visitor<'_> for Text<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<D: serde::de::Error>(self, text: &str) -> Result<T, D> {
        (self.1)(text).map_err(D::custom)
    }
}

macro_rules! digits {
    ($type:ty, $what:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Text($what, Self::from_str))
            }
        }
    };
}

digits!(IpHash, "64 lower-case hexadecimal digits");
digits!(Fingerprint, "16 lower-case hexadecimal digits");

/// The beginning of a `bytea` in PostgreSQL's hexadecimal format.
const BYTEA: &str = "\\x";

impl Serialize for Sealed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            let hex = base16ct::lower::encode_string(self.as_bytes());
            serializer.serialize_str(&format!("{BYTEA}{hex}"))
        } else {
            serializer.serialize_bytes(self.as_bytes())
        }
    }
}

impl<'de> Deserialize<'de> for Sealed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let read = |text: &str| {
                let hex = text.strip_prefix(BYTEA).ok_or("a bytea begins with \\x")?;
                base16ct::mixed::decode_vec(hex).map_err(|_| "a bytea is hexadecimal digits")
            };
            let bytes = deserializer.deserialize_str(Text("\\x and hexadecimal digits", read))?;
            bytes.try_into().map_err(D::Error::custom)
        } else {
            deserializer.deserialize_byte_buf(Bytes)?.try_into().map_err(D::Error::custom)
        }
    }
}

struct Bytes;

impl Visitor<'_> for Bytes {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        Ok(bytes.into())
    }

    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
        Ok(bytes)
    }
}

/// PostgreSQL's words for the infinities, which RFC 3339 does not have.
const INFINITIES: [(&str, Timestamp); 2] =
    [("infinity", Timestamp::INFINITY), ("-infinity", Timestamp::NEG_INFINITY)];

impl Serialize for Timestamp {
    /// Fails before 0000 and after 9999, the years of RFC 3339.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = match INFINITIES.iter().find(|(_, infinity)| infinity == self) {
            Some((text, _)) => Cow::Borrowed(*text),
            None => {
                let instant = DateTime::<Utc>::try_from(*self).map_err(S::Error::custom)?;
                if !(0..=9999).contains(&instant.year()) {
                    return Err(S::Error::custom(TimestampError::OutOfRange));
                }
                instant.to_rfc3339_opts(SecondsFormat::AutoSi, true).into()
            }
        };
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = |text: &str| match INFINITIES.iter().find(|(infinity, _)| *infinity == text) {
            Some((_, timestamp)) => Ok(*timestamp),
            None => DateTime::parse_from_rfc3339(text)
                .map_err(|_| "a timestamp is written as RFC 3339 says, or infinity")
                .and_then(|instant| {
                    instant.try_into().map_err(|_| "the timestamp is out of range")
                }),
        };
        deserializer.deserialize_str(Text("a timestamp", read))
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            self.read::<serde_json::Value>().map_err(S::Error::custom)?.serialize(serializer)
        } else {
            serializer.serialize_str(self.as_str())
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            serde_json::Value::deserialize(deserializer).map(Self::from)
        } else {
            String::deserialize(deserializer).map(Self::from_text)
        }
    }
}
