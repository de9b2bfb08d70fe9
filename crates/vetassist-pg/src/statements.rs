//! Statements that a backend plans once and keeps.
//!
//! They get only sealed tokens, so that settings that log nested statements do not reveal a token.

use core::{cell::Cell, ffi::CStr};
use std::ffi::CString;

use pgrx::{
    datum::DatumWithOid,
    pg_sys::{self, PgOid},
    spi::{self, OwnedPreparedStatement, SpiClient, SpiTupleTable},
    PgSqlErrorCode, Spi,
};

use crate::{
    call, encoding,
    errors::{Error, Result},
    values::{readable, Text},
};

/// Makes a structure of plans, one for each statement. A statement has a name, the types of its parameters and its SQL, in
/// which `@` stands for the schema.
macro_rules! statements {
    ($($(#[$comment:meta])* $name:ident ($($type:ident),*) $sql:literal)*) => {
        /// The statements, for tables that are in one schema.
        pub(crate) struct Statements {
            schema: CString,
            /// Deletes the stored failure of a user's earlier tokens: `user_id`. An older version has no such table.
            pub(crate) forget_failure: Option<OwnedPreparedStatement>,
            $($(#[$comment])* pub(crate) $name: OwnedPreparedStatement,)*
        }

        impl Statements {
            fn prepare(client: &SpiClient<'_>, schema: &CStr) -> Result<Self> {
                let quoted = identifier(schema)?;
                let forget = format!("DELETE FROM {quoted}.vetassist_refresh_states AS s WHERE s.user_id = $1");
                Ok(Self {
                    forget_failure: is_current(client)?
                        .then(|| keep(client, &forget, &[pg_sys::UUIDOID]))
                        .transpose()?,
                    $($name: keep(client, &$sql.replace('@', &quoted), &[$(pg_sys::$type),*])?,)*
                    schema: schema.to_owned(),
                })
            }
        }
    };
}

// The functions that run these statements have a `search_path` of `pg_catalog, pg_temp`. PostgreSQL initialises each
// expression again at each run, which is a large part of its time. So a parameter passes the time, even if the column's
// default would give the same.
statements! {
    /// Makes a user or updates one: `id`, `va_icn`, now. If a new veteran signs in twice at the same time, the second
    /// sign-in waits here for the first.
    put_user(UUIDOID, TEXTOID, TIMESTAMPTZOID)
    "INSERT INTO @.vetassist_users AS u (id, va_icn, created_at, updated_at, last_login_at)
     VALUES ($1, $2, $3, $3, $3)
     ON CONFLICT (va_icn) DO UPDATE SET last_login_at = excluded.last_login_at
     RETURNING u.id, u.is_active"

    /// Does the same with personal data: status, e-mail, first and last name. A NULL keeps the stored value. A comparison
    /// with a stored NULL is not true, so it counts as a change.
    describe_user(UUIDOID, TEXTOID, TIMESTAMPTZOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID)
    "INSERT INTO @.vetassist_users AS u
         (id, va_icn, created_at, updated_at, last_login_at, va_veteran_status, email, first_name, last_name)
     VALUES ($1, $2, $3, $3, $3, $4, $5, $6, $7)
     ON CONFLICT (va_icn) DO UPDATE SET
         va_veteran_status = coalesce(excluded.va_veteran_status, u.va_veteran_status),
         email = coalesce(excluded.email, u.email),
         first_name = coalesce(excluded.first_name, u.first_name),
         last_name = coalesce(excluded.last_name, u.last_name),
         updated_at = CASE
             WHEN (excluded.va_veteran_status IS NULL OR excluded.va_veteran_status = u.va_veteran_status)
                  AND (excluded.email IS NULL OR excluded.email = u.email)
                  AND (excluded.first_name IS NULL OR excluded.first_name = u.first_name)
                  AND (excluded.last_name IS NULL OR excluded.last_name = u.last_name)
             THEN u.updated_at ELSE excluded.updated_at END,
         last_login_at = excluded.last_login_at
     RETURNING u.id, u.is_active"

    /// Returns whether a user is active: `id`. Prevents the erasure of the user until the transaction ends.
    is_active(UUIDOID)
    "SELECT u.is_active FROM @.vetassist_users AS u WHERE u.id = $1 FOR KEY SHARE"

    /// Stores a new user's sealed tokens: `id`, `user_id`, both tokens, type, scope, expiry, now.
    add_tokens(UUIDOID, UUIDOID, BYTEAOID, BYTEAOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID)
    "INSERT INTO @.vetassist_va_tokens
         (id, user_id, access_token_encrypted, refresh_token_encrypted, token_type, scope, expires_at, created_at)
     VALUES ($1, $2, $3, $4, coalesce($5, 'Bearer'), $6, $7, $8)"

    /// Replaces the tokens of a user who has some: `user_id`, both tokens, type, scope, expiry, now.
    replace_tokens(UUIDOID, BYTEAOID, BYTEAOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID)
    "UPDATE @.vetassist_va_tokens AS t SET
         access_token_encrypted = $2,
         refresh_token_encrypted = coalesce($3, t.refresh_token_encrypted),
         token_type = coalesce($4, t.token_type),
         scope = coalesce($5, t.scope),
         expires_at = $6,
         refreshed_at = $7
     WHERE t.user_id = $1"

    /// Stores or replaces tokens, even if another session does the same at the same time. It takes the parameters of
    /// `add_tokens`.
    put_tokens(UUIDOID, UUIDOID, BYTEAOID, BYTEAOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID)
    "INSERT INTO @.vetassist_va_tokens AS t
         (id, user_id, access_token_encrypted, refresh_token_encrypted, token_type, scope, expires_at, created_at)
     VALUES ($1, $2, $3, $4, coalesce($5, 'Bearer'), $6, $7, $8)
     ON CONFLICT (user_id) DO UPDATE SET
         access_token_encrypted = excluded.access_token_encrypted,
         refresh_token_encrypted = coalesce(excluded.refresh_token_encrypted, t.refresh_token_encrypted),
         token_type = coalesce($5, t.token_type),
         scope = coalesce(excluded.scope, t.scope),
         expires_at = excluded.expires_at,
         refreshed_at = excluded.created_at"

    /// Stores a session: `id`, `user_id`, `jwt_id`, device, expiry, now.
    add_session(UUIDOID, UUIDOID, TEXTOID, JSONBOID, TIMESTAMPTZOID, TIMESTAMPTZOID)
    "INSERT INTO @.vetassist_sessions (id, user_id, jwt_id, device_info, expires_at, created_at)
     VALUES ($1, $2, $3, $4, $5, $6)"

    /// Writes the event of a sign-in: `user_id`, its metadata, the hash of the address, now.
    log_login(UUIDOID, JSONBOID, TEXTOID, TIMESTAMPTZOID)
    "INSERT INTO @.vetassist_auth_audit (user_id, event_type, event_data, ip_hash, created_at)
     VALUES ($1, 'login', $2, $3, $4)"

    /// Registers a hash as keyed. It looks for the hash first, so that a known address takes no lock.
    mark_keyed(TEXTOID)
    "INSERT INTO @.vetassist_keyed_ip_hashes (ip_hash)
     SELECT $1 WHERE NOT EXISTS (SELECT FROM @.vetassist_keyed_ip_hashes AS k WHERE k.ip_hash = $1)
     ON CONFLICT DO NOTHING"
}

fn keep(
    client: &SpiClient<'_>,
    sql: &str,
    types: &[pg_sys::Oid],
) -> Result<OwnedPreparedStatement> {
    let types: Vec<_> = types.iter().map(|oid| PgOid::from(*oid)).collect();
    Ok(client.prepare_mut(sql, &types).map_err(failed)?.keep())
}

thread_local! {
    /// The statements that were used last. They are never freed: a destructor would run while the backend ends, which is too
    /// late to free a plan.
    static PREPARED: Cell<Option<&'static Statements>> = const { Cell::new(None) };
}

impl Statements {
    /// Returns the statements for the schema of a function, which is the schema of the extension.
    #[allow(unsafe_code)]
    pub(crate) fn of(
        fcinfo: pg_sys::FunctionCallInfo,
        client: &SpiClient<'_>,
    ) -> Result<&'static Self> {
        // SAFETY: this reads the catalog. The name of the schema is null, or ends with a NUL and is in the memory context of
        // the call.
        let schema = unsafe {
            let schema = pg_sys::get_func_namespace(call::function(fcinfo));
            let name = pg_sys::get_namespace_name(schema);
            (!name.is_null()).then(|| CStr::from_ptr(name))
        };
        let schema = schema.ok_or_else(|| internal("the function is in no schema"))?;
        if let Some(prepared) = PREPARED.get().filter(|prepared| *prepared.schema == *schema) {
            return Ok(prepared);
        }
        let prepared: &Self = Box::leak(Box::new(Self::prepare(client, schema)?));
        PREPARED.set(Some(prepared));
        Ok(prepared)
    }
}

/// Runs a statement.
pub(crate) fn run<'conn>(
    client: &mut SpiClient<'conn>,
    statement: &OwnedPreparedStatement,
    arguments: &[DatumWithOid<'_>],
) -> Result<SpiTupleTable<'conn>> {
    // `select` with a statement that was prepared to write. `update` would ask for a transaction id first. A standby has
    // none, and PostgreSQL's own error for a standby is clearer.
    client.select(statement, None, arguments).map(SpiTupleTable::first).map_err(failed)
}

/// Calls `f` with a connection to SPI, PostgreSQL's interface for statements.
pub(crate) fn connected<T>(f: impl FnOnce(&mut SpiClient<'_>) -> Result<T>) -> Result<T> {
    Spi::connect_mut(|client| f(client))
}

/// Returns the internal error for an error of SPI.
#[allow(clippy::needless_pass_by_value)] // for map_err
pub(crate) fn failed(error: spi::Error) -> Error {
    internal(&error.to_string())
}

/// Returns the single value that a statement returns, or an internal error if it is NULL.
pub(crate) fn one<T>(found: spi::Result<Option<T>>) -> Result<T> {
    found.map_err(failed)?.ok_or_else(|| internal("a statement returned nothing"))
}

/// Returns an internal error, which the caller can do nothing about.
pub(crate) fn internal(what: &str) -> Error {
    Error::new(
        PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
        format!("a statement of vetassist failed: {what}"),
        "SELECT * FROM vetassist_check_schema() shows whether the tables were changed. If they were not, please report this error.",
    )
}

thread_local! {
    /// Set once this process found this version installed. It is never reset.
    static IS_CURRENT: Cell<bool> = const { Cell::new(false) };
}

/// Returns whether the installed functions are those of this version. A package replaces the library before a superuser runs
/// ALTER EXTENSION UPDATE.
pub(crate) fn is_current(client: &SpiClient<'_>) -> Result<bool> {
    if !IS_CURRENT.get() {
        let older = client.select(
            "SELECT e.extversion OPERATOR(pg_catalog.=) ANY (ARRAY['0.1.0', '0.2.0']) FROM pg_catalog.pg_extension e WHERE e.extname OPERATOR(pg_catalog.=) 'vetassist'",
            Some(1),
            &[],
        );
        let is_older: bool = one(older.and_then(|rows| rows.first().get_one()))?;
        IS_CURRENT.set(!is_older);
    }
    Ok(IS_CURRENT.get())
}

/// Returns the schema that the extension is in, quoted.
pub(crate) fn own_schema(client: &SpiClient<'_>) -> Result<String> {
    let rows = client.select(
        "SELECT n.nspname::pg_catalog.text FROM pg_catalog.pg_extension e
         JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) e.extnamespace
         WHERE e.extname OPERATOR(pg_catalog.=) 'vetassist'",
        Some(1),
        &[],
    );
    quoted(one(rows.and_then(|rows| rows.first().get_one()))?)
}

/// Returns the name of a table with its schema, quoted.
pub(crate) fn qualified(schema: Text<'_>, table: Text<'_>) -> Result<String> {
    Ok(format!("{}.{}", quoted(schema)?, quoted(table)?))
}

fn quoted(name: Text<'_>) -> Result<String> {
    let name = CString::new(name.as_bytes()).map_err(|_| internal("a name has a NUL"))?;
    identifier(&name)
}

/// Returns a name in the form of a quoted identifier. A statement must have the database's encoding, but Rust has it in
/// UTF-8. So statements are ASCII unless the encoding of the database is UTF8.
fn identifier(name: &CStr) -> Result<String> {
    if encoding::is_utf8() || name.to_bytes().is_ascii() {
        return Ok(format!("\"{}\"", name.to_string_lossy().replace('"', "\"\"")));
    }
    if encoding::is_unknown() {
        return Err(Error::new(
            PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED,
            "the name of the extension's schema is not ASCII, and the database's encoding is SQL_ASCII",
            "Rename the schema, or use a database whose encoding is UTF8.",
        ));
    }
    let escaped = readable(name.to_bytes())?.chars().fold(String::new(), |escaped, c| {
        let code = u32::from(c);
        match c {
            '"' | '\\' => escaped + &format!("{c}{c}"),
            _ if c.is_ascii() => escaped + c.encode_utf8(&mut [0; 4]),
            _ => escaped + &format!("\\+{code:06X}"),
        }
    });
    Ok(format!("U&\"{escaped}\""))
}
