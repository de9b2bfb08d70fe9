//! Statements that a backend plans once and keeps.
//!
//! What is handed to them is sealed before, so that no setting that shows nested statements shows a token.

use core::{cell::Cell, ffi::CStr};

use pgrx::{
    datum::DatumWithOid,
    pg_sys::{self, PgOid},
    spi::{self, OwnedPreparedStatement, SpiClient, SpiTupleTable},
    PgSqlErrorCode, Spi,
};

use crate::errors::{report, Failure, Outcome};

/// The statements, for tables that are in one schema.
pub(crate) struct Statements {
    schema: std::ffi::CString,
    planned: [OwnedPreparedStatement; COUNT],
}

/// Which statement.
#[derive(Clone, Copy)]
pub(crate) enum Statement {
    /// Makes a user or updates one: `id`, `va_icn`, now.
    PutUser,
    /// The same with what is known of him: status, e-mail, first and last name.
    DescribeUser,
    /// Raises what is wrong with a user who must be there and active.
    RequireActiveUser,
    /// Raises that a user who is not active is not signed in.
    RefuseSignIn,
    /// A new user's sealed tokens: `id`, `user_id`, both tokens, type, scope, expiry, now.
    AddTokens,
    /// New tokens of a user who has some: `user_id`, both tokens, type, scope, expiry, now.
    ReplaceTokens,
    /// Either, where others may do the same just now; parameters as of `AddTokens`.
    PutTokens,
    /// A session: `id`, `user_id`, `jwt_id`, device, expiry, now.
    AddSession,
    /// A device's description with each address in it replaced by its hash.
    HashDevice,
    /// An event: `user_id`, what is said of it, the hash of the address, now.
    LogSignIn,
    /// Remembers that a hash is keyed.
    MarkKeyed,
}

const COUNT: usize = 11;

const TEXT: pg_sys::Oid = pg_sys::TEXTOID;
const UUID: pg_sys::Oid = pg_sys::UUIDOID;
const BYTEA: pg_sys::Oid = pg_sys::BYTEAOID;
const TIME: pg_sys::Oid = pg_sys::TIMESTAMPTZOID;
const JSONB: pg_sys::Oid = pg_sys::JSONBOID;

/// In the order of [`Statement`]: the SQL, in which `@` stands for the schema, and the types of its parameters.
/// Whoever runs them has a `search_path` of `pg_catalog` alone. PostgreSQL makes each expression ready anew at each
/// run, which is much of what a run takes: so a parameter says what the time is, also where a default would.
const SOURCES: [(&str, &[pg_sys::Oid]); COUNT] = [
    // Of two sign-ins of a new veteran at the same moment the second waits here for the first.
    (
        "INSERT INTO @.vetassist_users AS u (id, va_icn, created_at, updated_at, last_login_at)
         VALUES ($1, $2, $3, $3, $3)
         ON CONFLICT (va_icn) DO UPDATE SET last_login_at = excluded.last_login_at
         RETURNING u.id, u.is_active",
        &[UUID, TEXT, TIME],
    ),
    // What is NULL leaves what is stored; a comparison with what was NULL is not true, and so a change.
    (
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
         RETURNING u.id, u.is_active",
        &[UUID, TEXT, TIME, TEXT, TEXT, TEXT, TEXT],
    ),
    ("SELECT @.vetassist_require_active_user($1::uuid)", &[UUID]),
    ("SELECT @.vetassist_refuse_sign_in($1::uuid)", &[UUID]),
    (
        "INSERT INTO @.vetassist_va_tokens
             (id, user_id, access_token_encrypted, refresh_token_encrypted, token_type, scope, expires_at, created_at)
         VALUES ($1, $2, $3, $4, coalesce($5, 'Bearer'), $6, $7, $8)",
        &[UUID, UUID, BYTEA, BYTEA, TEXT, TEXT, TIME, TIME],
    ),
    (
        "UPDATE @.vetassist_va_tokens AS t SET
             access_token_encrypted = $2,
             refresh_token_encrypted = coalesce($3, t.refresh_token_encrypted),
             token_type = coalesce($4, t.token_type),
             scope = coalesce($5, t.scope),
             expires_at = $6,
             refreshed_at = $7
         WHERE t.user_id = $1",
        &[UUID, BYTEA, BYTEA, TEXT, TEXT, TIME, TIME],
    ),
    (
        "INSERT INTO @.vetassist_va_tokens AS t
             (id, user_id, access_token_encrypted, refresh_token_encrypted, token_type, scope, expires_at, created_at)
         VALUES ($1, $2, $3, $4, coalesce($5, 'Bearer'), $6, $7, $8)
         ON CONFLICT (user_id) DO UPDATE SET
             access_token_encrypted = excluded.access_token_encrypted,
             refresh_token_encrypted = coalesce(excluded.refresh_token_encrypted, t.refresh_token_encrypted),
             token_type = coalesce($5, t.token_type),
             scope = coalesce(excluded.scope, t.scope),
             expires_at = excluded.expires_at,
             refreshed_at = excluded.created_at",
        &[UUID, UUID, BYTEA, BYTEA, TEXT, TEXT, TIME, TIME],
    ),
    (
        "INSERT INTO @.vetassist_sessions (id, user_id, jwt_id, device_info, expires_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
        &[UUID, UUID, TEXT, JSONB, TIME, TIME],
    ),
    ("SELECT @.vetassist_hash_device_ips($1::jsonb)", &[JSONB]),
    (
        "INSERT INTO @.vetassist_auth_audit (user_id, event_type, event_data, ip_hash, created_at)
         VALUES ($1, 'login', $2, $3, $4)",
        &[UUID, JSONB, TEXT, TIME],
    ),
    ("SELECT @.vetassist_mark_keyed($1::text)", &[TEXT]),
];

thread_local! {
    /// Those that were used last. They are never freed: the backend may be ending, and then it is too late.
    static PLANNED: Cell<Option<&'static Statements>> = const { Cell::new(None) };
}

impl Statements {
    /// The statements for the schema that a function is in, which is its extension's.
    pub(crate) fn of(
        fcinfo: pg_sys::FunctionCallInfo,
        client: &SpiClient<'_>,
    ) -> Outcome<&'static Self> {
        // SAFETY: PostgreSQL passes the call's own information, with the function that is called.
        let function = unsafe { (*(*fcinfo).flinfo).fn_oid };
        // SAFETY: reads the catalog; a name is NUL-terminated and in the memory context of the call.
        let name = unsafe {
            let schema = pg_sys::get_func_namespace(function);
            pg_sys::get_namespace_name(schema)
        };
        if name.is_null() {
            return Err(internal("the function is in no schema"));
        }
        // SAFETY: as above.
        let schema = unsafe { CStr::from_ptr(name) };
        if let Some(planned) = PLANNED.get().filter(|planned| *planned.schema == *schema) {
            return Ok(planned);
        }
        // SAFETY: quotes a NUL-terminated string into another.
        let quoted = unsafe { CStr::from_ptr(pg_sys::quote_identifier(name)) };
        let quoted = quoted.to_string_lossy();
        let mut planned = Vec::with_capacity(COUNT);
        for (source, types) in SOURCES {
            let types: Vec<_> = types.iter().map(|oid| PgOid::from(*oid)).collect();
            let prepared = client.prepare_mut(&source.replace('@', &quoted), &types);
            planned.push(prepared.map_err(failed)?.keep());
        }
        let Ok(planned) = planned.try_into() else { unreachable!("one for each source") };
        let planned: &Self = Box::leak(Box::new(Self { schema: schema.to_owned(), planned }));
        PLANNED.set(Some(planned));
        Ok(planned)
    }

    /// Runs one.
    pub(crate) fn run<'conn>(
        &self,
        client: &mut SpiClient<'conn>,
        statement: Statement,
        arguments: &[DatumWithOid<'_>],
    ) -> Outcome<SpiTupleTable<'conn>> {
        let prepared = &self.planned[statement as usize];
        // Planned as one that writes. `update` would demand a transaction id first, which a standby has none of,
        // and PostgreSQL says it better.
        client.select(prepared, None, arguments).map(SpiTupleTable::first).map_err(failed)
    }
}

/// Runs with a connection to PostgreSQL's own interface for statements.
pub(crate) fn connected<T>(f: impl FnOnce(&mut SpiClient<'_>) -> Outcome<T>) -> Outcome<T> {
    Spi::connect_mut(|client| f(client))
}

/// What no caller can do anything about.
#[allow(clippy::needless_pass_by_value)] // for map_err
pub(crate) fn failed(error: spi::Error) -> Failure {
    internal(&error.to_string())
}

fn internal(what: &str) -> Failure {
    report(
        PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
        format!("a statement of vetassist's failed: {what}"),
        "Please report it. SELECT * FROM vetassist_check_schema() says whether the tables are as they must be.",
    )
    .into()
}

/// The schema that the extension is in, quoted.
pub(crate) fn own_schema(client: &SpiClient<'_>) -> Result<String, spi::Error> {
    let schema = client
        .select(
            "SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'vetassist'",
            Some(1),
            &[],
        )?
        .first()
        .get_one::<String>()?;
    Ok(schema.unwrap_or_default())
}
