//! Takes arguments and results across between SQL and Rust as PostgreSQL passes them, without a copy where one can be
//! spared. What each token passes through is inlined: calls are much of what a function costs beside the core's work.

#[macro_use]
mod macros;

mod bytes;
mod event_trigger;
mod inet;
mod jsonb;
mod text;
mod timestamp;
mod uuid;

pub(crate) use bytes::{prefetch, Bytea, Bytes, WipedBytea};
pub(crate) use event_trigger::EventTrigger;
pub(crate) use inet::Inet;
pub(crate) use jsonb::{Jsonb, Number};
pub(crate) use text::{readable, Text, TextResult};
pub(crate) use timestamp::Timestamp;
pub(crate) use uuid::Uuid;
