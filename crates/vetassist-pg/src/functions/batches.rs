//! What the procedures that commit after each batch share.

use pgrx::{pg_extern, pg_sys, PgSqlErrorCode};

use crate::errors::{report, Answer};

/// Refuses to go on inside a transaction block, where a procedure cannot commit.
#[pg_extern(volatile, strict, parallel_unsafe, sql = false)]
fn vetassist_forbid_transaction_block(what: &str) -> Answer<()> {
    // SAFETY: reads the state of this backend's transaction.
    if unsafe { pg_sys::IsTransactionBlock() } {
        return Err(report(
            PgSqlErrorCode::ERRCODE_ACTIVE_SQL_TRANSACTION,
            format!("{what} cannot run inside a transaction block"),
            "It commits after each batch. Call it on its own, with autocommit.",
        ));
    }
    Ok(())
}
