//! Constants that these measurements share.

pub(super) const FAMILY: &str = "job";

/// The number of connections, as many as in a usual pool.
pub(crate) const CONNECTIONS: usize = 8;
