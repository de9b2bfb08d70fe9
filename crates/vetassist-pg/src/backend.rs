//! Reads variables of this PostgreSQL process.

use pgrx::pg_sys;

/// Makes a function for each variable from its name, its type and the expression that reads it.
macro_rules! variables {
    ($($(#[$comment:meta])* $name:ident: $type:ty = $read:expr;)*) => {
        $(
            $(#[$comment])*
            #[inline(always)]
            #[allow(unsafe_code)]
            pub(crate) fn $name() -> $type {
                // SAFETY: this reads the clock or a variable of this process, with PostgreSQL's function if there is one.
                // Only this thread and its signal handlers write these variables, and they free no memory that is read.
                unsafe { $read }
            }
        )*
    };
}

variables! {
    /// Returns the number of the database's encoding. PostgreSQL sets it before it calls any function.
    encoding: i32 = pg_sys::GetDatabaseEncoding();

    /// Returns whether the client began a transaction block.
    is_in_transaction_block: bool = pg_sys::IsTransactionBlock();

    /// Returns whether there is a savepoint, or an exception handler around the call.
    is_in_subtransaction: bool = pg_sys::IsSubTransaction();

    /// Returns whether the transaction may not write.
    is_read_only: bool = pg_sys::XactReadOnly;

    /// Returns whether this process applies changes of logical replication.
    is_applying_replication: bool = pg_sys::IsLogicalWorker();

    /// Returns whether the server is starting and loads its libraries.
    is_preloading: bool = pg_sys::process_shared_preload_libraries_in_progress;

    /// Returns whether the script of a CREATE EXTENSION or an ALTER EXTENSION runs.
    is_creating_extension: bool = pg_sys::creating_extension;

    /// Returns whether the statement must be cancelled, or the process must end.
    is_interrupted: bool = (&raw const pg_sys::QueryCancelPending).read_volatile() != 0
        || (&raw const pg_sys::ProcDiePending).read_volatile() != 0;

    /// Returns the time when the server's settings were last read.
    configured_at: pg_sys::TimestampTz = pg_sys::PgReloadTime;

    /// Returns the time of `now()`.
    transaction_time: pg_sys::TimestampTz = pg_sys::GetCurrentTransactionStartTimestamp();

    /// Returns the time of `clock_timestamp()`.
    clock_time: pg_sys::TimestampTz = pg_sys::GetCurrentTimestamp();
}
