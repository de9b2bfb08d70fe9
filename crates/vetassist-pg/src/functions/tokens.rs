//! Tokens of VA.gov: seal, store, open. They are sealed here, so that no inner statement gets a token in the clear.

use pgrx::{datum::DatumWithOid, pg_extern, pg_sys, spi::SpiClient, PgSqlErrorCode};
use vetassist_core::{opened_len, random_uuids, OVERHEAD};

use super::known_keys;
use crate::{
    arguments::{blank, fits, length, required},
    backend::is_read_only,
    errors::{log_to_server, raise_inactive, Error, Result, SqlResult},
    keyring::{self, with_ring},
    settings,
    statements::{connected, failed, is_current, one, own_schema, run, Statements},
    values::{prefetch, Bytea, Bytes, Text, TextResult, Timestamp, Uuid, WipedBytea},
};

/// Seals a token for a user, under the current key of the ring.
#[pg_extern(volatile, strict, parallel_safe, sql = false)]
fn vetassist_encrypt_token(token: Text<'_>, user_id: Uuid) -> SqlResult<Bytea> {
    Ok(seal(token, user_id)?)
}

/// Seals a token for a user under the current key.
fn seal(token: Text<'_>, user_id: Uuid) -> Result<Bytea> {
    known_keys::check()?;
    token.prefetch();
    let token = token.to_utf8()?;
    with_ring(|session, _| {
        let mut sealed = Bytea::zeroed(token.len() + OVERHEAD)?;
        session.seal_token_into(user_id.0, &token, sealed.as_mut_slice(), keyring::forks())?;
        Ok(sealed)
    })
}

/// Opens a user's token with the key of the ring that sealed it.
#[pg_extern(stable, strict, parallel_safe, sql = false)]
fn vetassist_decrypt_token(sealed: Bytes<'_>, user_id: Uuid) -> SqlResult<TextResult> {
    let sealed = sealed.as_slice();
    prefetch(sealed);
    Ok(with_ring(|session, _| {
        let mut token = Bytea::zeroed(opened_len(sealed)?)?;
        session.open_token_into(user_id.0, sealed, token.as_mut_slice())?;
        TextResult::opened(token)
    })?)
}

/// Opens a user's token. Returns NULL if no key of the ring opens it.
#[pg_extern(stable, strict, parallel_safe, sql = false)]
fn vetassist_opened_token(sealed: Bytes<'_>, user_id: Uuid) -> SqlResult<Option<TextResult>> {
    Ok(open(sealed, user_id)?.map(TextResult::opened).transpose()?)
}

/// Opens a user's token. Returns none if no key of the ring opens it.
pub(super) fn open(sealed: Bytes<'_>, user: Uuid) -> Result<Option<Bytea>> {
    let sealed = sealed.as_slice();
    let Ok(len) = opened_len(sealed) else { return Ok(None) };
    let mut token = Bytea::zeroed(len)?;
    let is_open = with_ring(|session, _| {
        Ok(session.open_token_into(user.0, sealed, token.as_mut_slice()).is_ok())
    })?;
    Ok(is_open.then_some(token))
}

/// Returns the value of `vetassist.audit_openings`: whether opening a stored token is an event. If it is on, it writes a
/// line to the server's log.
#[pg_extern(volatile, strict, parallel_unsafe, sql = false)]
fn vetassist_opening_is_event(user_id: Uuid, token: Text<'_>) -> SqlResult<bool> {
    if !settings::audit_openings()? {
        return Ok(false);
    }
    if is_read_only() {
        return Err(Error::new(
            PgSqlErrorCode::ERRCODE_READ_ONLY_SQL_TRANSACTION,
            "a stored token cannot be opened because the event of the opening cannot be written",
            "vetassist.audit_openings is on. Open the token on the primary server, in a transaction that is not read-only.",
        )
        .into());
    }
    log_to_server(format!("the {} token of user {} is opened", token.to_readable()?, user_id.0));
    Ok(true)
}

/// Stores tokens that VA.gov issued.
#[pg_extern(sql = false)]
fn vetassist_store_tokens(
    user_id: Option<Uuid>,
    access_token: Option<Text<'_>>,
    expires_at: Option<Timestamp>,
    refresh_token: Option<Text<'_>>,
    token_type: Option<Text<'_>>,
    scope: Option<Text<'_>>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> SqlResult<()> {
    const HINT: &str = "The first three arguments are required.";
    let user = required("user_id", user_id, HINT)?;
    let access = required("access_token", access_token, HINT)?;
    let expires_at = required("expires_at", expires_at, HINT)?;
    let tokens = Tokens { access, refresh: refresh_token, kind: token_type, scope };
    tokens.check("Pass the access token that VA.gov returned.")?;
    connected(|client| {
        if !is_current(client)? {
            return store_as_before(
                tokens,
                Statements::of(fcinfo, client)?,
                client,
                user,
                expires_at,
            );
        }
        let twin = format!(
            "SELECT {}.vetassist_store_tokens_sealed($1, $2, $3, $4, $5, $6)",
            own_schema(client)?
        );
        let row = tokens.sealed(user, user, expires_at)?;
        client.select(&twin, None, &row).map_err(failed)?;
        known_keys::note(client)
    })?;
    Ok(())
}

/// Stores tokens in a database with an older version, which has no function for sealed tokens.
fn store_as_before(
    tokens: Tokens<'_>,
    statements: &Statements,
    client: &mut SpiClient<'_>,
    user: Uuid,
    expires_at: Timestamp,
) -> Result<()> {
    const HINT: &str = "Nothing was stored.";
    let [id] = random_uuids().map_err(Error::from)?.map(Uuid);
    let found = run(client, &statements.is_active, &[user.into()])?;
    if found.is_empty() {
        let code = PgSqlErrorCode::ERRCODE_FOREIGN_KEY_VIOLATION;
        return Err(Error::new(code, "there is no such user", HINT));
    }
    if found.get::<bool>(1).map_err(failed)? != Some(true) {
        raise_inactive(user.0, HINT);
    }
    tokens.put(statements, client, [id, user], false, [expires_at, Timestamp::of_transaction()])
}

/// Stores the tokens that VA.gov returned for a leased refresh token.
#[pg_extern(sql = false)]
fn vetassist_finish_refresh(
    lease_id: Option<Uuid>,
    access_token: Option<Text<'_>>,
    expires_at: Option<Timestamp>,
    refresh_token: Option<Text<'_>>,
    token_type: Option<Text<'_>>,
    scope: Option<Text<'_>>,
) -> SqlResult<TextResult> {
    const HINT: &str = "Pass the lease_id of the lease, and the tokens that VA.gov returned.";
    let lease = required("lease_id", lease_id, HINT)?;
    let access = required("access_token", access_token, HINT)?;
    let expires_at = required("expires_at", expires_at, HINT)?;
    let tokens = Tokens { access, refresh: refresh_token, kind: token_type, scope };
    tokens.check(HINT)?;
    let is_stored = connected(|client| {
        let schema = own_schema(client)?;
        let user_of = format!(
            "SELECT l.user_id FROM {schema}.vetassist_refresh_leases AS l WHERE l.lease_id = $1"
        );
        let leased = client.select(&user_of, Some(1), &[lease.into()]).map_err(failed)?.first();
        if leased.is_empty() {
            return Ok(false);
        }
        let user: Uuid = one(leased.get(1))?;
        let row = tokens.sealed(lease, user, expires_at)?;
        let twin =
            format!("SELECT {schema}.vetassist_finish_refresh_sealed($1, $2, $3, $4, $5, $6)");
        let outcome = client.select(&twin, Some(1), &row).map_err(failed)?.first();
        let outcome: Text<'_> = one(outcome.get(1))?;
        if outcome.as_bytes() == b"stored" {
            known_keys::note(client)?;
            return Ok(true);
        }
        // An earlier call may have stored the same tokens, sealed with other nonces.
        let stored = format!(
            "SELECT t.access_token_encrypted, t.refresh_token_encrypted
             FROM {schema}.vetassist_refresh_leases AS l
             JOIN {schema}.vetassist_va_tokens AS t ON t.user_id = l.user_id
             WHERE l.lease_id = $1
               AND l.stored_digest = {schema}.vetassist_tokens_digest(t.access_token_encrypted, t.refresh_token_encrypted)"
        );
        let stored = client.select(&stored, Some(1), &[lease.into()]).map_err(failed)?.first();
        if stored.is_empty() {
            return Ok(false);
        }
        let access: Bytes<'_> = one(stored.get(1))?;
        let refresh: Option<Bytes<'_>> = stored.get(2).map_err(failed)?;
        if !opens_to(access, user, tokens.access)? {
            return Ok(false);
        }
        match (tokens.refresh, refresh) {
            (None, _) => Ok(true),
            (Some(given), Some(refresh)) => opens_to(refresh, user, given),
            (Some(_), None) => Ok(false),
        }
    })?;
    Ok(TextResult::of(if is_stored { "stored" } else { "superseded" })?)
}

/// Returns whether a sealed token opens to this text.
fn opens_to(sealed: Bytes<'_>, user: Uuid, text: Text<'_>) -> Result<bool> {
    let Some(token) = open(sealed, user)? else { return Ok(false) };
    // The caller already knows the text, so the time of the comparison reveals nothing to it.
    Ok(*WipedBytea(token).0.as_mut_slice() == *text.to_utf8()?)
}

/// The stored values of VA.gov's answer.
pub(super) struct Tokens<'a> {
    pub(super) access: Text<'a>,
    /// If it is none or empty, the stored refresh token stays.
    pub(super) refresh: Option<Text<'a>>,
    pub(super) kind: Option<Text<'a>>,
    pub(super) scope: Option<Text<'a>>,
}

impl Tokens<'_> {
    /// Checks that the values can be stored.
    pub(super) fn check(&self, hint: &'static str) -> Result<()> {
        if self.access.is_empty() {
            return Err(blank("access_token", hint));
        }
        fits(&[
            ("token_type", self.kind, const { length("vetassist_va_tokens", "token_type") }),
            ("scope", self.scope, const { length("vetassist_va_tokens", "scope") }),
        ])
    }

    /// Seals both tokens for a user.
    fn seal(&self, user: Uuid) -> Result<[Option<Bytea>; 2]> {
        let refresh = self.refresh.filter(|token| !token.is_empty());
        Ok([Some(seal(self.access, user)?), refresh.map(|token| seal(token, user)).transpose()?])
    }

    /// Seals both tokens for a user, and returns the arguments of the functions for sealed tokens: an id, the access token,
    /// its expiry, the refresh token, type, scope.
    fn sealed(&self, id: Uuid, user: Uuid, expires_at: Timestamp) -> Result<[DatumWithOid<'_>; 6]> {
        let [access, refresh] = self.seal(user)?;
        Ok([
            id.into(),
            access.into(),
            expires_at.into(),
            refresh.into(),
            self.kind.into(),
            self.scope.into(),
        ])
    }

    /// Seals both tokens and stores them. `is_new` is true for a user whom this transaction has made.
    pub(super) fn put(
        self,
        statements: &Statements,
        client: &mut SpiClient<'_>,
        [id, user]: [Uuid; 2],
        is_new: bool,
        [expires_at, now]: [Timestamp; 2],
    ) -> Result<()> {
        let [access, refresh] = self.seal(user)?;
        let row: [DatumWithOid<'_>; 8] = [
            id.into(),
            user.into(),
            access.into(),
            refresh.into(),
            self.kind.into(),
            self.scope.into(),
            expires_at.into(),
            now.into(),
        ];
        if is_new {
            return run(client, &statements.add_tokens, &row).map(|_| ());
        }
        let replaced = run(client, &statements.replace_tokens, &row[1..])?;
        if replaced.is_empty() {
            run(client, &statements.put_tokens, &row)?;
        } else if let Some(forget_failure) = &statements.forget_failure {
            run(client, forget_failure, &row[1..2])?;
        }
        Ok(())
    }
}
