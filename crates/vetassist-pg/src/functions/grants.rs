//! Grants in a script of the extension that must be dumped.

use std::ffi::CString;

use pgrx::{pg_extern, pg_sys, search_path, Spi};

use crate::{errors::SqlResult, statements::internal, values::Text};

/// While it exists, PostgreSQL treats a GRANT as one of the user, not as one of the extension's script.
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

/// Sets whether PostgreSQL assumes that a script of an extension runs, and returns the former value.
#[allow(unsafe_code)]
fn set_creating(is_creating: bool) -> bool {
    // SAFETY: this is a variable of this process. PostgreSQL itself resets it if a script fails.
    unsafe { core::ptr::replace(&raw mut pg_sys::creating_extension, is_creating) }
}

/// Runs a GRANT so that `pg_dump` dumps it, even while a script of the extension runs.
#[allow(unsafe_code)]
#[pg_extern(volatile, strict, parallel_unsafe, sql = false)]
#[search_path(pg_catalog, pg_temp)]
fn vetassist_grant_dumped(command: Text<'_>) -> SqlResult<()> {
    // The command is not converted: it already has the database's encoding.
    let command = CString::new(command.as_bytes()).map_err(|_| internal("a command has a NUL"))?;
    let _outside = OutsideScript::new();
    let done = Spi::connect_mut(|_| {
        // SAFETY: SPI is connected, and the command ends with a NUL.
        unsafe { pg_sys::SPI_execute(command.as_ptr(), false, 0) }
    });
    if done < 0 {
        return Err(internal("the command cannot be run").into());
    }
    Ok(())
}
