//! `jsonb`, read into a value of the core's and made of one again.
//!
//! pgrx's own type parses the text of an argument before the function is called, and what it cannot parse, because it is
//! nested deeply or has a number too large for Rust, is an internal error there. Here PostgreSQL takes it apart and puts
//! it together, and a number is never printed.

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

/// A number of a `jsonb`, where it stands there.
#[derive(Clone, Copy)]
pub(crate) struct Number<'a>(pg_sys::Numeric, PhantomData<&'a ()>);

impl json::Number for Number<'_> {
    #[allow(unsafe_code)]
    fn as_u64(&self) -> Option<u64> {
        // SAFETY: a number of a jsonb is a numeric, which the jsonb outlives; this is a copy.
        let number = unsafe { AnyNumeric::from_datum(self.0.into(), false) }?;
        let whole = i64::try_from(number.clone()).ok()?;
        (AnyNumeric::from(whole) == number).then(|| whole.try_into().ok()).flatten()
    }
}

impl<'a> Jsonb<'a> {
    /// Takes a datum to be a `jsonb`, which it must be: its parts are read by what it says of itself.
    #[allow(unsafe_code)]
    unsafe fn of(datum: pg_sys::Datum) -> Self {
        Self(datum, PhantomData)
    }

    fn into_raw(self) -> pg_sys::Datum {
        self.0
    }

    /// Reads it, unless it is larger or deeper than the core takes. `name` is the argument's.
    pub(crate) fn to_value(self, name: &'static str) -> Result<Value<Number<'a>>> {
        let mut builder = Builder::new();
        let mut tokens = Tokens::of(self);
        let mut is_scalar = false;
        loop {
            check_for_interrupts!();
            let (token, value) = tokens.next();
            let added = match (token, part(&value)) {
                (Token::WJB_DONE, _) => break,
                // A number or text by itself stands in an array that is none.
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

    /// Makes one, in the memory context of the call.
    #[allow(unsafe_code)]
    pub(crate) fn from_value(value: &Value<Number<'_>>) -> Result<Self> {
        let mut parts = Parts::default();
        let mut value = parts.value(value)?;
        // SAFETY: the value is made of `parts`, with its members in order, and copied.
        let jsonb = unsafe { pg_sys::JsonbValueToJsonb(&raw mut value) };
        Ok(Self(jsonb.into(), PhantomData))
    }
}

/// Reads the parts of a `jsonb`, one after the other.
struct Tokens(*mut pg_sys::JsonbIterator);

impl Tokens {
    #[allow(unsafe_code)]
    fn of(jsonb: Jsonb<'_>) -> Self {
        // SAFETY: the datum is a jsonb, which is in one piece with a whole header after this, and stays in memory for as
        // long as the call.
        Self(unsafe {
            let jsonb = pg_sys::pg_detoast_datum(jsonb.0.cast_mut_ptr()).cast::<pg_sys::Jsonb>();
            pg_sys::JsonbIteratorInit(&raw mut (*jsonb).root)
        })
    }

    #[allow(unsafe_code)]
    fn next(&mut self) -> (Token::Type, pg_sys::JsonbValue) {
        let mut value = empty();
        // SAFETY: the iterator is one that PostgreSQL made, or null after the last token, which it allows for.
        let token = unsafe { pg_sys::JsonbIteratorNext(&raw mut self.0, &raw mut value, false) };
        (token, value)
    }
}

fn empty() -> pg_sys::JsonbValue {
    pg_sys::JsonbValue { type_: jbvType::jbvNull, val: Content { boolean: false } }
}

/// A value of PostgreSQL's, by its kind.
enum Part<'a> {
    RawScalar,
    /// A string, or a name. It has no NUL at its end.
    Text(&'a [u8]),
    /// A number, and how many bytes it takes, however long its text is.
    Number(Number<'a>, usize),
    Bool(bool),
    Other,
}

#[allow(unsafe_code)]
fn part<'a>(value: &pg_sys::JsonbValue) -> Part<'a> {
    // SAFETY: the type says which part of the union it is. Text and numbers are within the jsonb that is read, or that is
    // made, and stay as long as it does; a number is a varlena.
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

/// Holds what a value of PostgreSQL's points to until a `jsonb` is made of it.
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
                // In the order in which PostgreSQL looks for them.
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

/// Keeps a list, which stays where it is in memory, and returns where that is and how long it is.
fn kept<T>(lists: &mut Vec<Vec<T>>, mut list: Vec<T>) -> (*mut T, i32) {
    let kept = (list.as_mut_ptr(), count(list.len()));
    lists.push(list);
    kept
}

/// Returns a length as PostgreSQL counts. What the core takes is far shorter.
fn count(len: usize) -> i32 {
    i32::try_from(len).unwrap_or(i32::MAX)
}
