//! Grants that a script of the extension makes for the user.

use std::ffi::CString;

use pgrx::{pg_extern, pg_sys, search_path, Spi};

use crate::{errors::SqlResult, statements::internal, values::Text};

/// Lets PostgreSQL take what is granted for the user's, for as long as it lives.
struct OutsideScript {
    was_creating: bool,
}

impl OutsideScript {
    fn new() -> Self {
        Self { was_creating: set_creating(false) }
    }
}

impl Drop for OutsideScript {
    fn drop(&mut self) {
        set_creating(self.was_creating);
    }
}

/// Sets whether PostgreSQL takes a script of the extension to be running, and returns whether it did.
#[allow(unsafe_code)]
fn set_creating(is_creating: bool) -> bool {
    // SAFETY: a variable of this process, which PostgreSQL sets itself where a script fails.
    unsafe { core::ptr::replace(&raw mut pg_sys::creating_extension, is_creating) }
}

/// Runs a GRANT so that it is dumped, also while a script of the extension runs.
#[allow(unsafe_code)]
#[pg_extern(volatile, strict, parallel_unsafe, sql = false)]
#[search_path(pg_catalog, pg_temp)]
fn vetassist_grant_dumped(command: Text<'_>) -> SqlResult<()> {
    // As it is: it is in the database's encoding.
    let command = CString::new(command.as_bytes()).map_err(|_| internal("a command has a NUL"))?;
    let _outside = OutsideScript::new();
    let done = Spi::connect_mut(|_| {
        // SAFETY: PostgreSQL's interface for statements is connected, and the command ends with a NUL.
        unsafe { pg_sys::SPI_execute(command.as_ptr(), false, 0) }
    });
    if done < 0 {
        return Err(internal("a command is none that can be run").into());
    }
    Ok(())
}
