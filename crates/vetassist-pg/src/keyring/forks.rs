//! Counts forks, so that a child process never uses a nonce that its parent drew, or a ring that the fork wiped.

use core::sync::atomic::{AtomicU64, Ordering};
use std::io;

/// The number of forks between the process that called [`count`] and this one.
static FORKS: AtomicU64 = AtomicU64::new(0);

extern "C" fn forked() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// Begins to count. It is called once.
#[allow(unsafe_code)]
pub(super) fn count() -> io::Result<()> {
    // SAFETY: the handler only adds to an atomic number, and stays in memory: PostgreSQL never unloads a library.
    match unsafe { libc::pthread_atfork(None, None, Some(forked)) } {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// Returns the number of forks, which the core uses as the epoch of nonces.
#[inline(always)]
pub(crate) fn forks() -> u64 {
    FORKS.load(Ordering::Relaxed)
}
