//! Types for arguments and results, as PostgreSQL passes them, without unnecessary copies. Code that runs for each token is
//! inlined: besides the work of the core, calls are a large part of a function's time.

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
