//! `text`, in the database's encoding outside and in UTF-8 inside.

use core::{cell::OnceCell, ffi::CStr, str};
use std::borrow::Cow;

use pgrx::{
    callconv::{Arg, ArgAbi, BoxRet, FcInfo},
    datum::Datum,
    impl_sql_translatable, pg_sys, FromDatum, IntoDatum, PgSqlErrorCode, PgTryBuilder,
};
use vetassist_core::OpenError;
use zeroize::Zeroize;

use super::bytes::{content, prefetch, Bytea, Bytes};
use crate::errors::{out_of_memory, too_large, untranslatable, Explain, Outcome};

/// Most tokens are ASCII, which is seen faster.
fn is_utf8(bytes: &[u8]) -> bool {
    bytes.is_ascii() || str::from_utf8(bytes).is_ok()
}

/// UTF-8 bytes on their way out as `text` in the database's encoding.
pub(crate) struct Text(Bytea);

impl_sql_translatable!(Text, "text");

// SAFETY: as for `Bytea`; `from_utf8` has made it valid in the database's encoding.
unsafe impl BoxRet for Text {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.0.box_into(fcinfo) }
    }
}

impl Text {
    /// Takes opened bytes as text.
    ///
    /// PostgreSQL's own check is not asked: its error would quote the bytes.
    pub(crate) fn from_utf8(mut bytes: Bytea) -> Outcome<Self> {
        let content = bytes.as_mut_slice();
        // A NUL is valid UTF-8, but no text of PostgreSQL's can hold it.
        let has_nul = memchr::memchr(0, content).is_some();
        if has_nul || !is_utf8(content) {
            bytes.as_mut_slice().zeroize();
            return Err(OpenError::NotUtf8).explain();
        }
        if database_is_utf8() {
            return Ok(Self(bytes));
        }
        let converted = convert(bytes.as_mut_slice(), Direction::FromUtf8)?;
        let text = Bytea::copied(&converted)?;
        bytes.as_mut_slice().zeroize();
        Ok(Self(text))
    }
}

/// A `text` argument as UTF-8, whatever the database's encoding.
pub(crate) struct Utf8<'a>(pub(super) Cow<'a, [u8]>);

impl_sql_translatable!(Utf8<'_>, arg_only = "text");

// SAFETY: a text is a varlena, whose content is borrowed for the call.
unsafe impl<'fcx> ArgAbi<'fcx> for Utf8<'fcx> {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: a text is laid out as a bytea is.
        Self(Cow::Borrowed(unsafe { Bytes::unbox_arg_unchecked(arg) }.0))
    }
}

impl<'a> Utf8<'a> {
    /// Its bytes, as PostgreSQL says that they are UTF-8.
    #[inline(always)]
    pub(super) fn converted(self) -> Outcome<Cow<'a, [u8]>> {
        if database_is_utf8() {
            Ok(self.0)
        } else {
            Ok(Cow::Owned(convert(&self.0, Direction::ToUtf8)?))
        }
    }

    /// Its bytes. That they are UTF-8 is looked at, since what is sealed must open again.
    #[inline(always)]
    pub(crate) fn into_utf8(self) -> Outcome<Cow<'a, [u8]>> {
        let bytes = self.converted()?;
        if is_utf8(&bytes) {
            Ok(bytes)
        } else {
            Err(untranslatable())
        }
    }
}

/// A `text` argument that is looked at, and then handed to a statement or sealed.
pub(crate) struct TextArg<'a> {
    datum: pg_sys::Datum,
    content: &'a [u8],
}

impl_sql_translatable!(TextArg<'_>, arg_only = "text");

// SAFETY: as for `Utf8`; the datum is not changed.
unsafe impl<'fcx> ArgAbi<'fcx> for TextArg<'fcx> {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: a text is laid out as a bytea is, and whoever may be NULL is an option.
        unsafe { arg.unbox_arg_using_from_datum() }
            .unwrap_or(Self { datum: pg_sys::Datum::from(0), content: &[] })
    }
}

impl FromDatum for TextArg<'_> {
    unsafe fn from_polymorphic_datum(
        datum: pg_sys::Datum,
        is_null: bool,
        _: pg_sys::Oid,
    ) -> Option<Self> {
        // SAFETY: the caller's promise, handed on.
        (!is_null).then(|| Self { datum, content: unsafe { content(datum) } })
    }
}

impl IntoDatum for TextArg<'_> {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        Some(self.datum)
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::TEXTOID
    }
}

impl<'a> TextArg<'a> {
    pub(crate) fn is_empty(&self) -> bool {
        self.content.is_empty()
    }

    /// Whether there is nothing in it but spaces.
    pub(crate) fn is_blank(&self) -> bool {
        self.content.iter().all(|byte| *byte == b' ')
    }

    /// Whether it has more characters than this.
    pub(crate) fn is_longer_than(&self, most: usize) -> bool {
        // No encoding has more characters than bytes.
        self.content.len() > most
            && i32::try_from(self.content.len()).is_ok_and(|len| {
                let content = self.content.as_ptr().cast::<core::ffi::c_char>();
                // SAFETY: reads that many bytes, which are text in the database's encoding.
                let characters = unsafe { pg_sys::pg_mbstrlen_with_len(content, len) };
                usize::try_from(characters).is_ok_and(|characters| characters > most)
            })
    }

    /// See [`prefetch`].
    pub(crate) fn prefetch(&self) {
        prefetch(self.content);
    }

    #[inline(always)]
    pub(crate) fn into_utf8(self) -> Outcome<Cow<'a, [u8]>> {
        Utf8(Cow::Borrowed(self.content)).into_utf8()
    }
}
/// A `text` argument as it is, to be handed to a function of PostgreSQL's.
pub(crate) struct TextDatum(pub(crate) pg_sys::Datum);

impl_sql_translatable!(TextDatum, arg_only = "text");

// SAFETY: nothing is made of it.
unsafe impl<'fcx> ArgAbi<'fcx> for TextDatum {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: nothing is read but the datum itself.
        unsafe { arg.unbox_arg_using_from_datum() }.unwrap_or(Self(pg_sys::Datum::from(0)))
    }
}

impl FromDatum for TextDatum {
    unsafe fn from_polymorphic_datum(
        datum: pg_sys::Datum,
        is_null: bool,
        _: pg_sys::Oid,
    ) -> Option<Self> {
        (!is_null).then_some(Self(datum))
    }
}
#[derive(Clone, Copy)]
enum Direction {
    ToUtf8,
    FromUtf8,
}

thread_local! {
    /// Of the one database that a backend is ever connected to.
    static IS_UTF8: OnceCell<bool> = const { OnceCell::new() };
}

fn database_is_utf8() -> bool {
    IS_UTF8.with(|is_utf8| {
        *is_utf8.get_or_init(|| {
            // SAFETY: reads a setting of the database we are connected to.
            let encoding = unsafe { pg_sys::GetDatabaseEncoding() };
            encoding == pg_sys::pg_enc::PG_UTF8 as i32
        })
    })
}

/// Converts between the database's encoding and UTF-8. PostgreSQL's errors quote the bytes they
/// could not convert, so they are replaced.
fn convert(bytes: &[u8], direction: Direction) -> Outcome<Vec<u8>> {
    let Ok(len) = i32::try_from(bytes.len()) else { return Err(too_large()) };
    let source = bytes.as_ptr().cast::<core::ffi::c_char>();
    let utf8 = pg_sys::pg_enc::PG_UTF8 as i32;
    let fail = |_| None;
    let converted = PgTryBuilder::new(|| {
        Some(match direction {
            // SAFETY: reads `len` bytes at `source`; returns them or a NUL-terminated palloc'd string.
            Direction::ToUtf8 => unsafe { pg_sys::pg_server_to_any(source, len, utf8) },
            // SAFETY: as above.
            Direction::FromUtf8 => unsafe { pg_sys::pg_any_to_server(source, len, utf8) },
        })
    })
    .catch_when(PgSqlErrorCode::ERRCODE_CHARACTER_NOT_IN_REPERTOIRE, fail)
    .catch_when(PgSqlErrorCode::ERRCODE_UNTRANSLATABLE_CHARACTER, fail)
    .execute();
    match converted {
        None => Err(untranslatable()),
        Some(pointer) if pointer.cast_const() == source => copied(bytes),
        Some(pointer) => {
            // SAFETY: a conversion returns a NUL-terminated string.
            let converted = copied(unsafe { CStr::from_ptr(pointer) }.to_bytes());
            // SAFETY: it was palloc'd for us.
            unsafe { pg_sys::pfree(pointer.cast()) };
            converted
        }
    }
}

/// A copy, or an error where there is no memory for it: Rust itself would end the process.
fn copied(bytes: &[u8]) -> Outcome<Vec<u8>> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(bytes.len()).map_err(|_| out_of_memory())?;
    copy.extend_from_slice(bytes);
    Ok(copy)
}
