//! `bytea`, and the content of every type that is laid out as one.

use core::{ffi, ptr::NonNull, slice};

use pgrx::{
    impl_sql_translatable, pg_sys,
    varlena::{self, set_varsize_4b},
};
use zeroize::Zeroize;

use crate::errors::{out_of_memory, too_large, Result};

/// The longest content of a varlena: `MaxAllocSize` less its header.
const MAX_CONTENT: usize = 0x3fff_ffff - pg_sys::VARHDRSZ;

const NO_ERROR: ffi::c_int = pg_sys::MCXT_ALLOC_NO_OOM as _;
const ZEROED: ffi::c_int = pg_sys::MCXT_ALLOC_ZERO as _;

extern "C" {
    /// PostgreSQL's function, called directly. The binding of pgrx prepares for an error, which takes longer than a small
    /// allocation.
    fn palloc_extended(size: usize, flags: ffi::c_int) -> *mut ffi::c_void;
}

/// A `bytea` being filled, in the memory context of the call.
pub(crate) struct Bytea(NonNull<pg_sys::varlena>);

impl_sql_translatable!(Bytea, "bytea");
result!(Bytea, BYTEAOID);

impl Bytea {
    /// Returns a `bytea` of `len` zeros.
    #[allow(unsafe_code)]
    #[inline(always)]
    pub(crate) fn zeroed(len: usize) -> Result<Self> {
        if len > MAX_CONTENT {
            return Err(too_large());
        }
        let size = len + pg_sys::VARHDRSZ;
        let Ok(header) = i32::try_from(size) else { return Err(too_large()) };
        // SAFETY: PostgreSQL allows this size, so it raises no error. The memory is aligned, and large enough for the
        // header.
        let allocated = unsafe {
            NonNull::new(palloc_extended(size, NO_ERROR | ZEROED).cast()).inspect(|varlena| {
                set_varsize_4b(varlena.as_ptr(), header);
            })
        };
        allocated.map(Self).ok_or_else(out_of_memory)
    }

    /// Returns a copy.
    pub(crate) fn copy_of(bytes: &[u8]) -> Result<Self> {
        let mut copy = Self::zeroed(bytes.len())?;
        copy.as_mut_slice().copy_from_slice(bytes);
        Ok(copy)
    }

    /// Returns the content.
    #[allow(unsafe_code)]
    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: `zeroed` allocated it with a 4-byte header, which holds the size, and initialised the content. No other
        // pointer to it exists, and the borrow lasts as long as that of `self`.
        unsafe {
            let len = varlena::varsize_4b(self.0.as_ptr()) - pg_sys::VARHDRSZ;
            slice::from_raw_parts_mut(self.0.as_ptr().cast::<u8>().add(pg_sys::VARHDRSZ), len)
        }
    }

    pub(super) fn into_raw(self) -> pg_sys::Datum {
        self.0.as_ptr().into()
    }
}

/// A `bytea` that is not returned to PostgreSQL. It is wiped when it is dropped.
pub(crate) struct WipedBytea(pub(crate) Bytea);

impl Drop for WipedBytea {
    fn drop(&mut self) {
        self.0.as_mut_slice().zeroize();
    }
}

/// Returns the content of a varlena: a `text`, a `bytea` or an `inet`. It calls PostgreSQL only if the value is compressed
/// or stored out of line.
///
/// # Safety
/// The datum must be a varlena, which must not change while the content is used.
#[allow(unsafe_code)]
#[inline(always)]
pub(super) unsafe fn content<'a>(datum: pg_sys::Datum) -> &'a [u8] {
    let mut varlena = datum.cast_mut_ptr::<pg_sys::varlena>();
    // SAFETY: the caller guarantees a varlena. Its header tells how it is stored.
    unsafe {
        let is_plain = varlena::varatt_is_4b_u(varlena)
            || (varlena::varatt_is_1b(varlena) && !varlena::varatt_is_1b_e(varlena));
        if !is_plain {
            varlena = pg_sys::pg_detoast_datum_packed(varlena);
        }
        varlena::varlena_to_byte_slice(varlena)
    }
}

/// A `bytea` that PostgreSQL passed.
#[derive(Clone, Copy)]
pub(crate) struct Bytes<'a> {
    datum: pg_sys::Datum,
    content: &'a [u8],
}

argument!(Bytes<'_>, Bytes<'fcx>, "bytea", BYTEAOID, |datum| Bytes {
    datum,
    content: content(datum)
});

impl<'a> Bytes<'a> {
    fn into_raw(self) -> pg_sys::Datum {
        self.datum
    }

    /// Returns the content.
    pub(crate) fn as_slice(&self) -> &'a [u8] {
        self.content
    }
}

/// Makes the processor load bytes that are about to be read, while it does something else: rows of a query are seldom in its
/// caches. It asks for 32 cache lines at most; for longer values, the processor prefetches the rest by itself.
#[allow(unsafe_code)]
pub(crate) fn prefetch(bytes: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    for line in bytes.chunks(64).take(32) {
        use core::arch::x86_64::{_mm_prefetch, _MM_HINT_T0};
        // SAFETY: a prefetch is allowed at any address, and has no effect that the program can see.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = bytes;
}
