//! The guard that keeps the audit trail append-only, and what lets this library's own statements pass it.

use core::cell::Cell;

use pgrx::{
    heap_tuple::{PgHeapTuple, PgHeapTupleError},
    pg_trigger, AllocatedByPostgres, PgLogLevel, PgSqlErrorCode, PgTrigger, WhoAllocated,
};

use crate::errors::report;

thread_local! {
    /// Whether the statement that runs is one of this library's. No SQL can set it.
    static OPEN: Cell<bool> = const { Cell::new(false) };
}

/// Opens the trail for as long as it lives, also if the statement fails.
pub(super) struct Opened;

impl Opened {
    pub(super) fn new() -> Self {
        OPEN.set(true);
        Self
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        OPEN.set(false);
    }
}

/// Refuses UPDATE, DELETE and TRUNCATE, whoever asks.
#[pg_trigger]
fn vetassist_audit_guard<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, impl WhoAllocated>>, PgHeapTupleError> {
    let _ = trigger;
    if !OPEN.get() {
        report(
            PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
            "the audit trail is append-only",
            "vetassist_purge_audit() deletes what is older than the time that the trail is kept.",
        )
        .report(PgLogLevel::ERROR);
    }
    Ok(None::<PgHeapTuple<'a, AllocatedByPostgres>>)
}
