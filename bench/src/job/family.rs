//! Holds what these measurements have in common.

pub(super) const FAMILY: &str = "job";

/// As many as the clients of a pool.
pub(super) const CONNECTIONS: usize = 8;
