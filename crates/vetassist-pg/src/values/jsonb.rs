//! `jsonb`.

use core::ffi::CStr;
use std::borrow::Cow;

use pgrx::{
    callconv::{Arg, ArgAbi},
    impl_sql_translatable, pg_sys, IntoDatum,
};

use super::text::{TextDatum, Utf8};
use crate::errors::{untranslatable, Outcome};

/// A `jsonb` argument. pgrx's own parses it as it is handed over, and what it cannot parse, because it is nested
/// deeply or has a number too large for Rust, is an internal error there.
pub(crate) struct Jsonb(TextDatum);

impl_sql_translatable!(Jsonb, arg_only = "jsonb");

// SAFETY: nothing is made of it yet.
unsafe impl<'fcx> ArgAbi<'fcx> for Jsonb {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: the caller's promise, handed on.
        Self(unsafe { TextDatum::unbox_arg_unchecked(arg) })
    }
}

impl IntoDatum for Jsonb {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        Some(self.0 .0)
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::JSONBOID
    }
}

impl Jsonb {
    /// What this text is, which must be JSON.
    pub(crate) fn parsed(text: &CStr) -> Option<Self> {
        let text = pg_sys::Datum::from(text.as_ptr());
        // SAFETY: reads a NUL-terminated string.
        let parsed =
            unsafe { pgrx::direct_function_call_as_datum(pg_sys::jsonb_in, &[Some(text)]) };
        Self::found(parsed)
    }

    /// One that a statement returned.
    pub(crate) fn found(datum: Option<pg_sys::Datum>) -> Option<Self> {
        datum.map(|datum| Self(TextDatum(datum)))
    }

    /// Its text, in UTF-8, if it is no longer than this.
    pub(crate) fn into_text(self, most: usize) -> Outcome<Option<String>> {
        // SAFETY: the datum is a jsonb, as the function's declaration says, and not NULL, as it is strict; the
        // result is a NUL-terminated string in the memory context of the call.
        let text: Option<&CStr> =
            unsafe { pgrx::direct_function_call(pg_sys::jsonb_out, &[Some(self.0 .0)]) };
        let text = text.map(CStr::to_bytes).unwrap_or_default();
        if text.len() > most {
            return Ok(None);
        }
        let text = Utf8(Cow::Borrowed(text)).converted()?.into_owned();
        String::from_utf8(text).map(Some).map_err(|_| untranslatable())
    }
}
