//! Temporary PostgreSQL servers for the tests, the demo and the benchmarks.
//!
//! A [`Postgres`] is an installation: Debian's, or one that is fetched and unpacked. A [`Scratch`] is a copy of an
//! installation, so that the system's stays unchanged. A [`Cluster`] is a server with a data directory, a socket and a log
//! in one folder.

mod apt;
mod bundled;
mod cluster;
mod derived;
mod fetched;
mod postgres;
mod process;
mod scratch;
mod server_user;

pub use anyhow::Result;
pub use apt::install_missing;
pub use cluster::{random_key, Cluster, PORT};
pub use fetched::{cache, find_or_fetch, point_release, DEFAULT_MAJOR, RELEASED};
pub use postgres::{Postgres, SUPPORTED};
pub use process::{as_root, capture, is_root, output, quote, run};
pub use scratch::{Scratch, ALL_VARIABLE, NEWER_VARIABLE, VARIABLE};
