//! `vetassist_session_active()`, which a service calls at each request.
//!
//! It looks both rows up in their indexes by itself: a statement inside a function, with the change of role and
//! of search_path that keeps it safe, takes several times as long as the look-ups. Nothing that a caller can set
//! has a say in this: no statement is planned, and no function is called but two comparisons of PostgreSQL's own.

use core::{cell::Cell, ffi::CStr, num::NonZeroUsize};

use pgrx::{
    htup::heap_getattr_raw, pg_extern, pg_guard, pg_sys, FromDatum, IntoDatum, PgRelation,
    PgSqlErrorCode,
};

use crate::{
    errors::{report, Answer, Failure, Outcome},
    values::TextDatum,
};

/// Whether there is an unrevoked, unexpired session of an active user with this `jwt_id`. NULL is no session's.
#[pg_extern(stable, parallel_safe, sql = false)]
fn vetassist_session_active(
    jwt_id: Option<TextDatum>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Answer<bool> {
    let Some(jwt_id) = jwt_id else { return Ok(false) };
    // SAFETY: PostgreSQL passes the call's own information, with the function that is called.
    let function = unsafe { (*(*fcinfo).flinfo).fn_oid };
    let (places, sessions, users) = open(function)?;
    let sought = Sought {
        column: places.jwt_id,
        equal: pg_sys::F_TEXTEQ,
        collation: pg_sys::DEFAULT_COLLATION_OID,
        value: jwt_id.0,
    };
    // SAFETY: reads a variable of this process.
    let now = unsafe { pg_sys::GetCurrentStatementStartTimestamp() };
    let user = sessions.first(&sought, places.by_jwt_id, |session| {
        let is_revoked = !session.is_null(places.revoked_at);
        let is_expired = session.value(places.expires_at).is_none_or(|at: i64| at <= now);
        if is_revoked || is_expired {
            None
        } else {
            session.value::<pgrx::Uuid>(places.user_id)
        }
    });
    let Some(user) = user.and_then(IntoDatum::into_datum) else { return Ok(false) };
    let sought = Sought {
        column: places.id,
        equal: pg_sys::F_UUID_EQ,
        collation: pg_sys::InvalidOid,
        value: user,
    };
    let active = users.first(&sought, places.by_id, |user| user.value(places.is_active));
    Ok(active == Some(true))
}

/// Where things are: tables, the indexes that serve, and columns.
#[derive(Clone, Copy)]
struct Places {
    function: pg_sys::Oid,
    sessions: pg_sys::Oid,
    by_jwt_id: Option<pg_sys::Oid>,
    jwt_id: Column,
    user_id: Column,
    expires_at: Column,
    revoked_at: Column,
    users: pg_sys::Oid,
    by_id: Option<pg_sys::Oid>,
    id: Column,
    is_active: Column,
}

thread_local! {
    /// What was found, until PostgreSQL says that some table or index is no longer what it was.
    static PLACES: Cell<Option<Places>> = const { Cell::new(None) };
}

/// Called once, when the library is loaded.
pub(super) fn init() {
    // SAFETY: the callback is guarded and takes no argument.
    unsafe { pg_sys::CacheRegisterRelcacheCallback(Some(forget), pg_sys::Datum::from(0)) };
}

/// Any relation: which one it was is not worth knowing, because tables change seldom.
#[pg_guard]
unsafe extern "C-unwind" fn forget(_argument: pg_sys::Datum, _relation: pg_sys::Oid) {
    let _ = PLACES.try_with(|places| places.set(None));
}

/// Opens both tables, and says where things are in them.
fn open(function: pg_sys::Oid) -> Outcome<(Places, Table, Table)> {
    if let Some(places) = PLACES.get().filter(|places| places.function == function) {
        let tables = (Table::open(places.sessions), Table::open(places.users));
        // Waiting for a lock may have brought news of them.
        if let ((Some(sessions), Some(users)), Some(_)) = (tables, PLACES.get()) {
            return Ok((places, sessions, users));
        }
    }
    let (places, sessions, users) = look(function)?;
    PLACES.set(Some(places));
    Ok((places, sessions, users))
}

/// Finds everything by name, in the schema of the function: the extension's functions and tables are in one.
fn look(function: pg_sys::Oid) -> Outcome<(Places, Table, Table)> {
    // SAFETY: reads the catalog.
    let schema = unsafe { pg_sys::get_func_namespace(function) };
    let table = |name: &CStr| {
        let found = Some(find_relation(schema, name)).filter(|oid| *oid != pg_sys::InvalidOid);
        found.and_then(Table::open).ok_or_else(|| drifted(&name.to_string_lossy()))
    };
    let (sessions, users) = (table(c"vetassist_sessions")?, table(c"vetassist_users")?);
    let jwt_id = sessions.column("jwt_id", &[pg_sys::VARCHAROID, pg_sys::TEXTOID])?;
    let id = users.column("id", &[pg_sys::UUIDOID])?;
    let by_jwt_id = find_relation(schema, c"idx_vetassist_sessions_jwt");
    let places = Places {
        function,
        sessions: sessions.0.oid(),
        by_jwt_id: sessions.serving(by_jwt_id, jwt_id, pg_sys::DEFAULT_COLLATION_OID),
        jwt_id,
        user_id: sessions.column("user_id", &[pg_sys::UUIDOID])?,
        expires_at: sessions.column("expires_at", &[pg_sys::TIMESTAMPTZOID])?,
        revoked_at: sessions.column("revoked_at", &[pg_sys::TIMESTAMPTZOID])?,
        users: users.0.oid(),
        by_id: users.serving(users.primary_key(), id, pg_sys::InvalidOid),
        id,
        is_active: users.column("is_active", &[pg_sys::BOOLOID])?,
    };
    Ok((places, sessions, users))
}

/// What a look-up seeks.
struct Sought {
    column: Column,
    /// The function that compares for equality, of the column's type.
    equal: u32,
    collation: pg_sys::Oid,
    value: pg_sys::Datum,
}

/// A column, as PostgreSQL counts: from 1.
#[derive(Clone, Copy)]
struct Column(NonZeroUsize);

impl Column {
    fn number(self) -> i16 {
        i16::try_from(self.0.get()).unwrap_or_default()
    }
}

/// A table that is open for reading.
struct Table(PgRelation);

fn find_relation(schema: pg_sys::Oid, name: &CStr) -> pg_sys::Oid {
    // SAFETY: reads the catalog; the name ends with a NUL.
    unsafe { pg_sys::get_relname_relid(name.as_ptr(), schema) }
}

fn drifted(what: &str) -> Failure {
    report(
        PgSqlErrorCode::ERRCODE_UNDEFINED_TABLE,
        format!("{what} is not as vetassist left it"),
        "SELECT * FROM vetassist_check_schema() says what is wrong.",
    )
    .into()
}

impl Table {
    /// None if it is gone, or has no storage to look into, as a view.
    fn open(oid: pg_sys::Oid) -> Option<Self> {
        // SAFETY: returns null where there is no such relation, and holds its lock to the transaction's end.
        let relation = unsafe { pg_sys::try_relation_open(oid, pg_sys::AccessShareLock as _) };
        if relation.is_null() {
            return None;
        }
        // SAFETY: it is open, and is closed when dropped.
        let relation = unsafe { PgRelation::from_pg_owned(relation) };
        relation.is_table().then_some(Self(relation))
    }

    /// A column of one of these types: what a value is read as depends on it.
    fn column(&self, name: &str, types: &[pg_sys::Oid]) -> Outcome<Column> {
        let columns = self.0.tuple_desc();
        let found = columns.iter().position(|column| {
            !column.attisdropped && column.name() == name && types.contains(&column.atttypid)
        });
        let number = found.and_then(|place| NonZeroUsize::new(place + 1));
        number.map(Column).ok_or_else(|| drifted(&format!("{}.{name}", self.0.name())))
    }

    fn primary_key(&self) -> pg_sys::Oid {
        // SAFETY: the relation is open.
        #[cfg(not(any(feature = "pg18", feature = "pg19")))]
        return unsafe { pg_sys::RelationGetPrimaryKeyIndex(self.0.as_ptr()) };
        // SAFETY: as above. A deferrable key may hold the same value twice for a while, and none is ours.
        #[cfg(any(feature = "pg18", feature = "pg19"))]
        return unsafe { pg_sys::RelationGetPrimaryKeyIndex(self.0.as_ptr(), false) };
    }

    /// An index if it has every row, by this column alone and in the order of this collation. Without one the
    /// table is read from its beginning, which is slow and right.
    fn serving(
        &self,
        index: pg_sys::Oid,
        column: Column,
        wanted: pg_sys::Oid,
    ) -> Option<pg_sys::Oid> {
        if index == pg_sys::InvalidOid {
            return None;
        }
        // SAFETY: it was there just now, and PostgreSQL raises an error if it is gone meanwhile.
        let index = unsafe { PgRelation::with_lock(index, pg_sys::AccessShareLock as _) };
        if !index.is_index() {
            return None;
        }
        // SAFETY: an open index has its row of pg_index and of pg_class, and a collation for each column.
        let (row, class, collation, tuple) = unsafe {
            let data = &*index.as_ptr();
            (&*data.rd_index, &*data.rd_rel, *data.rd_indcollation, data.rd_indextuple)
        };
        // SAFETY: `indkey` has as many numbers as the index has columns, at least one.
        let first = unsafe { *row.indkey.values.as_ptr() };
        // SAFETY: the tuple is a row of pg_index.
        let is_whole = unsafe {
            pg_sys::heap_attisnull(tuple, pg_sys::Anum_pg_index_indpred as _, core::ptr::null_mut())
        };
        let serves = row.indrelid == self.0.oid()
            && row.indisvalid
            && !row.indcheckxmin
            && row.indnatts == 1
            && first == column.number()
            && collation == wanted
            && class.relam == pg_sys::BTREE_AM_OID
            && is_whole;
        serves.then(|| index.oid())
    }

    /// What `f` makes of the first row that it makes something of.
    fn first<T>(
        &self,
        sought: &Sought,
        index: Option<pg_sys::Oid>,
        f: impl Fn(&Row) -> Option<T>,
    ) -> Option<T> {
        let mut key = pg_sys::ScanKeyData::default();
        // SAFETY: the function compares two values of the column's type.
        unsafe {
            pg_sys::ScanKeyEntryInitialize(
                &mut key,
                0,
                sought.column.number(),
                pg_sys::BTEqualStrategyNumber as _,
                pg_sys::InvalidOid,
                sought.collation,
                sought.equal.into(),
                sought.value,
            );
        }
        // SAFETY: the table is open, the key outlives the scan, and a statement has a snapshot.
        let scan = unsafe {
            let snapshot = pg_sys::GetActiveSnapshot();
            let (by_index, index) = (index.is_some(), index.unwrap_or(pg_sys::InvalidOid));
            pg_sys::systable_beginscan(self.0.as_ptr(), index, by_index, snapshot, 1, &mut key)
        };
        let mut found = None;
        while found.is_none() {
            // SAFETY: the scan has begun and not ended. The row stays until the next is asked for.
            let tuple = unsafe { pg_sys::systable_getnext(scan) };
            if tuple.is_null() {
                break;
            }
            // SAFETY: the table is open.
            let columns = unsafe { (*self.0.as_ptr()).rd_att };
            found = f(&Row { tuple, columns });
        }
        // SAFETY: as above; after an error of PostgreSQL's it ends the scan itself.
        unsafe { pg_sys::systable_endscan(scan) };
        found
    }
}

/// A row that a scan stands at.
struct Row {
    tuple: pg_sys::HeapTuple,
    columns: pg_sys::TupleDesc,
}

impl Row {
    fn datum(&self, column: Column) -> Option<pg_sys::Datum> {
        // SAFETY: the tuple is one of the table that the columns are of, and the column one of them.
        unsafe { heap_getattr_raw(self.tuple, column.0, self.columns) }
    }

    fn is_null(&self, column: Column) -> bool {
        self.datum(column).is_none()
    }

    /// A column's value, which must be of this type and not point into the row.
    fn value<T: FromDatum + Copy>(&self, column: Column) -> Option<T> {
        // SAFETY: as the caller says; the value is copied before the scan goes on.
        unsafe { T::from_datum(self.datum(column)?, false) }
    }
}
