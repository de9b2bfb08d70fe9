//! What an operator should look at.

use core::sync::atomic::{AtomicBool, Ordering};

use pgrx::{pg_extern, pg_sys};

/// Set before the server forks, so that each of its processes has it.
static IS_PRELOADED: AtomicBool = AtomicBool::new(false);

/// Called once, when the library is loaded.
pub(super) fn init() {
    // SAFETY: reads a variable of this process.
    let preloading = unsafe { pg_sys::process_shared_preload_libraries_in_progress };
    IS_PRELOADED.store(preloading, Ordering::Relaxed);
}

/// Returns whether the library was loaded when the server started.
#[pg_extern(stable, strict, parallel_safe, sql = false)]
fn vetassist_is_preloaded() -> bool {
    IS_PRELOADED.load(Ordering::Relaxed)
}
