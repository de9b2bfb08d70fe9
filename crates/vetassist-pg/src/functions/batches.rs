//! What the procedures share that work in batches, each in a transaction of its own.
//!
//! They are no security definers, because one cannot commit. Whoever may call one has no right to the tables: each batch
//! runs as their owner, as PostgreSQL's own triggers of foreign keys do.

use core::ffi::CStr;
use std::time::{Duration, Instant};

use pgrx::{
    pg_extern,
    pg_sys::{self, panic::ErrorReport},
    spi::{self, SpiClient},
    PgLogLevel, PgSqlErrorCode,
};

use crate::{
    errors::{Error, Result, SqlResult},
    statements::{connected, failed, one, own_schema},
    values::Text,
};

const HINT: &str = "It commits after each batch. Call it on its own, with autocommit.";

/// The largest batch: what is held in memory of one is in proportion to it.
const LARGEST: i32 = 100_000;

/// A procedure at work.
pub(super) struct Batches {
    /// The schema of the tables, quoted.
    pub(super) schema: String,
    /// The owner of the tables.
    owner: pg_sys::Oid,
    /// How many rows a batch has.
    pub(super) size: i32,
}

impl Batches {
    /// Begins, where the procedure can commit. `call` is how it is called, and `usual` how many rows a batch has where the
    /// caller says nothing.
    pub(super) fn begin(
        fcinfo: pg_sys::FunctionCallInfo,
        call: &CStr,
        size: Option<i32>,
        usual: &'static str,
    ) -> Result<Self> {
        let name = call.to_string_lossy();
        // SAFETY: reads the state of this backend's transaction.
        if unsafe { pg_sys::IsTransactionBlock() } {
            let message = format!("{name} cannot run inside a transaction block");
            return Err(Error::new(PgSqlErrorCode::ERRCODE_ACTIVE_SQL_TRANSACTION, message, HINT));
        }
        if !may_commit(fcinfo) {
            let message =
                format!("{name} cannot run inside a function, or where exceptions are handled");
            return Err(Error::new(PgSqlErrorCode::ERRCODE_ACTIVE_SQL_TRANSACTION, message, HINT));
        }
        // SAFETY: raises an error, which names the call, where nothing may be written.
        unsafe { pg_sys::PreventCommandIfReadOnly(call.as_ptr()) };
        let Some(size) = size.filter(|size| *size >= 1) else {
            let code = PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE;
            return Err(Error::new(code, "batch_size must be at least 1", usual));
        };
        let (schema, owner) = connected(|client| {
            pin_search_path(client).map_err(failed)?;
            let schema = own_schema(client)?;
            let owner = client.select(
                "SELECT relowner FROM pg_class WHERE oid = $1::regclass",
                Some(1),
                &[format!("{schema}.vetassist_users").into()],
            );
            Ok((schema, one(owner.and_then(|rows| rows.first().get_one()))?))
        })?;
        Ok(Self { schema, owner, size: size.min(LARGEST) })
    }

    /// Runs a batch in a transaction of its own, as the owner of the tables.
    pub(super) fn run<T>(&self, batch: impl FnOnce(&mut SpiClient<'_>) -> Result<T>) -> Result<T> {
        commit();
        connected(|client| {
            pin_search_path(client).map_err(failed)?;
            let (mut caller, mut context) = (pg_sys::Oid::INVALID, 0);
            // SAFETY: an error ends the transaction, which puts the caller back; and nothing handles one before that, as
            // no subtransaction is open.
            unsafe {
                pg_sys::GetUserIdAndSecContext(&raw mut caller, &raw mut context);
                let inside = context | pg_sys::SECURITY_LOCAL_USERID_CHANGE.cast_signed();
                pg_sys::SetUserIdAndSecContext(self.owner, inside);
            }
            let outcome = batch(client);
            // SAFETY: what they were.
            unsafe { pg_sys::SetUserIdAndSecContext(caller, context) };
            outcome
        })
    }

    /// Commits the last batch.
    pub(super) fn end(self) {
        commit();
    }
}

/// Whether what is called may commit: a procedure that is called by a client, or by other procedures and DO blocks alone.
fn may_commit(fcinfo: pg_sys::FunctionCallInfo) -> bool {
    // SAFETY: PostgreSQL passes the call's own information; every node begins with its tag, which says what it is.
    unsafe {
        let context = (*fcinfo).context.cast::<pg_sys::CallContext>();
        !context.is_null()
            && (*context).type_ == pg_sys::NodeTag::T_CallContext
            && !(*context).atomic
            && !pg_sys::IsSubTransaction()
    }
}

/// Commits, and begins the next transaction. Whatever this database's default is, it sees what others commit meanwhile: rows
/// are locked and looked at again, and there is nothing that a serialization failure would save.
fn commit() {
    // SAFETY: `may_commit` was asked. The level is set as SET TRANSACTION would, before the first snapshot is taken.
    unsafe {
        pg_sys::SPI_connect_ext(pg_sys::SPI_OPT_NONATOMIC.cast_signed());
        pg_sys::SPI_commit();
        pg_sys::SPI_finish();
        pg_sys::XactIsoLevel = pg_sys::XACT_READ_COMMITTED.cast_signed();
    }
}

/// Until the transaction ends, names are PostgreSQL's own, or written with their schema.
fn pin_search_path(client: &SpiClient<'_>) -> spi::Result<()> {
    let pinned = "SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true)";
    client.select(pinned, Some(1), &[]).map(|_| ())
}

/// How far a procedure is.
pub(super) struct Progress {
    /// What is done to a row, as the report names it.
    done: &'static str,
    /// How many rows there were.
    total: i64,
    seen: i64,
    changed: i64,
    began: Instant,
    told: Instant,
}

impl Progress {
    pub(super) fn new(done: &'static str, total: i64) -> Self {
        let now = Instant::now();
        Self { done, total, seen: 0, changed: 0, began: now, told: now }
    }

    /// Adds a batch, and tells the client how far it is if that was a second ago.
    pub(super) fn add(&mut self, seen: i32, changed: i32) {
        self.seen += i64::from(seen);
        self.changed += i64::from(changed);
        if self.told.elapsed() >= Duration::from_secs(1) {
            self.tell();
        }
    }

    /// Tells the client how far it is.
    #[allow(clippy::cast_precision_loss)] // for people
    pub(super) fn tell(&mut self) {
        self.told = Instant::now();
        let Self { done, seen, changed, .. } = self;
        let total = self.total.max(*seen);
        let rate = *seen as f64 / self.began.elapsed().as_secs_f64().max(0.001);
        let left = ((total - *seen) as f64 / rate.max(0.001)).ceil();
        let told = format!(
            "{seen} of {total} rows done, {changed} {done}, {rate:.0} rows/s, about {left:.0} s left"
        );
        ErrorReport::new(PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION, told, "vetassist")
            .report(PgLogLevel::NOTICE);
    }

    /// How many rows were changed.
    pub(super) fn changed(&self) -> i64 {
        self.changed
    }
}

/// Warns the client.
pub(super) fn warn(message: impl Into<String>, hint: &'static str) {
    ErrorReport::from(Error::new(PgSqlErrorCode::ERRCODE_WARNING, message, hint))
        .report(PgLogLevel::WARNING);
}

/// Refuses to go on inside a transaction block. Of versions before 0.3.0, whose procedures are in SQL.
#[pg_extern(volatile, strict, parallel_unsafe, sql = false)]
fn vetassist_forbid_transaction_block(what: Text<'_>) -> SqlResult<()> {
    // SAFETY: reads the state of this backend's transaction.
    if unsafe { pg_sys::IsTransactionBlock() } {
        let message = format!("{} cannot run inside a transaction block", what.to_readable()?);
        return Err(
            Error::new(PgSqlErrorCode::ERRCODE_ACTIVE_SQL_TRANSACTION, message, HINT).into()
        );
    }
    Ok(())
}
