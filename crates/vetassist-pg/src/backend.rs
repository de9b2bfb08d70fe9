//! Reads what PostgreSQL says of this process.

use pgrx::pg_sys;

/// Makes a function of each: its name, its type and what it reads.
macro_rules! variables {
    ($($(#[$comment:meta])* $name:ident: $type:ty = $read:expr;)*) => {
        $(
            $(#[$comment])*
            #[inline(always)]
            #[allow(unsafe_code)]
            pub(crate) fn $name() -> $type {
                // SAFETY: reads the clock or a variable of this process, by PostgreSQL's own function where there is one.
                // Only this thread and its signal handlers write such a variable, and none of them frees what it has.
                unsafe { $read }
            }
        )*
    };
}

variables! {
    /// Returns the number of the database's encoding, which is known before any function can be called.
    encoding: i32 = pg_sys::GetDatabaseEncoding();

    /// Returns whether the client began a transaction block.
    is_in_transaction_block: bool = pg_sys::IsTransactionBlock();

    /// Returns whether there is a savepoint, or a handler of exceptions around the call.
    is_in_subtransaction: bool = pg_sys::IsSubTransaction();

    /// Returns whether the transaction may not write.
    is_read_only: bool = pg_sys::XactReadOnly;

    /// Returns whether this process applies what logical replication brings.
    is_applying_replication: bool = pg_sys::IsLogicalWorker();

    /// Returns whether the server is starting and loads its libraries.
    is_preloading: bool = pg_sys::process_shared_preload_libraries_in_progress;

    /// Returns whether a CREATE EXTENSION or an ALTER EXTENSION runs its script.
    is_creating_extension: bool = pg_sys::creating_extension;

    /// Returns whether the statement is to be cancelled, or the process to end.
    is_interrupted: bool = (&raw const pg_sys::QueryCancelPending).read_volatile() != 0
        || (&raw const pg_sys::ProcDiePending).read_volatile() != 0;

    /// Returns when the server's settings were last read.
    configured_at: pg_sys::TimestampTz = pg_sys::PgReloadTime;

    /// Returns what `now()` returns.
    transaction_time: pg_sys::TimestampTz = pg_sys::GetCurrentTransactionStartTimestamp();

    /// Returns what `clock_timestamp()` returns.
    clock_time: pg_sys::TimestampTz = pg_sys::GetCurrentTimestamp();
}
