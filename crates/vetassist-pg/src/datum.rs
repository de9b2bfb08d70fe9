//! Arguments and results as PostgreSQL passes them, without a copy where one can be spared. What each token passes
//! through is inlined: calls are much of what a function costs beside the core's own work.

use core::{
    cell::OnceCell,
    ffi::CStr,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ptr::NonNull,
    slice, str,
};
use std::borrow::Cow;

use pgrx::{
    callconv::{Arg, ArgAbi, BoxRet, FcInfo},
    datum::Datum,
    impl_sql_translatable, pg_sys,
    varlena::{self, set_varsize_4b},
    FromDatum, IntoDatum, PgSqlErrorCode, PgTryBuilder,
};
use vetassist_core::{AddressError, OpenError};
use zeroize::Zeroize;

use crate::errors::{out_of_memory, too_large, untranslatable, Explain, Outcome};

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
unsafe fn content<'a>(datum: pg_sys::Datum) -> &'a [u8] {
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
pub(crate) struct Utf8<'a>(Cow<'a, [u8]>);

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
    fn converted(self) -> Outcome<Cow<'a, [u8]>> {
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

/// A `timestamptz` as it is, to be handed to a statement.
#[derive(Clone, Copy)]
pub(crate) struct Instant(pg_sys::TimestampTz);

impl_sql_translatable!(Instant, arg_only = "timestamp with time zone");

// SAFETY: a timestamptz is passed by value.
unsafe impl<'fcx> ArgAbi<'fcx> for Instant {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: the function's declaration says what it is, and whoever may be NULL is an option.
        Self(unsafe { arg.unbox_arg_using_from_datum() }.unwrap_or_default())
    }
}

impl IntoDatum for Instant {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        self.0.into_datum()
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::TIMESTAMPTZOID
    }
}

impl Instant {
    /// What `now()` is.
    pub(crate) fn of_transaction() -> Self {
        // SAFETY: reads a variable of this process.
        Self(unsafe { pg_sys::GetCurrentTransactionStartTimestamp() })
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

/// An `inet` argument: the address of one host, or of something else.
pub(crate) struct InetArg(Option<IpAddr>);

impl_sql_translatable!(InetArg, arg_only = "inet");

// PostgreSQL's own numbers for the families, whatever the system's are.
const PGSQL_AF_INET: u8 = 2;
const PGSQL_AF_INET6: u8 = 3;

// SAFETY: an inet is a varlena: family, prefix length, then 4 or 16 bytes of address.
unsafe impl<'fcx> ArgAbi<'fcx> for InetArg {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: as above, and the function is strict.
        Self(match unsafe { Bytes::unbox_arg_unchecked(arg) }.0 {
            [PGSQL_AF_INET, 32, address @ ..] => {
                address.first_chunk::<4>().map(|octets| Ipv4Addr::from(*octets).into())
            }
            [PGSQL_AF_INET6, 128, address @ ..] => {
                address.first_chunk::<16>().map(|octets| Ipv6Addr::from(*octets).into())
            }
            _ => None,
        })
    }
}

impl InetArg {
    /// The address, if it is one host's.
    pub(crate) fn host(self) -> Outcome<IpAddr> {
        self.0.ok_or(AddressError).explain()
    }
}

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
