//! `uuid`.

use pgrx::{pg_sys, IntoDatum};

/// A `uuid`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Uuid(pub(crate) vetassist_core::Uuid);

argument!(Uuid, Uuid, "uuid", UUIDOID);

impl Uuid {
    #[inline(always)]
    unsafe fn from_raw(datum: pg_sys::Datum) -> Self {
        // SAFETY: the caller promises a uuid, which is passed as a pointer to its 16 bytes.
        let bytes = unsafe { datum.cast_mut_ptr::<[u8; 16]>().read() };
        Self(vetassist_core::Uuid::from_bytes(bytes))
    }

    pub(crate) fn into_raw(self) -> pg_sys::Datum {
        let datum = pgrx::Uuid::from_bytes(self.0.into_bytes()).into_datum();
        datum.unwrap_or(pg_sys::Datum::null())
    }
}
