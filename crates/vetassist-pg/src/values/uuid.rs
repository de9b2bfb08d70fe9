//! `uuid`.

use pgrx::{
    callconv::{Arg, ArgAbi},
    impl_sql_translatable,
};

use super::text::TextDatum;

/// A `uuid` argument as the core knows it.
#[derive(Clone, Copy)]
pub(crate) struct UserId(pub(crate) vetassist_core::Uuid);

impl_sql_translatable!(UserId, arg_only = "uuid");

// SAFETY: a uuid is passed as a pointer to its 16 bytes.
unsafe impl<'fcx> ArgAbi<'fcx> for UserId {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: nothing is read but the datum itself.
        let datum: Option<TextDatum> = unsafe { arg.unbox_arg_using_from_datum() };
        let Some(datum) = datum else { panic!("a function that takes a user id is strict") };
        // SAFETY: as above.
        let bytes = unsafe { datum.0.cast_mut_ptr::<[u8; 16]>().read() };
        Self(vetassist_core::Uuid::from_bytes(bytes))
    }
}

/// A `uuid` as the core knows it.
pub(crate) fn core_uuid(uuid: pgrx::Uuid) -> vetassist_core::Uuid {
    vetassist_core::Uuid::from_bytes(*uuid.as_bytes())
}

/// As pgrx knows it.
pub(crate) fn pg_uuid(uuid: vetassist_core::Uuid) -> pgrx::Uuid {
    pgrx::Uuid::from_bytes(uuid.into_bytes())
}
