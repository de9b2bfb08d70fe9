//! Unique numbers for names.

use std::sync::atomic::{AtomicU32, Ordering};

/// Returns a number that this process has not used yet.
pub(crate) fn next() -> u32 {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed)
}
