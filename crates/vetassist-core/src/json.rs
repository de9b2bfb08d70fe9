//! JSON values, with limits on their size and depth.
//!
//! A [`Builder`] builds a [`Value`] and counts its size. The extension passes the parts of a `jsonb` to it;
//! with feature `serde_json`, text can be read. The caller chooses the type of numbers. This module prints
//! no number, because the text of a number may be far longer than the number (`1e131071` is 10 bytes in a
//! `jsonb`).

#[cfg(feature = "serde_json")]
mod text;

use alloc::{borrow::ToOwned, string::String, vec::Vec};
use core::mem;

use crate::error::JsonError;

/// The most bytes that a value may have, as compact JSON without escapes: 64 KiB. The caller of the builder
/// states the size of a number.
pub const MAX_BYTES: usize = 64 << 10;
/// The most arrays and objects that may be nested.
pub const MAX_DEPTH: usize = 64;

/// A JSON value. A value from a [`Builder`] is within the limits of size and depth.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<N> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(N),
    /// Text.
    String(String),
    /// An array.
    Array(Vec<Value<N>>),
    /// An object: its members in order.
    Object(Vec<(String, Value<N>)>),
}

/// A number of a [`Value`].
pub trait Number {
    /// Returns the number if it is whole, not negative, and fits.
    fn as_u64(&self) -> Option<u64>;
}

impl Number for u64 {
    fn as_u64(&self) -> Option<u64> {
        Some(*self)
    }
}

/// Builds a [`Value`] from its parts, in the order in which its text has them.
#[derive(Debug)]
pub struct Builder<N> {
    open: Vec<Open<N>>,
    root: Option<Value<N>>,
    bytes_left: usize,
}

#[derive(Debug)]
enum Open<N> {
    Array(Vec<Value<N>>),
    /// The members that are complete, and the name of the next.
    Object(Vec<(String, Value<N>)>, Option<String>),
}

impl<N> Builder<N> {
    /// Begins a value.
    #[must_use]
    pub const fn new() -> Self {
        Self { open: Vec::new(), root: None, bytes_left: MAX_BYTES }
    }

    /// Adds `null`.
    ///
    /// # Errors
    /// [`JsonError`], as for all methods: the value exceeds a limit, or no value is possible at this place.
    pub fn null(&mut self) -> Result<(), JsonError> {
        self.take(4)?;
        self.add(Value::Null)
    }

    /// Adds `true` or `false`.
    ///
    /// # Errors
    /// As [`null`](Self::null).
    pub fn bool(&mut self, value: bool) -> Result<(), JsonError> {
        self.take(if value { 4 } else { 5 })?;
        self.add(Value::Bool(value))
    }

    /// Adds a number that takes so many bytes.
    ///
    /// # Errors
    /// As [`null`](Self::null).
    pub fn number(&mut self, value: N, bytes: usize) -> Result<(), JsonError> {
        self.take(bytes)?;
        self.add(Value::Number(value))
    }

    /// Adds text.
    ///
    /// # Errors
    /// As [`null`](Self::null).
    pub fn string(&mut self, text: &str) -> Result<(), JsonError> {
        self.take(text.len().saturating_add(2))?;
        self.add(Value::String(text.to_owned()))
    }

    /// Begins an array.
    ///
    /// # Errors
    /// As [`null`](Self::null).
    pub fn begin_array(&mut self) -> Result<(), JsonError> {
        self.begin(Open::Array(Vec::new()))
    }

    /// Begins an object.
    ///
    /// # Errors
    /// As [`null`](Self::null).
    pub fn begin_object(&mut self) -> Result<(), JsonError> {
        self.begin(Open::Object(Vec::new(), None))
    }

    /// Names the next member of the object.
    ///
    /// # Errors
    /// As [`null`](Self::null).
    pub fn name(&mut self, name: &str) -> Result<(), JsonError> {
        self.take(name.len().saturating_add(3))?;
        match self.open.last_mut() {
            Some(Open::Object(_, next @ None)) => {
                *next = Some(name.to_owned());
                Ok(())
            }
            _ => Err(JsonError::Malformed),
        }
    }

    /// Ends the innermost array or object.
    ///
    /// # Errors
    /// As [`null`](Self::null).
    pub fn end(&mut self) -> Result<(), JsonError> {
        let value = match self.open.pop() {
            Some(Open::Array(items)) => Value::Array(items),
            Some(Open::Object(members, None)) => Value::Object(members),
            _ => return Err(JsonError::Malformed),
        };
        self.add(value)
    }

    /// Returns the value.
    ///
    /// # Errors
    /// [`JsonError::Malformed`] if it is not complete.
    pub fn finish(mut self) -> Result<Value<N>, JsonError> {
        if !self.open.is_empty() {
            return Err(JsonError::Malformed);
        }
        mem::take(&mut self.root).ok_or(JsonError::Malformed)
    }

    fn begin(&mut self, container: Open<N>) -> Result<(), JsonError> {
        if self.open.len() == MAX_DEPTH {
            return Err(JsonError::TooDeep);
        }
        self.take(2)?;
        self.open.push(container);
        Ok(())
    }

    /// Counts bytes, and the comma that separates them from others.
    fn take(&mut self, bytes: usize) -> Result<(), JsonError> {
        let comma = usize::from(match self.open.last() {
            Some(Open::Array(items)) => !items.is_empty(),
            Some(Open::Object(members, name)) => !members.is_empty() && name.is_none(),
            None => false,
        });
        self.bytes_left = self
            .bytes_left
            .checked_sub(bytes)
            .and_then(|left| left.checked_sub(comma))
            .ok_or(JsonError::TooLarge)?;
        Ok(())
    }

    fn add(&mut self, value: Value<N>) -> Result<(), JsonError> {
        match self.open.last_mut() {
            Some(Open::Array(items)) => items.push(value),
            Some(Open::Object(members, name)) => {
                members.push((name.take().ok_or(JsonError::Malformed)?, value));
            }
            None if self.root.is_none() => self.root = Some(value),
            None => return Err(JsonError::Malformed),
        }
        Ok(())
    }
}

impl<N> Default for Builder<N> {
    fn default() -> Self {
        Self::new()
    }
}
