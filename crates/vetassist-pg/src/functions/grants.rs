//! Grants that a script of the extension makes for the user.

use pgrx::{pg_extern, pg_sys, search_path, spi, Spi};

/// Lets PostgreSQL take what is granted for the user's, for as long as it lives.
struct OutsideScript {
    was_creating: bool,
}

impl OutsideScript {
    fn new() -> Self {
        // SAFETY: a variable of this process. A script that fails sets it itself.
        unsafe {
            let was_creating = pg_sys::creating_extension;
            pg_sys::creating_extension = false;
            Self { was_creating }
        }
    }
}

impl Drop for OutsideScript {
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe { pg_sys::creating_extension = self.was_creating };
    }
}

/// Runs a GRANT so that it is dumped, also while a script of the extension runs.
#[pg_extern(volatile, strict, parallel_unsafe, sql = false)]
#[search_path(pg_catalog, pg_temp)]
fn vetassist_grant_dumped(command: &str) -> spi::Result<()> {
    let _outside = OutsideScript::new();
    Spi::run(command)
}
