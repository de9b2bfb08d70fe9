//! The guard that keeps the audit trail append-only, except for announced statements of this library.

use core::{cell::RefCell, num::NonZeroUsize};
use std::collections::{HashMap, HashSet};

use pgrx::{
    heap_tuple::{PgHeapTuple, PgHeapTupleError},
    htup::heap_getattr_raw,
    pg_sys, pg_trigger, AllocatedByPostgres, PgList, PgSqlErrorCode, PgTrigger, PgTriggerError,
    PgTriggerLevel, PgTriggerOperation, PgTupleDesc, WhoAllocated,
};

use crate::{backend::is_applying_replication, errors::Error, statements::internal};

/// A change of the trail that the guard allows, with the ids of its rows.
pub(super) enum Change {
    /// Deletes these rows.
    Purge(HashSet<i64>),
    /// Clears only the metadata and the address hash of these rows.
    Erase(HashSet<i64>),
    /// Replaces only the address hash of each of these rows, by the given hash.
    Rehash(HashMap<i64, String>),
}

/// A change that the guard allows now.
struct Announced {
    change: Change,
    /// Set when the announced statement begins. A second statement, such as one of another trigger, is refused.
    has_begun: bool,
}

thread_local! {
    /// The change of this library's statement that runs now. No SQL can set it.
    static ANNOUNCED: RefCell<Option<Announced>> = const { RefCell::new(None) };
}

/// Restores the change that was announced before, even if the statement failed.
struct Restored(Option<Announced>);

impl Drop for Restored {
    fn drop(&mut self) {
        ANNOUNCED.replace(self.0.take());
    }
}

/// Announces `change` to the guard while `run` runs its one statement.
pub(super) fn announce<T>(change: Change, run: impl FnOnce() -> T) -> T {
    let announced = Announced { change, has_begun: false };
    let _restored = Restored(ANNOUNCED.replace(Some(announced)));
    run()
}

/// Refuses UPDATE, DELETE and TRUNCATE to every role: before the statement, and after each row.
#[pg_trigger]
fn vetassist_audit_guard<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, impl WhoAllocated>>, PgHeapTupleError> {
    let passes = match (trigger.level(), trigger.op()) {
        // Logical replication truncates with a statement, but changes rows without one.
        (PgTriggerLevel::Statement, Ok(PgTriggerOperation::Truncate)) => is_applying_replication(),
        (PgTriggerLevel::Statement, _) => begins(),
        (PgTriggerLevel::Row, _) => is_applying_replication() || is_announced(trigger),
    };
    if !passes {
        Error::new(
            PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
            "the audit trail is append-only",
            "Use vetassist_purge_audit() to delete rows that need not be kept any longer.",
        )
        .raise()
    }
    Ok(None::<PgHeapTuple<'a, AllocatedByPostgres>>)
}

/// Returns whether the beginning statement is the announced one.
fn begins() -> bool {
    ANNOUNCED.with_borrow_mut(|announced| {
        announced
            .as_mut()
            .is_some_and(|announced| !core::mem::replace(&mut announced.has_begun, true))
    })
}

/// Returns whether the change of a row is the announced one.
fn is_announced(trigger: &PgTrigger<'_>) -> bool {
    let Some(old) = trigger.old() else { return false };
    let Ok(Some(id)) = old.get_by_name::<i64>("id") else { return false };
    ANNOUNCED.with_borrow(|announced| {
        match (announced.as_ref().map(|announced| &announced.change), trigger.new()) {
            (Some(Change::Purge(ids)), None) => ids.contains(&id),
            (Some(Change::Rehash(hashes)), Some(new)) => {
                let stored = new.get_by_name::<&str>("ip_hash");
                let as_named = matches!((stored, hashes.get(&id)), (Ok(Some(stored)), Some(hash)) if stored == hash);
                as_named && differs_by(trigger, old, new, |name, _| (name == "ip_hash").then_some(true))
            }
            (Some(Change::Erase(ids)), Some(new)) => {
                ids.contains(&id)
                    && differs_by(trigger, old, new, |name, is_null| {
                        ["event_data", "ip_hash"].contains(&name).then_some(is_null)
                    })
            }
            _ => false,
        }
    })
}

/// Returns whether a row differs from its old version only as allowed. `judge` gets the name of a column and whether it is
/// NULL now. It returns whether the new value is allowed, or none for a column that must not change.
#[allow(unsafe_code)]
fn differs_by(
    trigger: &PgTrigger<'_>,
    old: PgHeapTuple<'_, AllocatedByPostgres>,
    new: PgHeapTuple<'_, AllocatedByPostgres>,
    judge: impl Fn(&str, bool) -> Option<bool>,
) -> bool {
    let Ok(table) = trigger.relation() else { return false };
    let columns = table.tuple_desc();
    let (old, new) = (old.into_pg(), new.into_pg());
    columns.iter().enumerate().all(|(index, column)| {
        let Some(number) = NonZeroUsize::new(index + 1) else { return false };
        // SAFETY: both rows belong to the trigger's table, whose columns these are, and each value has its column's type.
        unsafe {
            let old = heap_getattr_raw(old, number, columns.as_ptr());
            let new = heap_getattr_raw(new, number, columns.as_ptr());
            judge(column.name(), new.is_none()).unwrap_or_else(|| match (old, new) {
                (Some(old), Some(new)) => {
                    pg_sys::datum_image_eq(old, new, column.attbyval, column.attlen.into())
                }
                (old, new) => old.is_none() && new.is_none(),
            })
        }
    })
}

/// Gives a row the next id, unless the table's owner or logical replication inserts it.
#[allow(unsafe_code)]
#[pg_trigger]
fn vetassist_audit_id<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, impl WhoAllocated>>, PgTriggerError> {
    let table = trigger.relation()?;
    // SAFETY: this reads the current user and the catalog of roles.
    let is_owner =
        unsafe { pg_sys::has_privs_of_role(pg_sys::GetUserId(), (*table.rd_rel).relowner) };
    let row = trigger.new();
    if is_owner || is_applying_replication() {
        return Ok(row);
    }
    let Some(mut row) = row.map(PgHeapTuple::into_owned) else { return Ok(None) };
    if row.set_by_name("id", next_id(table.oid())).is_err() {
        internal("the audit trail has no id").raise()
    }
    // SAFETY: the row belongs to this table and is in the memory context of the call. The table stays open while the trigger
    // runs.
    Ok(Some(unsafe {
        PgHeapTuple::from_heap_tuple(PgTupleDesc::from_pg_unchecked(table.rd_att), row.into_pg())
    }))
}

/// Returns the next value of the sequence that numbers a table's rows.
#[allow(unsafe_code)]
fn next_id(table: pg_sys::Oid) -> i64 {
    // SAFETY: this reads the catalog, which returns a list of OIDs. The sequence exists, because its table is locked. It
    // checks no privilege on the sequence: a role that may insert a row may use an id.
    unsafe {
        let sequences = PgList::<pg_sys::Oid>::from_pg(pg_sys::getOwnedSequences(table));
        let (Some(sequence), 1) = (sequences.get_oid(0), sequences.len()) else {
            internal("the audit trail must have exactly one sequence").raise()
        };
        pg_sys::nextval_internal(sequence, false)
    }
}
