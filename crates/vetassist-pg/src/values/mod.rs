//! What crosses between SQL and Rust: arguments and results as PostgreSQL passes them, without a copy where one can be
//! spared. What each token passes through is inlined: calls are much of what a function costs beside the core's work.

mod bytes;
mod inet;
mod jsonb;
mod text;
mod timestamp;
mod uuid;

pub(crate) use bytes::{prefetch, Bytea, Bytes, Plaintext};
pub(crate) use inet::InetArg;
pub(crate) use jsonb::Jsonb;
pub(crate) use text::{Text, TextArg, TextDatum, Utf8};
pub(crate) use timestamp::Instant;
pub(crate) use uuid::{core_uuid, pg_uuid, UserId};
