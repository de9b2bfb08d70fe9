//! Procedures that work in batches, each in a transaction of its own, and that report their progress.
//!
//! The procedures are not security definers, because a security definer cannot commit. Their callers have no rights on the
//! tables. So each batch runs with the rights of the tables' owner, as PostgreSQL's own triggers of foreign keys do.

use core::ffi::CStr;
use std::time::{Duration, Instant};

use pgrx::{
    pg_extern,
    pg_sys::{self, panic::ErrorReport},
    spi::{self, SpiClient},
    PgLogLevel, PgSqlErrorCode,
};

use crate::{
    backend, call,
    errors::{Error, Result, SqlResult},
    owner::{as_role, owner_of_tables},
    statements::{connected, failed, own_schema},
    values::Text,
};

const HINT: &str = "It commits after each batch. Call it on its own, with autocommit.";

/// The most rows of a batch. The memory for a batch is in proportion to its rows.
const LARGEST: i32 = 100_000;

/// A running procedure.
pub(super) struct Batches {
    /// The schema of the tables, quoted.
    pub(super) schema: String,
    /// The owner of the tables.
    owner: pg_sys::Oid,
    /// The number of rows of a batch.
    pub(super) size: i32,
}

impl Batches {
    /// Begins, or returns an error if the procedure cannot commit. `call` is the text of the call, for messages. `usual` is
    /// a hint with the default of `batch_size`.
    #[allow(unsafe_code)]
    pub(super) fn begin(
        fcinfo: pg_sys::FunctionCallInfo,
        call: &CStr,
        size: Option<i32>,
        usual: &'static str,
    ) -> Result<Self> {
        let name = call.to_string_lossy();
        if backend::is_in_transaction_block() {
            let message = format!("{name} cannot run inside a transaction block");
            return Err(Error::new(PgSqlErrorCode::ERRCODE_ACTIVE_SQL_TRANSACTION, message, HINT));
        }
        if !may_commit(fcinfo) {
            let message =
                format!("{name} cannot run inside a function, or where exceptions are handled");
            return Err(Error::new(PgSqlErrorCode::ERRCODE_ACTIVE_SQL_TRANSACTION, message, HINT));
        }
        // SAFETY: this raises an error, which names the call, if the transaction may not write.
        unsafe { pg_sys::PreventCommandIfReadOnly(call.as_ptr()) };
        let Some(size) = size.filter(|size| *size >= 1) else {
            let code = PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE;
            return Err(Error::new(code, "batch_size must be at least 1", usual));
        };
        let (schema, owner) = connected(|client| {
            pin_search_path(client).map_err(failed)?;
            let schema = own_schema(client)?;
            Ok((schema, owner_of_tables(client)?))
        })?;
        Ok(Self { schema, owner, size: size.min(LARGEST) })
    }

    /// Runs a batch in a transaction of its own, as the owner of the tables.
    #[allow(unsafe_code)]
    pub(super) fn run<T>(&self, batch: impl FnOnce(&mut SpiClient<'_>) -> Result<T>) -> Result<T> {
        commit();
        // SAFETY: this sets the variable as SET TRANSACTION does, before the first snapshot. No matter which level is the
        // default of the database, a batch must see what other sessions commit in the meantime: it locks rows and reads them
        // again.
        unsafe { pg_sys::XactIsoLevel = pg_sys::XACT_READ_COMMITTED.cast_signed() };
        connected(|client| {
            pin_search_path(client).map_err(failed)?;
            as_role(self.owner, || batch(client))
        })
    }

    /// Commits the last batch.
    pub(super) fn end(self) {
        commit();
    }
}

/// Returns whether a procedure may commit. It may if a client called it, directly or through procedures and DO blocks only.
fn may_commit(fcinfo: pg_sys::FunctionCallInfo) -> bool {
    let context: Option<&pg_sys::CallContext> =
        call::context(fcinfo, pg_sys::NodeTag::T_CallContext);
    context.is_some_and(|context| !context.atomic) && !backend::is_in_subtransaction()
}

/// Commits, and begins the next transaction.
#[allow(unsafe_code)]
fn commit() {
    // SAFETY: `may_commit` returned true, and this procedure has no other connection to SPI open.
    unsafe {
        pg_sys::SPI_connect_ext(pg_sys::SPI_OPT_NONATOMIC.cast_signed());
        pg_sys::SPI_commit();
        pg_sys::SPI_finish();
    }
}

/// Sets the search path to PostgreSQL's own schemas until the transaction ends.
fn pin_search_path(client: &SpiClient<'_>) -> spi::Result<()> {
    let pinned = "SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true)";
    client.select(pinned, Some(1), &[]).map(|_| ())
}

/// The progress of a procedure.
pub(super) struct Progress {
    /// The words for changed rows in the report.
    done: &'static str,
    /// The number of rows at the beginning.
    total: i64,
    seen: i64,
    changed: i64,
    began: Instant,
    reported: Instant,
}

impl Progress {
    pub(super) fn new(done: &'static str, total: i64) -> Self {
        let now = Instant::now();
        Self { done, total, seen: 0, changed: 0, began: now, reported: now }
    }

    /// Adds a batch. Reports the progress to the client if the last report is a second old.
    pub(super) fn add(&mut self, seen: i32, changed: i32) {
        self.seen += i64::from(seen);
        self.changed += i64::from(changed);
        if self.reported.elapsed() >= Duration::from_secs(1) {
            self.report();
        }
    }

    /// Reports the progress to the client.
    #[allow(clippy::cast_precision_loss)] // the figures are for people
    pub(super) fn report(&mut self) {
        self.reported = Instant::now();
        let Self { done, seen, changed, .. } = self;
        let total = self.total.max(*seen);
        let rate = *seen as f64 / self.began.elapsed().as_secs_f64().max(0.001);
        let left = ((total - *seen) as f64 / rate.max(0.001)).ceil();
        let message = format!(
            "{seen} of {total} rows done, {changed} {done}, {rate:.0} rows/s, about {left:.0} s left"
        );
        ErrorReport::new(PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION, message, "vetassist")
            .report(PgLogLevel::NOTICE);
    }

    /// Returns the number of changed rows.
    pub(super) fn changed(&self) -> i64 {
        self.changed
    }
}

/// Raises an error inside a transaction block. Versions before 0.3.0 call it, whose procedures are in SQL.
#[pg_extern(volatile, strict, parallel_unsafe, sql = false)]
fn vetassist_forbid_transaction_block(what: Text<'_>) -> SqlResult<()> {
    if backend::is_in_transaction_block() {
        let message = format!("{} cannot run inside a transaction block", what.to_readable()?);
        return Err(
            Error::new(PgSqlErrorCode::ERRCODE_ACTIVE_SQL_TRANSACTION, message, HINT).into()
        );
    }
    Ok(())
}
