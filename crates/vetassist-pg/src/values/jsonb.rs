//! `jsonb`, converted to and from the JSON value of the core.
//!
//! pgrx's own type parses the text of an argument before it calls the function. If it cannot parse the text, because it is
//! nested deeply or has a number too large for Rust, it raises an internal error. Here PostgreSQL's functions read and build
//! the `jsonb`, and no number is printed.

use core::{marker::PhantomData, slice};
use std::borrow::Cow;

use pgrx::{check_for_interrupts, pg_sys, varlena, AnyNumeric, FromDatum};
use vetassist_core::json::{self, Builder, Value};

use super::text::{readable, to_database};
use crate::errors::{Error, Result};

use pg_sys::{
    jbvType, JsonbIteratorToken as Token, JsonbValue__bindgen_ty_1 as Content,
    JsonbValue__bindgen_ty_1__bindgen_ty_1 as Text,
    JsonbValue__bindgen_ty_1__bindgen_ty_2 as Array,
    JsonbValue__bindgen_ty_1__bindgen_ty_3 as Object,
};

/// A `jsonb` that PostgreSQL passed or made.
#[derive(Clone, Copy)]
pub(crate) struct Jsonb<'a>(pg_sys::Datum, PhantomData<&'a ()>);

argument!(Jsonb<'_>, Jsonb<'fcx>, "jsonb", JSONBOID, Jsonb::of);

/// A number of a `jsonb`: a pointer into the `jsonb`.
#[derive(Clone, Copy)]
pub(crate) struct Number<'a>(pg_sys::Numeric, PhantomData<&'a ()>);

impl json::Number for Number<'_> {
    #[allow(unsafe_code)]
    fn as_u64(&self) -> Option<u64> {
        // SAFETY: a number of a jsonb is a numeric, and the jsonb still exists. This makes a copy.
        let number = unsafe { AnyNumeric::from_datum(self.0.into(), false) }?;
        let whole = i64::try_from(number.clone()).ok()?;
        (AnyNumeric::from(whole) == number).then(|| whole.try_into().ok()).flatten()
    }
}

impl<'a> Jsonb<'a> {
    /// Treats a datum as a `jsonb`. The datum must be one, because its headers are trusted.
    #[allow(unsafe_code)]
    unsafe fn of(datum: pg_sys::Datum) -> Self {
        Self(datum, PhantomData)
    }

    fn into_raw(self) -> pg_sys::Datum {
        self.0
    }

    /// Reads it, unless it is larger or deeper than the core allows. `name` is the name of the argument.
    pub(crate) fn to_value(self, name: &'static str) -> Result<Value<Number<'a>>> {
        let mut builder = Builder::new();
        let mut tokens = Tokens::of(self);
        let mut is_scalar = false;
        loop {
            check_for_interrupts!();
            let (token, value) = tokens.next();
            let added = match (token, part(&value)) {
                (Token::WJB_DONE, _) => break,
                // PostgreSQL reports a single scalar as an array with the mark rawScalar.
                (Token::WJB_BEGIN_ARRAY, Part::RawScalar) => {
                    is_scalar = true;
                    Ok(())
                }
                (Token::WJB_END_ARRAY, _) if is_scalar => Ok(()),
                (Token::WJB_BEGIN_ARRAY, _) => builder.begin_array(),
                (Token::WJB_BEGIN_OBJECT, _) => builder.begin_object(),
                (Token::WJB_END_ARRAY | Token::WJB_END_OBJECT, _) => builder.end(),
                (Token::WJB_KEY, Part::Text(name)) => builder.name(&readable(name)?),
                (_, Part::Text(text)) => builder.string(&readable(text)?),
                (_, Part::Number(number, size)) => builder.number(number, size),
                (_, Part::Bool(boolean)) => builder.bool(boolean),
                _ => builder.null(),
            };
            added.map_err(|error| Error::from_json(name, error))?;
        }
        builder.finish().map_err(|error| Error::from_json(name, error))
    }

    /// Makes a `jsonb`, in the memory context of the call.
    #[allow(unsafe_code)]
    pub(crate) fn from_value(value: &Value<Number<'_>>) -> Result<Self> {
        let mut parts = Parts::default();
        let mut value = parts.value(value)?;
        // SAFETY: the value points into `parts`, its members are sorted, and PostgreSQL copies it.
        let jsonb = unsafe { pg_sys::JsonbValueToJsonb(&raw mut value) };
        Ok(Self(jsonb.into(), PhantomData))
    }
}

/// An iterator over the parts of a `jsonb`.
struct Tokens(*mut pg_sys::JsonbIterator);

impl Tokens {
    #[allow(unsafe_code)]
    fn of(jsonb: Jsonb<'_>) -> Self {
        // SAFETY: the datum is a jsonb. After this call it is in one piece with a full header, and it stays in memory until
        // the call of the function ends.
        Self(unsafe {
            let jsonb = pg_sys::pg_detoast_datum(jsonb.0.cast_mut_ptr()).cast::<pg_sys::Jsonb>();
            pg_sys::JsonbIteratorInit(&raw mut (*jsonb).root)
        })
    }

    #[allow(unsafe_code)]
    fn next(&mut self) -> (Token::Type, pg_sys::JsonbValue) {
        let mut value = empty();
        // SAFETY: PostgreSQL made the iterator. After the last token it is null, which PostgreSQL allows.
        let token = unsafe { pg_sys::JsonbIteratorNext(&raw mut self.0, &raw mut value, false) };
        (token, value)
    }
}

fn empty() -> pg_sys::JsonbValue {
    pg_sys::JsonbValue { type_: jbvType::jbvNull, val: Content { boolean: false } }
}

/// A value of a `jsonb`, by its kind.
enum Part<'a> {
    RawScalar,
    /// A string or a name, without a NUL at its end.
    Text(&'a [u8]),
    /// A number, and its size in bytes, which does not depend on the length of its text.
    Number(Number<'a>, usize),
    Bool(bool),
    Other,
}

#[allow(unsafe_code)]
fn part<'a>(value: &pg_sys::JsonbValue) -> Part<'a> {
    // SAFETY: the type tells which member of the union is valid. Text and numbers are within the jsonb that is read or made,
    // and exist as long as it does. A number is a varlena.
    unsafe {
        match value.type_ {
            jbvType::jbvArray if value.val.array.rawScalar => Part::RawScalar,
            jbvType::jbvString => {
                let Text { len, val } = value.val.string;
                let len = usize::try_from(len).unwrap_or(0);
                Part::Text(slice::from_raw_parts(val.cast(), len))
            }
            jbvType::jbvNumeric => {
                let number = value.val.numeric;
                Part::Number(Number(number, PhantomData), varlena::varsize_any(number.cast()))
            }
            jbvType::jbvBool => Part::Bool(value.val.boolean),
            _ => Part::Other,
        }
    }
}

/// Returns the name of a member.
fn name(member: &pg_sys::JsonbPair) -> &[u8] {
    match part(&member.key) {
        Part::Text(name) => name,
        _ => &[],
    }
}

/// Keeps the memory that values of PostgreSQL point to, until a `jsonb` is made of them.
#[derive(Default)]
struct Parts<'a> {
    texts: Vec<Cow<'a, [u8]>>,
    arrays: Vec<Vec<pg_sys::JsonbValue>>,
    objects: Vec<Vec<pg_sys::JsonbPair>>,
}

impl<'a> Parts<'a> {
    fn value(&mut self, value: &'a Value<Number<'_>>) -> Result<pg_sys::JsonbValue> {
        check_for_interrupts!();
        let (type_, val) = match value {
            Value::Null => return Ok(empty()),
            Value::Bool(boolean) => (jbvType::jbvBool, Content { boolean: *boolean }),
            Value::Number(number) => (jbvType::jbvNumeric, Content { numeric: number.0 }),
            Value::String(text) => return self.text(text),
            Value::Array(items) => {
                let items =
                    items.iter().map(|item| self.value(item)).collect::<Result<Vec<_>>>()?;
                let (elems, count) = kept(&mut self.arrays, items);
                let array = Array { nElems: count, elems, rawScalar: false };
                (jbvType::jbvArray, Content { array })
            }
            Value::Object(members) => {
                let members = members.iter().map(|(name, member)| {
                    let (key, value) = (self.text(name)?, self.value(member)?);
                    Ok(pg_sys::JsonbPair { key, value, order: 0 })
                });
                let mut members = members.collect::<Result<Vec<_>>>()?;
                // PostgreSQL's binary search needs this order.
                members.sort_by_cached_key(|member| {
                    let name = name(member);
                    (name.len(), name.to_vec())
                });
                members.dedup_by(|second, first| name(second) == name(first));
                let (pairs, count) = kept(&mut self.objects, members);
                (jbvType::jbvObject, Content { object: Object { nPairs: count, pairs } })
            }
        };
        Ok(pg_sys::JsonbValue { type_, val })
    }

    fn text(&mut self, text: &'a str) -> Result<pg_sys::JsonbValue> {
        self.texts.push(to_database(text)?);
        let text = self.texts.last().map_or(&[][..], |text| text);
        let string = Text { len: count(text.len()), val: text.as_ptr().cast_mut().cast() };
        Ok(pg_sys::JsonbValue { type_: jbvType::jbvString, val: Content { string } })
    }
}

/// Keeps a list, whose elements do not move in memory, and returns its address and its length.
fn kept<T>(lists: &mut Vec<Vec<T>>, mut list: Vec<T>) -> (*mut T, i32) {
    let kept = (list.as_mut_ptr(), count(list.len()));
    lists.push(list);
    kept
}

/// Returns a length as PostgreSQL's integer. Values that the core allows are far shorter than its limit.
fn count(len: usize) -> i32 {
    i32::try_from(len).unwrap_or(i32::MAX)
}
