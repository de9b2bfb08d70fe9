//! What the procedures that commit after each batch share.

use pgrx::{pg_extern, pg_sys, PgSqlErrorCode};

use crate::{
    errors::{Error, SqlResult},
    values::Text,
};

/// Refuses to go on inside a transaction block, where a procedure cannot commit.
#[pg_extern(volatile, strict, parallel_unsafe, sql = false)]
fn vetassist_forbid_transaction_block(what: Text<'_>) -> SqlResult<()> {
    // SAFETY: reads the state of this backend's transaction.
    if unsafe { pg_sys::IsTransactionBlock() } {
        let message = format!("{} cannot run inside a transaction block", what.to_readable()?);
        return Err(Error::new(
            PgSqlErrorCode::ERRCODE_ACTIVE_SQL_TRANSACTION,
            message,
            "It commits after each batch. Call it on its own, with autocommit.",
        )
        .into());
    }
    Ok(())
}
