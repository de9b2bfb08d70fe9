//! Signing in: what writes a veteran's rows, in one statement of the caller's.
//!
//! Tokens are sealed here, before any statement is told of them.

use core::{cell::Cell, ffi::CStr, panic::AssertUnwindSafe, ptr};

use pgrx::{
    callconv::{BoxRet, FcInfo},
    datum::{Datum, DatumWithOid},
    impl_sql_translatable, pg_extern, pg_sys,
    pg_sys::panic::CaughtError,
    spi::SpiClient,
    IntoDatum, PgMemoryContexts, PgSqlErrorCode, PgTryBuilder, Uuid,
};
use vetassist_core::{random_uuids, IpHash};

use super::tokens::Tokens;
use crate::{
    arguments::{blank, fits, missing},
    errors::{report, Answer, Explain, Outcome},
    keyring::with_ring,
    settings::{self, IpHashKind},
    statements::{connected, failed, Statement, Statements},
    values::{pg_uuid, InetArg, Instant, Jsonb, TextArg},
};

/// A sign-in: the user, both tokens, the session and the audit row. Its SQL is in `sql/functions/login.sql`.
#[pg_extern(sql = false)]
#[allow(clippy::too_many_arguments)] // what VA.gov and the JWT carry
fn vetassist_login(
    va_icn: Option<TextArg<'_>>,
    access_token: Option<TextArg<'_>>,
    token_expires_at: Option<Instant>,
    jwt_id: Option<TextArg<'_>>,
    session_expires_at: Option<Instant>,
    refresh_token: Option<TextArg<'_>>,
    veteran_status: Option<TextArg<'_>>,
    email: Option<TextArg<'_>>,
    first_name: Option<TextArg<'_>>,
    last_name: Option<TextArg<'_>>,
    token_type: Option<TextArg<'_>>,
    scope: Option<TextArg<'_>>,
    device_info: Option<Jsonb>,
    ip: Option<InetArg>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Answer<SignedIn> {
    const HINT: &str = "The first five arguments are required.";
    let icn = va_icn.ok_or_else(|| missing("va_icn", HINT))?;
    let access = access_token.ok_or_else(|| missing("access_token", HINT))?;
    let token_expires_at = token_expires_at.ok_or_else(|| missing("token_expires_at", HINT))?;
    let jti = jwt_id.ok_or_else(|| missing("jwt_id", HINT))?;
    let session_expires_at =
        session_expires_at.ok_or_else(|| missing("session_expires_at", HINT))?;
    for (name, is_blank) in [
        ("va_icn", icn.is_blank()),
        ("access_token", access.is_empty()),
        ("jwt_id", jti.is_blank()),
    ] {
        if is_blank {
            return Err(blank(name, "Pass what VA.gov and the JWT carry."));
        }
    }
    fits(&[
        ("va_icn", Some(&icn), 50),
        ("jwt_id", Some(&jti), 64),
        ("veteran_status", veteran_status.as_ref(), 20),
        ("email", email.as_ref(), 255),
        ("first_name", first_name.as_ref(), 100),
        ("last_name", last_name.as_ref(), 100),
        ("token_type", token_type.as_ref(), 20),
        ("scope", scope.as_ref(), 500),
    ])?;
    let ids = random_uuids().explain()?;
    let [new_user, tokens_id, session] = ids.map(pg_uuid);
    let signed_in = connected(|client| {
        let statements = Statements::of(fcinfo, client)?;
        let now = Instant::of_transaction();
        let known = [veteran_status, email, first_name, last_name];
        let (user, is_active) =
            put_user(statements, client, [new_user.into(), icn.into(), now.into()], known)?;
        // A row always has its key.
        let user = user.unwrap_or(new_user);
        if !is_active {
            statements.run(client, Statement::RefuseSignIn, &[user.into()])?;
        }
        let tokens = Tokens { access, refresh: refresh_token, kind: token_type, scope };
        let is_new = user == new_user;
        tokens.put(statements, client, [tokens_id, user], is_new, [token_expires_at, now])?;

        let device = match device_info {
            None => DatumWithOid::null::<Jsonb>(),
            Some(device) => {
                let hashed = statements.run(client, Statement::HashDevice, &[device.into()])?;
                Jsonb::found(hashed.get_datum_by_ordinal(1).map_err(failed)?).into()
            }
        };
        let [session_id, user_id] = [session, user].map(DatumWithOid::from);
        let [expires_at, created_at] = [session_expires_at, now].map(DatumWithOid::from);
        let row = [session_id, user_id, jti.into(), device, expires_at, created_at];
        add_session(statements, client, &row)?;

        let hash = match ip {
            None => None,
            Some(ip) => Some(stored_hash(statements, client, ip)?),
        };
        let said = event_data(&ids[2], is_new);
        let event = [user.into(), said.into(), hash.into(), now.into()];
        statements.run(client, Statement::LogSignIn, &event)?;
        Ok(SignedIn { user, session })
    })?;
    Ok(signed_in)
}

/// The one row that a sign-in returns.
struct SignedIn {
    user: Uuid,
    session: Uuid,
}

impl_sql_translatable!(SignedIn, "record");

thread_local! {
    /// What the row consists of.
    static COLUMNS: Cell<pg_sys::TupleDesc> = const { Cell::new(ptr::null_mut()) };
}

impl SignedIn {
    fn columns() -> pg_sys::TupleDesc {
        let known = COLUMNS.get();
        if !known.is_null() {
            return known;
        }
        // SAFETY: makes a description of two columns, for as long as the backend lives.
        let columns = unsafe {
            PgMemoryContexts::TopMemoryContext.switch_to(|_| {
                let columns = pg_sys::CreateTemplateTupleDesc(2);
                for (number, name) in [(1, c"user_id"), (2, c"session_id")] {
                    let (name, kind) = (name.as_ptr(), pg_sys::UUIDOID);
                    pg_sys::TupleDescInitEntry(columns, number, name, kind, -1, 0);
                }
                pg_sys::BlessTupleDesc(columns)
            })
        };
        COLUMNS.set(columns);
        columns
    }
}

// SAFETY: a row in the memory context of the call. That more may come is for PostgreSQL to be told, and it is not:
// so a set has this row alone, without a second call that would say so.
unsafe impl BoxRet for SignedIn {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        let columns = [self.user, self.session].map(IntoDatum::into_datum);
        let mut values = columns.map(|datum| datum.unwrap_or(pg_sys::Datum::from(0)));
        let mut nulls = columns.map(|datum| datum.is_none());
        // SAFETY: as many values as the description has columns.
        let row = unsafe {
            let tuple =
                pg_sys::heap_form_tuple(Self::columns(), values.as_mut_ptr(), nulls.as_mut_ptr());
            pg_sys::HeapTupleHeaderGetDatum((*tuple).t_data)
        };
        // SAFETY: as above.
        unsafe { fcinfo.return_raw_datum(row) }
    }
}

/// Makes the user, or updates him, and says who he is and whether he is active.
fn put_user(
    statements: &Statements,
    client: &mut SpiClient<'_>,
    user: [DatumWithOid<'_>; 3],
    known: [Option<TextArg<'_>>; 4],
) -> Outcome<(Option<Uuid>, bool)> {
    let stored = if known.iter().all(Option::is_none) {
        statements.run(client, Statement::PutUser, &user)
    } else {
        let [id, icn, now] = user;
        let [status, email, first_name, last_name] = known.map(DatumWithOid::from);
        let row = [id, icn, now, status, email, first_name, last_name];
        statements.run(client, Statement::DescribeUser, &row)
    }?;
    let is_active = stored.get::<bool>(2).map_err(failed)?;
    Ok((stored.get(1).map_err(failed)?, is_active == Some(true)))
}

fn add_session(
    statements: &Statements,
    client: &mut SpiClient<'_>,
    row: &[DatumWithOid<'_>],
) -> Outcome<()> {
    let taken = |error: CaughtError| match error {
        CaughtError::PostgresError(said) | CaughtError::ErrorReport(said)
            if said.detail().is_some_and(|detail| detail.contains("(jwt_id)")) =>
        {
            Err(report(
                PgSqlErrorCode::ERRCODE_UNIQUE_VIOLATION,
                "there is a session with this jwt_id already",
                "Give every JWT a jti of its own.",
            )
            .into())
        }
        other => other.rethrow(),
    };
    PgTryBuilder::new(AssertUnwindSafe(|| {
        statements.run(client, Statement::AddSession, row).map(|_| ())
    }))
    .catch_when(PgSqlErrorCode::ERRCODE_UNIQUE_VIOLATION, taken)
    .execute()
}

/// What the audit trail says of a sign-in.
fn event_data(session: &vetassist_core::Uuid, new_user: bool) -> Option<Jsonb> {
    // SAFETY: looks up who is connected; the name ends with a NUL, in the memory context of the call.
    let by =
        unsafe { CStr::from_ptr(pg_sys::GetUserNameFromId(pg_sys::GetSessionUserId(), false)) };
    let mut text = Vec::from(b"{\"by\": \"");
    // Byte by byte: in each encoding of a server, what is ASCII is the same.
    for byte in by.to_bytes() {
        match byte {
            b'"' | b'\\' => text.extend([b'\\', *byte]),
            0..0x20 => text.extend(format!("\\u{byte:04x}").as_bytes()),
            _ => text.push(*byte),
        }
    }
    let rest = format!("\", \"session_id\": \"{session}\", \"new_user\": {new_user}}}\0");
    text.extend(rest.as_bytes());
    CStr::from_bytes_with_nul(&text).ok().and_then(Jsonb::parsed)
}

/// The hash of an address as it is to be stored.
fn stored_hash(
    statements: &Statements,
    client: &mut SpiClient<'_>,
    ip: InetArg,
) -> Outcome<String> {
    let plain = IpHash::of(ip.host()?);
    if settings::ip_hash()? != IpHashKind::keyed {
        return Ok(plain.as_str().to_owned());
    }
    let keyed = with_ring(|loaded| Ok(loaded.ring.upgrade_ip_hash(&plain).as_str().to_owned()))?;
    statements.run(client, Statement::MarkKeyed, &[keyed.as_str().into()])?;
    Ok(keyed)
}
