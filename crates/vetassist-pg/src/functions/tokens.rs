//! Tokens of VA.gov: seal, store, open. They are sealed here, before any statement is told of them.

use pgrx::{datum::DatumWithOid, pg_extern, pg_sys, spi::SpiClient, PgSqlErrorCode};
use vetassist_core::{opened_len, random_uuids, OVERHEAD};

use crate::{
    arguments::{blank, fits, length, required},
    errors::{raise_inactive, Error, Result, SqlResult},
    keyring::{self, with_ring},
    statements::{connected, failed, run, Statements},
    values::{prefetch, Bytea, Bytes, Text, TextResult, Timestamp, Uuid},
};

/// Seals a token for a user, under the current key of the ring.
#[pg_extern(volatile, strict, parallel_safe, sql = false)]
fn vetassist_encrypt_token(token: Text<'_>, user_id: Uuid) -> SqlResult<Bytea> {
    Ok(seal(token, user_id)?)
}

/// Seals a token for a user under the current key.
fn seal(token: Text<'_>, user_id: Uuid) -> Result<Bytea> {
    token.prefetch();
    let token = token.to_utf8()?;
    with_ring(|session, _| {
        let mut sealed = Bytea::zeroed(token.len() + OVERHEAD)?;
        session.seal_token_into(user_id.0, &token, sealed.as_mut_slice(), keyring::forks())?;
        Ok(sealed)
    })
}

/// Opens a user's token with whichever key of the ring sealed it.
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

/// Stores tokens that VA.gov refreshed.
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
    tokens.check("Pass what VA.gov answered.")?;
    let [id] = random_uuids().map_err(Error::from)?.map(Uuid);
    connected(|client| {
        let statements = Statements::of(fcinfo, client)?;
        let found = run(client, &statements.is_active, &[user.into()])?;
        if found.is_empty() {
            return Err(Error::new(
                PgSqlErrorCode::ERRCODE_FOREIGN_KEY_VIOLATION,
                "there is no such user",
                "Users are made by vetassist_login().",
            ));
        }
        if found.get::<bool>(1).map_err(failed)? != Some(true) {
            raise_inactive(user.0, "Nothing was stored.");
        }
        tokens.put(statements, client, [id, user], false, [expires_at, Timestamp::of_transaction()])
    })?;
    Ok(())
}

/// VA.gov's answer, as far as it is stored.
pub(super) struct Tokens<'a> {
    pub(super) access: Text<'a>,
    /// None, or empty, leaves what is stored.
    pub(super) refresh: Option<Text<'a>>,
    pub(super) kind: Option<Text<'a>>,
    pub(super) scope: Option<Text<'a>>,
}

impl Tokens<'_> {
    /// Refuses what cannot be stored.
    pub(super) fn check(&self, hint: &'static str) -> Result<()> {
        if self.access.is_empty() {
            return Err(blank("access_token", hint));
        }
        fits(&[
            ("token_type", self.kind, const { length("vetassist_va_tokens", "token_type") }),
            ("scope", self.scope, const { length("vetassist_va_tokens", "scope") }),
        ])
    }

    /// Seals both into the user's row. A new user is one whom nobody else can see yet.
    pub(super) fn put(
        self,
        statements: &Statements,
        client: &mut SpiClient<'_>,
        [id, user]: [Uuid; 2],
        is_new: bool,
        [expires_at, now]: [Timestamp; 2],
    ) -> Result<()> {
        let refresh = self.refresh.filter(|token| !token.is_empty());
        let row: [DatumWithOid<'_>; 8] = [
            id.into(),
            user.into(),
            seal(self.access, user)?.into(),
            refresh.map(|token| seal(token, user)).transpose()?.into(),
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
        }
        Ok(())
    }
}
