//! `bytea`, and the content of every type that is laid out as one.

use core::{ptr::NonNull, slice};

use pgrx::{
    callconv::{Arg, ArgAbi, BoxRet, FcInfo},
    datum::Datum,
    impl_sql_translatable, pg_sys,
    varlena::{self, set_varsize_4b},
    IntoDatum,
};
use zeroize::Zeroize;

use super::text::TextDatum;
use crate::errors::{out_of_memory, too_large, Outcome};

/// The longest content of a varlena: `MaxAllocSize` less its header.
const MAX_CONTENT: usize = 0x3fff_ffff - pg_sys::VARHDRSZ;

const NO_ERROR: core::ffi::c_int = pg_sys::MCXT_ALLOC_NO_OOM as _;
const ZEROED: core::ffi::c_int = pg_sys::MCXT_ALLOC_ZERO as _;

extern "C" {
    /// PostgreSQL's own. pgrx's binding prepares for an error, which takes longer than a small allocation.
    fn palloc_extended(size: usize, flags: core::ffi::c_int) -> *mut core::ffi::c_void;
}

/// A varlena being filled, in the memory context of the call. It becomes a `bytea`.
pub(crate) struct Bytea(NonNull<pg_sys::varlena>);

impl_sql_translatable!(Bytea, "bytea");

impl IntoDatum for Bytea {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        Some(pg_sys::Datum::from(self.0.as_ptr()))
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::BYTEAOID
    }
}

impl Bytea {
    /// Zeros, to be written over.
    #[inline(always)]
    pub(crate) fn zeroed(len: usize) -> Outcome<Self> {
        if len > MAX_CONTENT {
            return Err(too_large());
        }
        let size = len + pg_sys::VARHDRSZ;
        let Ok(header) = i32::try_from(size) else { return Err(too_large()) };
        // SAFETY: raises no error, because the size is one that PostgreSQL allows.
        let varlena = unsafe { palloc_extended(size, NO_ERROR | ZEROED) }.cast();
        let Some(pointer) = NonNull::new(varlena) else { return Err(out_of_memory()) };
        // SAFETY: just allocated, aligned as palloc aligns, and large enough for its header.
        unsafe { set_varsize_4b(varlena, header) };
        Ok(Self(pointer))
    }

    pub(crate) fn copied(bytes: &[u8]) -> Outcome<Self> {
        let mut copy = Self::zeroed(bytes.len())?;
        copy.as_mut_slice().copy_from_slice(bytes);
        Ok(copy)
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: `zeroed` allocated it with a 4-byte header.
        let size = unsafe { varlena::varsize_4b(self.0.as_ptr()) };
        // SAFETY: the content follows the header within the same allocation.
        let content = unsafe { self.0.as_ptr().cast::<u8>().add(pg_sys::VARHDRSZ) };
        // SAFETY: initialised by palloc0, and borrowed for as long as `self` is.
        unsafe { slice::from_raw_parts_mut(content, size - pg_sys::VARHDRSZ) }
    }
}

// SAFETY: the pointer is a valid varlena, allocated in the context that the call returns from.
unsafe impl BoxRet for Bytea {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        // SAFETY: as above.
        unsafe { fcinfo.return_raw_datum(pg_sys::Datum::from(self.0.as_ptr())) }
    }
}

/// The content of a varlena: a `text`, a `bytea`, an `inet`. It is in one piece in most rows, and then PostgreSQL is
/// not asked.
///
/// # Safety
/// The datum is a varlena, which is not changed for as long as the content is used.
#[inline(always)]
pub(super) unsafe fn content<'a>(datum: pg_sys::Datum) -> &'a [u8] {
    let mut varlena = datum.cast_mut_ptr::<pg_sys::varlena>();
    // SAFETY: the caller's promise.
    unsafe {
        let is_plain = varlena::varatt_is_4b_u(varlena)
            || (varlena::varatt_is_1b(varlena) && !varlena::varatt_is_1b_e(varlena));
        if !is_plain {
            varlena = pg_sys::pg_detoast_datum_packed(varlena);
        }
        varlena::varlena_to_byte_slice(varlena)
    }
}

/// A `bytea` argument's content.
#[derive(Clone, Copy)]
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl_sql_translatable!(Bytes<'_>, arg_only = "bytea");

// SAFETY: a bytea is a varlena, whose content is borrowed for the call.
unsafe impl<'fcx> ArgAbi<'fcx> for Bytes<'fcx> {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: as above, and the function is strict.
        let datum: Option<TextDatum> = unsafe { arg.unbox_arg_using_from_datum() };
        // SAFETY: as above.
        Self(datum.map_or(&[], |datum| unsafe { content(datum.0) }))
    }
}

/// Lets the processor fetch what is about to be read, while it does something else: rows that a query goes through
/// are seldom in its caches. As much as it fetches at once; what is longer it sees coming by itself.
pub(crate) fn prefetch(bytes: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    for line in bytes.chunks(64).take(32) {
        use core::arch::x86_64::{_mm_prefetch, _MM_HINT_T0};
        // SAFETY: reads nothing, wherever it points.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = bytes;
}

/// A plaintext that does not leave: wiped when dropped.
pub(crate) struct Plaintext(pub(crate) Bytea);

impl Drop for Plaintext {
    fn drop(&mut self) {
        self.0.as_mut_slice().zeroize();
    }
}
