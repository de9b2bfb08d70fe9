//! `text`: PostgreSQL has it in the database's encoding, Rust in UTF-8.
//!
//! All text must pass through this module: pgrx treats all text as UTF-8, and raises an internal error for other text.

use core::str;
use std::borrow::Cow;

use pgrx::{impl_sql_translatable, pg_sys, PgSqlErrorCode, PgTryBuilder};
use vetassist_core::OpenError;
use zeroize::Zeroize;

use super::bytes::{content, prefetch, Bytea};
use crate::{
    encoding,
    errors::{out_of_memory, too_large, untranslatable, Result},
};

/// A `text` that PostgreSQL passed.
#[derive(Clone, Copy)]
pub(crate) struct Text<'a> {
    datum: pg_sys::Datum,
    /// In the database's encoding.
    content: &'a [u8],
}

// A text has the same layout as a bytea.
argument!(Text<'_>, Text<'fcx>, "text", TEXTOID, |datum| Text { datum, content: content(datum) });

impl<'a> Text<'a> {
    fn into_raw(self) -> pg_sys::Datum {
        self.datum
    }

    /// Returns the datum, for a comparison by a function of PostgreSQL.
    pub(crate) fn datum(&self) -> pg_sys::Datum {
        self.datum
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.content.is_empty()
    }

    /// Returns whether it is empty or has only spaces.
    pub(crate) fn is_blank(&self) -> bool {
        self.content.iter().all(|byte| *byte == b' ')
    }

    /// Returns whether it has more than `most` characters.
    pub(crate) fn is_longer_than(&self, most: usize) -> bool {
        // A text never has more characters than bytes. If the encoding is unknown, PostgreSQL counts bytes.
        self.content.len() > most
            && (encoding::is_unknown()
                || self.to_readable().is_ok_and(|text| text.chars().nth(most).is_some()))
    }

    /// Prefetches the content, see [`prefetch`].
    pub(crate) fn prefetch(&self) {
        prefetch(self.content);
    }

    /// Returns its bytes in UTF-8. It checks them, because sealed text must open as text again.
    #[inline(always)]
    pub(crate) fn to_utf8(self) -> Result<Cow<'a, [u8]>> {
        let bytes = if encoding::is_utf8() {
            Cow::Borrowed(self.content)
        } else {
            Cow::Owned(convert(self.content, Direction::ToUtf8)?)
        };
        if is_utf8(&bytes) {
            Ok(bytes)
        } else {
            Err(untranslatable())
        }
    }

    /// Returns it if it is ASCII. ASCII is the same in every encoding of a database.
    pub(crate) fn as_ascii(&self) -> Option<&'a str> {
        str::from_utf8(self.content).ok().filter(|text| text.is_ascii())
    }

    /// Returns it as a string, see [`readable`].
    pub(crate) fn to_readable(self) -> Result<Cow<'a, str>> {
        readable(self.content)
    }

    /// Returns its bytes, in the database's encoding.
    pub(crate) fn as_bytes(&self) -> &'a [u8] {
        self.content
    }
}

/// Returns text in the database's encoding as UTF-8, to be read. [`to_database`] restores the original bytes.
///
/// If the encoding is unknown, private characters stand for bytes that are not UTF-8.
pub(crate) fn readable(text: &[u8]) -> Result<Cow<'_, str>> {
    if text.is_ascii() || encoding::is_utf8() {
        return Ok(String::from_utf8_lossy(text));
    }
    if encoding::is_unknown() {
        return Ok(private::of_bytes(text));
    }
    let converted = convert(text, Direction::ToUtf8)?;
    String::from_utf8(converted).map(Cow::Owned).map_err(|_| untranslatable())
}

/// Converts UTF-8 to the database's encoding.
pub(super) fn to_database(text: &str) -> Result<Cow<'_, [u8]>> {
    if text.is_ascii() || encoding::is_utf8() {
        return Ok(Cow::Borrowed(text.as_bytes()));
    }
    if encoding::is_unknown() {
        return Ok(private::to_bytes(text));
    }
    convert(text.as_bytes(), Direction::FromUtf8).map(Cow::Owned)
}

/// Converts bytes of unknown encoding to text and back. Each of the last 128 characters of Unicode stands for one byte.
mod private {
    use std::borrow::Cow;

    /// The character for the byte 0x00. Only the characters for the bytes from 0x80 on are used.
    const FIRST: u32 = 0x0010_ff00;

    fn byte_of(character: char) -> Option<u8> {
        u32::from(character).checked_sub(FIRST).and_then(|byte| u8::try_from(byte).ok())
    }

    pub(super) fn of_bytes(bytes: &[u8]) -> Cow<'_, str> {
        let mut text = String::new();
        for chunk in bytes.utf8_chunks() {
            for character in chunk.valid().chars() {
                // A character that stands for a byte becomes four such characters, one for each of its bytes, so that all
                // text converts back to the same bytes.
                if byte_of(character).is_some() {
                    text.extend(character.encode_utf8(&mut [0; 4]).bytes().filter_map(of_byte));
                } else {
                    text.push(character);
                }
            }
            text.extend(chunk.invalid().iter().copied().filter_map(of_byte));
        }
        Cow::Owned(text)
    }

    fn of_byte(byte: u8) -> Option<char> {
        char::from_u32(FIRST + u32::from(byte))
    }

    pub(super) fn to_bytes(text: &str) -> Cow<'_, [u8]> {
        let mut bytes = Vec::with_capacity(text.len());
        for character in text.chars() {
            match byte_of(character) {
                Some(byte) => bytes.push(byte),
                None => bytes.extend(character.encode_utf8(&mut [0; 4]).bytes()),
            }
        }
        Cow::Owned(bytes)
    }
}

/// A `text` that a function returns.
pub(crate) struct TextResult(Bytea);

impl_sql_translatable!(TextResult, "text");
result!(TextResult, TEXTOID);

impl TextResult {
    /// Returns this text.
    pub(crate) fn of(text: &str) -> Result<Self> {
        Bytea::copy_of(&to_database(text)?).map(Self)
    }

    /// Makes text of opened bytes.
    ///
    /// It does not use PostgreSQL's own check, because its error would quote the bytes.
    pub(crate) fn opened(mut bytes: Bytea) -> Result<Self> {
        let content = bytes.as_mut_slice();
        // A NUL is valid UTF-8, but PostgreSQL's text cannot hold it.
        let has_nul = memchr::memchr(0, content).is_some();
        if has_nul || !is_utf8(content) {
            content.zeroize();
            return Err(OpenError::NotUtf8.into());
        }
        if encoding::is_utf8() {
            return Ok(Self(bytes));
        }
        let converted = convert(content, Direction::FromUtf8);
        content.zeroize();
        let mut converted = converted?;
        let text = Bytea::copy_of(&converted);
        converted.zeroize();
        text.map(Self)
    }

    fn into_raw(self) -> pg_sys::Datum {
        self.0.into_raw()
    }
}

/// Returns whether these bytes are UTF-8. It checks for ASCII first, which is faster: most tokens are ASCII.
fn is_utf8(bytes: &[u8]) -> bool {
    bytes.is_ascii() || str::from_utf8(bytes).is_ok()
}

#[derive(Clone, Copy)]
enum Direction {
    ToUtf8,
    FromUtf8,
}

/// Converts between the database's encoding and UTF-8. PostgreSQL's errors quote the bytes that it cannot convert, so this
/// replaces the errors.
#[allow(unsafe_code)]
fn convert(bytes: &[u8], direction: Direction) -> Result<Vec<u8>> {
    let Ok(len) = i32::try_from(bytes.len()) else { return Err(too_large()) };
    let source = bytes.as_ptr().cast::<core::ffi::c_char>();
    let utf8 = pg_sys::pg_enc::PG_UTF8 as i32;
    let fail = |_| None;
    let converted = PgTryBuilder::new(|| {
        // SAFETY: both read `len` bytes at `source`, and return `source` or a NUL-terminated string that they palloc'd.
        Some(unsafe {
            match direction {
                Direction::ToUtf8 => pg_sys::pg_server_to_any(source, len, utf8),
                Direction::FromUtf8 => pg_sys::pg_any_to_server(source, len, utf8),
            }
        })
    })
    .catch_when(PgSqlErrorCode::ERRCODE_CHARACTER_NOT_IN_REPERTOIRE, fail)
    .catch_when(PgSqlErrorCode::ERRCODE_UNTRANSLATABLE_CHARACTER, fail)
    .execute();
    let Some(pointer) = converted else { return Err(untranslatable()) };
    if pointer.cast_const() == source {
        return copy(bytes);
    }
    // SAFETY: the conversion palloc'd another string for this function, and ended it with a NUL. The string is copied, wiped
    // and then not used again.
    unsafe {
        let len = libc::strlen(pointer);
        let converted = copy(core::slice::from_raw_parts(pointer.cast(), len));
        core::slice::from_raw_parts_mut(pointer.cast::<u8>(), len).zeroize();
        pg_sys::pfree(pointer.cast());
        converted
    }
}

/// Returns a copy, or an error if there is no memory for it. Without this, Rust would end the process.
fn copy(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(bytes.len()).map_err(|_| out_of_memory())?;
    copy.extend_from_slice(bytes);
    Ok(copy)
}
