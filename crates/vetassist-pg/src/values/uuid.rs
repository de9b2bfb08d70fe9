//! `uuid`.

use pgrx::{pg_sys, IntoDatum};

/// A `uuid`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Uuid(pub(crate) vetassist_core::Uuid);

// PostgreSQL passes a uuid as a pointer to its 16 bytes.
argument!(Uuid, Uuid, "uuid", UUIDOID, |datum: pg_sys::Datum| Uuid(
    vetassist_core::Uuid::from_bytes(datum.cast_mut_ptr::<[u8; 16]>().read())
));

impl Uuid {
    pub(crate) fn into_raw(self) -> pg_sys::Datum {
        let datum = pgrx::Uuid::from_bytes(self.0.into_bytes()).into_datum();
        datum.unwrap_or(pg_sys::Datum::null())
    }
}
