//! Counts forks, so that a child never uses a nonce that its parent drew, or a ring that a fork wiped.

use core::sync::atomic::{AtomicU64, Ordering};
use std::io;

/// The forks between the process that called [`count`] and this one.
static FORKS: AtomicU64 = AtomicU64::new(0);

extern "C" fn forked() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// Begins to count; called once.
#[allow(unsafe_code)]
pub(super) fn count() -> io::Result<()> {
    // SAFETY: the handler only adds to an atomic number, and stays in memory: PostgreSQL never unloads a library.
    match unsafe { libc::pthread_atfork(None, None, Some(forked)) } {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// Returns how many forks there were: what the core calls the epoch of nonces.
#[inline(always)]
pub(crate) fn forks() -> u64 {
    FORKS.load(Ordering::Relaxed)
}
