//! Signing in: one call writes all rows of a sign-in.
//!
//! Tokens are sealed here, so that no inner statement gets a token in the clear.

use core::{cell::Cell, ffi::CStr, panic::AssertUnwindSafe, ptr};

use pgrx::{
    callconv::{BoxRet, FcInfo},
    datum::{Datum, DatumWithOid},
    impl_sql_translatable, pg_extern, pg_sys,
    pg_sys::panic::CaughtError,
    spi::SpiClient,
    PgMemoryContexts, PgSqlErrorCode, PgTryBuilder,
};
use vetassist_core::{
    device_info::hash_addresses, icn::stands_for_none, json::Value, random_uuids, IpHash,
};

use super::{ip_hash::Hasher, known_keys, tokens::Tokens};
use crate::{
    arguments::{blank, fits, length, required},
    errors::{raise_inactive, Error, Result, SqlResult},
    statements::{connected, failed, one, run, Statements},
    values::{readable, Inet, Jsonb, Text, Timestamp, Uuid},
};

/// Signs a veteran in: stores the user, both tokens, the session and the audit row.
#[pg_extern(sql = false)]
#[allow(clippy::too_many_arguments)] // the values of VA.gov and of the JWT
fn vetassist_login(
    va_icn: Option<Text<'_>>,
    access_token: Option<Text<'_>>,
    token_expires_at: Option<Timestamp>,
    jwt_id: Option<Text<'_>>,
    session_expires_at: Option<Timestamp>,
    refresh_token: Option<Text<'_>>,
    veteran_status: Option<Text<'_>>,
    email: Option<Text<'_>>,
    first_name: Option<Text<'_>>,
    last_name: Option<Text<'_>>,
    token_type: Option<Text<'_>>,
    scope: Option<Text<'_>>,
    device_info: Option<Jsonb<'_>>,
    ip: Option<Inet>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> SqlResult<Login> {
    const REQUIRED: &str = "The first five arguments are required.";
    const HINT: &str =
        "Pass the ICN and the access token that VA.gov returns, and the jti of the JWT.";
    let icn = required("va_icn", va_icn, REQUIRED)?;
    let access = required("access_token", access_token, REQUIRED)?;
    let token_expires_at = required("token_expires_at", token_expires_at, REQUIRED)?;
    let jti = required("jwt_id", jwt_id, REQUIRED)?;
    let session_expires_at = required("session_expires_at", session_expires_at, REQUIRED)?;
    for (name, text) in [("va_icn", icn), ("jwt_id", jti)] {
        if text.is_blank() {
            return Err(blank(name, HINT).into());
        }
    }
    if stands_for_none(icn.as_bytes()) {
        return Err(Error::new(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            "va_icn is a placeholder, not an ICN",
            "Pass the ICN that VA.gov returns. Two veterans without one would share an account.",
        )
        .into());
    }
    let tokens = Tokens { access, refresh: refresh_token, kind: token_type, scope };
    tokens.check(HINT)?;
    fits(&[
        ("va_icn", Some(icn), const { length("vetassist_users", "va_icn") }),
        ("jwt_id", Some(jti), const { length("vetassist_sessions", "jwt_id") }),
        (
            "veteran_status",
            veteran_status,
            const { length("vetassist_users", "va_veteran_status") },
        ),
        ("email", email, const { length("vetassist_users", "email") }),
        ("first_name", first_name, const { length("vetassist_users", "first_name") }),
        ("last_name", last_name, const { length("vetassist_users", "last_name") }),
    ])?;
    let mut hasher = Hasher::default();
    let device = match device_info {
        None => None,
        Some(device) => {
            let device = device.to_value("device_info")?;
            Some(hash_addresses(device, &mut |address| hasher.hash(address))?)
        }
    };
    let ip_hash = match ip {
        None => None,
        Some(ip) => Some(hasher.hash(ip.host()?)?),
    };
    let [new_user, tokens_id, session] = random_uuids().map_err(Error::from)?.map(Uuid);

    Ok(connected(|client| {
        let statements = Statements::of(fcinfo, client)?;
        let now = Timestamp::of_transaction();
        let known = [veteran_status, email, first_name, last_name];
        let user = put_user(statements, client, [new_user.into(), icn.into(), now.into()], known)?;
        let is_new = user == new_user;
        tokens.put(statements, client, [tokens_id, user], is_new, [token_expires_at, now])?;

        hasher.register(statements, client)?;
        let device = device.as_ref().map(Jsonb::from_value).transpose()?;
        let row = [
            session.into(),
            user.into(),
            jti.into(),
            device.into(),
            session_expires_at.into(),
            now.into(),
        ];
        add_session(statements, client, &row)?;

        let ip_hash = ip_hash.as_ref().map(IpHash::as_str);
        let event = [user.into(), event_data(session, is_new)?.into(), ip_hash.into(), now.into()];
        run(client, &statements.log_login, &event)?;
        known_keys::note(client)?;
        Ok(Login { user, session })
    })?)
}

/// The single row that a sign-in returns.
struct Login {
    user: Uuid,
    session: Uuid,
}

impl_sql_translatable!(Login, "TABLE(user_id uuid, session_id uuid)");

thread_local! {
    /// The description of the row's columns.
    static COLUMNS: Cell<pg_sys::TupleDesc> = const { Cell::new(ptr::null_mut()) };
}

// SAFETY: the result is a row in the memory context of the call. A set-returning function tells PostgreSQL if more rows may
// come. This one does not, so the set has this single row and PostgreSQL does not call again.
#[allow(unsafe_code)]
unsafe impl BoxRet for Login {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        let mut values = [self.user, self.session].map(Uuid::into_raw);
        // SAFETY: the description has two columns and exists as long as the backend. The row has two values. The function is
        // declared to return such rows.
        unsafe {
            if COLUMNS.get().is_null() {
                COLUMNS.set(PgMemoryContexts::TopMemoryContext.switch_to(|_| {
                    let columns = pg_sys::CreateTemplateTupleDesc(2);
                    for (number, name) in [(1, c"user_id"), (2, c"session_id")] {
                        let (name, kind) = (name.as_ptr(), pg_sys::UUIDOID);
                        pg_sys::TupleDescInitEntry(columns, number, name, kind, -1, 0);
                    }
                    pg_sys::BlessTupleDesc(columns)
                }));
            }
            let mut nulls = [false; 2];
            let tuple =
                pg_sys::heap_form_tuple(COLUMNS.get(), values.as_mut_ptr(), nulls.as_mut_ptr());
            fcinfo.return_raw_datum(pg_sys::HeapTupleHeaderGetDatum((*tuple).t_data))
        }
    }
}

/// Makes the user or updates it, and returns the id. Raises an error if the user is not active.
fn put_user(
    statements: &Statements,
    client: &mut SpiClient<'_>,
    user: [DatumWithOid<'_>; 3],
    known: [Option<Text<'_>>; 4],
) -> Result<Uuid> {
    let stored = if known.iter().all(Option::is_none) {
        run(client, &statements.put_user, &user)
    } else {
        let [id, icn, now] = user;
        let [status, email, first_name, last_name] = known.map(DatumWithOid::from);
        let row = [id, icn, now, status, email, first_name, last_name];
        run(client, &statements.describe_user, &row)
    }?;
    let user: Uuid = one(stored.get(1))?;
    if stored.get::<bool>(2).map_err(failed)? != Some(true) {
        raise_inactive(
            user.0,
            "Nothing was stored, not even an event. To log the refusal after the rollback: SELECT vetassist_log_event('login_refused', <user_id>, NULL, <ip>).",
        );
    }
    Ok(user)
}

fn add_session(
    statements: &Statements,
    client: &mut SpiClient<'_>,
    row: &[DatumWithOid<'_>],
) -> Result<()> {
    let taken = |error: CaughtError| match error {
        CaughtError::PostgresError(said) | CaughtError::ErrorReport(said)
            if said.detail().is_some_and(|detail| detail.contains("(jwt_id)")) =>
        {
            Err(Error::new(
                PgSqlErrorCode::ERRCODE_UNIQUE_VIOLATION,
                "there is a session with this jwt_id already",
                "Give every JWT a jti of its own.",
            ))
        }
        other => other.rethrow(),
    };
    PgTryBuilder::new(AssertUnwindSafe(|| run(client, &statements.add_session, row).map(|_| ())))
        .catch_when(PgSqlErrorCode::ERRCODE_UNIQUE_VIOLATION, taken)
        .execute()
}

/// Returns the metadata of the event of a sign-in.
#[allow(unsafe_code)]
fn event_data(session: Uuid, is_new: bool) -> Result<Jsonb<'static>> {
    // SAFETY: this looks up the session user. The name ends with a NUL and is in the memory context of the call.
    let by =
        unsafe { CStr::from_ptr(pg_sys::GetUserNameFromId(pg_sys::GetSessionUserId(), false)) };
    Jsonb::from_value(&Value::Object(vec![
        ("by".into(), Value::String(readable(by.to_bytes())?.into_owned())),
        ("session_id".into(), Value::String(session.0.to_string())),
        ("new_user".into(), Value::Bool(is_new)),
    ]))
}
