//! `vetassist_session_active()`, which a service calls at each request.
//!
//! It looks both rows up in their indexes by itself. Nothing that a caller can set has a say in this: no statement is
//! planned, no row security applies, and no function is called but two comparisons of PostgreSQL's own.
//!
//! It asks what is committed now, by the clock, and not what the statement's snapshot
//! shows: each look-up takes a snapshot of its own, after it has its locks. So a session is found also where a lock was
//! waited for while the table was rewritten, and neither a long transaction nor a long statement keeps one alive.
//!
//! A kept plan, run with the rights of the tables' owner as PostgreSQL runs its triggers of foreign keys, costs twice as
//! much: 6.7 µs of CPU a call against 3.4 µs, which is 1.98 of it (seven rounds in turns of 200,000 calls each, 10,000
//! sessions, PostgreSQL 15, a release build, two cores that others used too). It would also see the session by the snapshot
//! of its statement or transaction, and be planned by whatever the caller has set.

use core::{cell::Cell, ffi::CStr, num::NonZeroUsize, ptr};

use pgrx::{
    check_for_interrupts, htup::heap_getattr_raw, pg_extern, pg_guard, pg_sys, FromDatum,
    IntoDatum, PgRelation, PgSqlErrorCode,
};

use crate::{
    call,
    errors::{Error, Result, SqlResult},
    values::{Text, Timestamp, Uuid},
};

/// Returns whether there is an unrevoked, unexpired session of an active user with this `jwt_id`. NULL is no session's.
#[pg_extern(stable, parallel_safe, sql = false)]
fn vetassist_session_active(
    jwt_id: Option<Text<'_>>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> SqlResult<bool> {
    let Some(jwt_id) = jwt_id else { return Ok(false) };
    let (layout, sessions, users) = open(call::function(fcinfo))?;
    let user = sessions.find(&layout.jwt_id, jwt_id.datum(), |session| {
        let is_revoked = session.value::<Timestamp>(layout.revoked_at).is_some();
        let expires_at: Option<Timestamp> = session.value(layout.expires_at);
        let is_expired = expires_at.is_none_or(|at| at <= Timestamp::of_clock());
        if is_revoked || is_expired {
            None
        } else {
            session.value::<Uuid>(layout.user_id)
        }
    });
    let Some(user) = user.and_then(IntoDatum::into_datum) else { return Ok(false) };
    let is_active = users.find(&layout.id, user, |user| user.value(layout.is_active));
    Ok(is_active == Some(true))
}

/// The tables and the columns that are read of them.
#[derive(Clone, Copy)]
struct Layout {
    function: pg_sys::Oid,
    sessions: pg_sys::Oid,
    jwt_id: Key,
    user_id: Column,
    expires_at: Column,
    revoked_at: Column,
    users: pg_sys::Oid,
    id: Key,
    is_active: Column,
}

thread_local! {
    /// The layout that was found, until PostgreSQL says that some table or index is no longer what it was.
    static LAYOUT: Cell<Option<Layout>> = const { Cell::new(None) };
}

/// Called once, when the library is loaded.
#[allow(unsafe_code)]
pub(super) fn init() {
    // SAFETY: PostgreSQL calls it with whatever argument is given here, which it does not look at, and never unloads it.
    unsafe { pg_sys::CacheRegisterRelcacheCallback(Some(forget), pg_sys::Datum::from(0)) };
}

/// Forgets the layout, whichever relation changed: tables change seldom.
#[allow(unsafe_code)]
#[pg_guard]
unsafe extern "C-unwind" fn forget(_argument: pg_sys::Datum, _relation: pg_sys::Oid) {
    let _ = LAYOUT.try_with(|layout| layout.set(None));
}

/// Opens both tables.
fn open(function: pg_sys::Oid) -> Result<(Layout, Table, Table)> {
    if let Some(layout) = LAYOUT.get().filter(|layout| layout.function == function) {
        let tables = (Table::open(layout.sessions), Table::open(layout.users));
        // Getting a lock brings the news of what it protects: that a table was renamed, say.
        if let ((Some(sessions), Some(users)), Some(_)) = (tables, LAYOUT.get()) {
            return Ok((layout, sessions, users));
        }
    }
    let (layout, sessions, users) = look(function)?;
    LAYOUT.set(Some(layout));
    Ok((layout, sessions, users))
}

/// Finds everything by name, in the schema of the function: the extension's functions and tables are in one.
fn look(function: pg_sys::Oid) -> Result<(Layout, Table, Table)> {
    let sessions = Table::beside(function, c"vetassist_sessions")?;
    let users = Table::beside(function, c"vetassist_users")?;
    let layout = Layout {
        function,
        sessions: sessions.0.oid(),
        jwt_id: sessions.key(
            sessions.column("jwt_id", &[pg_sys::VARCHAROID, pg_sys::TEXTOID])?,
            pg_sys::F_TEXTEQ,
            pg_sys::DEFAULT_COLLATION_OID,
        ),
        user_id: sessions.column("user_id", &[pg_sys::UUIDOID])?,
        expires_at: sessions.column("expires_at", &[pg_sys::TIMESTAMPTZOID])?,
        revoked_at: sessions.column("revoked_at", &[pg_sys::TIMESTAMPTZOID])?,
        users: users.0.oid(),
        id: users.key(
            users.column("id", &[pg_sys::UUIDOID])?,
            pg_sys::F_UUID_EQ,
            pg_sys::InvalidOid,
        ),
        is_active: users.column("is_active", &[pg_sys::BOOLOID])?,
    };
    Ok((layout, sessions, users))
}

/// A column that rows are looked up by.
#[derive(Clone, Copy)]
struct Key {
    column: Column,
    /// The function that compares for equality, of the column's type.
    equal: u32,
    collation: pg_sys::Oid,
    /// The index that serves. Without one the table is read from its beginning, which is slow and right.
    index: Option<pg_sys::Oid>,
}

/// A column, as PostgreSQL counts: from 1.
#[derive(Clone, Copy)]
struct Column(NonZeroUsize);

impl Column {
    fn number(self) -> i16 {
        i16::try_from(self.0.get()).unwrap_or_default()
    }
}

fn drifted(what: &str) -> Error {
    Error::new(
        PgSqlErrorCode::ERRCODE_UNDEFINED_TABLE,
        format!("{what} is not as vetassist left it"),
        "SELECT * FROM vetassist_check_schema() says what is wrong.",
    )
}

/// A table that is open for reading.
struct Table(PgRelation);

impl Table {
    /// Opens a table. None if it is gone, or has no storage to look into, as a view.
    #[allow(unsafe_code)]
    fn open(oid: pg_sys::Oid) -> Option<Self> {
        // SAFETY: returns null where there is no such relation, and else one that is closed when it is dropped; its lock
        // is held to the transaction's end.
        let relation = unsafe {
            let relation = pg_sys::try_relation_open(oid, pg_sys::AccessShareLock as _);
            (!relation.is_null()).then(|| PgRelation::from_pg_owned(relation))
        };
        relation.filter(PgRelation::is_table).map(Self)
    }

    /// Opens the table in the schema of a function that has this name once it is locked: another may have had it before.
    #[allow(unsafe_code)]
    fn beside(function: pg_sys::Oid, name: &CStr) -> Result<Self> {
        // SAFETY: reads the catalog; the name ends with a NUL, and 0 is no relation.
        let find = || unsafe {
            let schema = pg_sys::get_func_namespace(function);
            pg_sys::get_relname_relid(name.as_ptr(), schema)
        };
        let mut oid = find();
        loop {
            check_for_interrupts!();
            let table = Self::open(oid);
            let now = find();
            if now == oid {
                return table.ok_or_else(|| drifted(&name.to_string_lossy()));
            }
            oid = now;
        }
    }

    /// Returns a column of one of these types: what a value is read as depends on it.
    fn column(&self, name: &str, types: &[pg_sys::Oid]) -> Result<Column> {
        let columns = self.0.tuple_desc();
        let found = columns.iter().position(|column| {
            !column.attisdropped && column.name() == name && types.contains(&column.atttypid)
        });
        let number = found.and_then(|place| NonZeroUsize::new(place + 1));
        number.map(Column).ok_or_else(|| drifted(&format!("{}.{name}", self.0.name())))
    }

    fn key(&self, column: Column, equal: u32, collation: pg_sys::Oid) -> Key {
        let mut indices = self.0.indices(pg_sys::AccessShareLock as _);
        let index = indices.find(|index| serves(index, column, collation));
        Key { column, equal, collation, index: index.map(|index| index.oid()) }
    }

    /// Returns what `f` makes of the first row with this value that it makes something of.
    #[allow(unsafe_code)]
    fn find<T>(&self, by: &Key, value: pg_sys::Datum, f: impl Fn(&Row) -> Option<T>) -> Option<T> {
        let mut key = pg_sys::ScanKeyData::default();
        let (by_index, index) = (by.index.is_some(), by.index.unwrap_or(pg_sys::InvalidOid));
        let (table, snapshot) = (self.0.as_ptr(), ptr::null_mut());
        // SAFETY: the table is open, and the function compares two values of the column's type. Without a snapshot of ours,
        // the scan takes one as the catalogs are read by: of what is committed when it has its locks. It ends here; after
        // an error PostgreSQL ends it itself. A row stays until the next is asked for.
        unsafe {
            pg_sys::ScanKeyEntryInitialize(
                &mut key,
                0,
                by.column.number(),
                pg_sys::BTEqualStrategyNumber as _,
                pg_sys::InvalidOid,
                by.collation,
                by.equal.into(),
                value,
            );
            let columns = (*table).rd_att;
            let scan = pg_sys::systable_beginscan(table, index, by_index, snapshot, 1, &mut key);
            let found = core::iter::from_fn(|| {
                // Without an index, every row may be looked at.
                check_for_interrupts!();
                let tuple = pg_sys::systable_getnext(scan);
                (!tuple.is_null()).then_some(Row { tuple, columns })
            })
            .find_map(|row| f(&row));
            pg_sys::systable_endscan(scan);
            found
        }
    }
}

/// Returns whether an index has every row of its table, by this column alone and in the order of this collation.
#[allow(unsafe_code)]
fn serves(index: &PgRelation, column: Column, wanted: pg_sys::Oid) -> bool {
    // SAFETY: an open index has its row of pg_index and of pg_class, and as many columns and collations as `indnatts`
    // says, at least one.
    unsafe {
        let data = &*index.as_ptr();
        let (row, class) = (&*data.rd_index, &*data.rd_rel);
        let predicate = pg_sys::Anum_pg_index_indpred as _;
        row.indisvalid
            && !row.indcheckxmin
            && row.indimmediate
            && row.indnatts == 1
            && *row.indkey.values.as_ptr() == column.number()
            && *data.rd_indcollation == wanted
            && class.relam == pg_sys::BTREE_AM_OID
            && pg_sys::heap_attisnull(data.rd_indextuple, predicate, ptr::null_mut())
    }
}

/// A row that a scan stands at.
struct Row {
    tuple: pg_sys::HeapTuple,
    columns: pg_sys::TupleDesc,
}

impl Row {
    /// Returns a column's value, which must be of this type and not point into the row.
    #[allow(unsafe_code)]
    fn value<T: FromDatum + Copy>(&self, column: Column) -> Option<T> {
        // SAFETY: the tuple is one of the table that the columns are of, and the column one of them, of a type that `look`
        // compared; the value is copied before the scan goes on.
        unsafe {
            let datum = heap_getattr_raw(self.tuple, column.0, self.columns)?;
            T::from_datum(datum, false)
        }
    }
}
