//! Columns in PostgreSQL's wire format.

use alloc::boxed::Box;
use core::{error::Error, str::FromStr};

use bytes::BytesMut;
use postgres_types::{accepts, to_sql_checked, FromSql, IsNull, ToSql, Type};

use super::{Json, Sealed, Timestamp};
use crate::{ip_hash::IpHash, master_key::Fingerprint, TimestampError};

type BoxResult<T> = Result<T, Box<dyn Error + Sync + Send>>;

impl<'a> FromSql<'a> for Sealed {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> BoxResult<Self> {
        Ok(<&[u8]>::from_sql(ty, raw)?.try_into()?)
    }

    accepts!(BYTEA);
}

impl ToSql for Sealed {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> BoxResult<IsNull> {
        self.as_bytes().to_sql(ty, out)
    }

    accepts!(BYTEA);
    to_sql_checked!();
}

impl<'a> FromSql<'a> for Timestamp {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> BoxResult<Self> {
        // A timestamp has the wire format of a bigint.
        let micros = i64::from_sql(ty, raw)?;
        Ok(Self::from_wire(micros).ok_or(TimestampError::OutOfRange)?)
    }

    accepts!(TIMESTAMPTZ);
}

impl ToSql for Timestamp {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> BoxResult<IsNull> {
        self.to_wire().to_sql(ty, out)
    }

    accepts!(TIMESTAMPTZ);
    to_sql_checked!();
}

/// The first byte of every `jsonb`.
const JSONB_VERSION: u8 = 1;

impl<'a> FromSql<'a> for Json {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> BoxResult<Self> {
        let text = match raw.split_first() {
            Some((&JSONB_VERSION, text)) if *ty == Type::JSONB => text,
            _ if *ty == Type::JSONB => return Err("a jsonb of a version that is not known".into()),
            _ => raw,
        };
        Ok(Self::from_text(core::str::from_utf8(text)?))
    }

    accepts!(JSON, JSONB);
}

impl ToSql for Json {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> BoxResult<IsNull> {
        if *ty == Type::JSONB {
            out.extend_from_slice(&[JSONB_VERSION]);
        }
        out.extend_from_slice(self.as_str().as_bytes());
        Ok(IsNull::No)
    }

    accepts!(JSON, JSONB);
    to_sql_checked!();
}

/// Implements the conversions for digits, which may be in a column of any text type.
macro_rules! digits {
    ($type:ty) => {
        impl<'a> FromSql<'a> for $type {
            fn from_sql(ty: &Type, raw: &'a [u8]) -> BoxResult<Self> {
                Ok(<$type>::from_str(<&str>::from_sql(ty, raw)?)?)
            }

            fn accepts(ty: &Type) -> bool {
                <&str as FromSql<'_>>::accepts(ty)
            }
        }

        impl ToSql for $type {
            fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> BoxResult<IsNull> {
                self.as_str().to_sql(ty, out)
            }

            fn accepts(ty: &Type) -> bool {
                <$type as FromSql<'_>>::accepts(ty)
            }

            to_sql_checked!();
        }
    };
}

digits!(IpHash);
digits!(Fingerprint);
