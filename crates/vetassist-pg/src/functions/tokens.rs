//! Tokens of VA.gov: seal, store, open. They are sealed here, before any statement is told of them.

use pgrx::{datum::DatumWithOid, pg_extern, pg_sys, spi::SpiClient, Uuid};
use vetassist_core::{opened_len, random_uuids, OVERHEAD};

use crate::{
    arguments::{blank, fits, missing},
    errors::{Answer, Explain, Outcome},
    keyring::{self, with_ring},
    statements::{connected, Statement, Statements},
    values::{core_uuid, pg_uuid, prefetch, Bytea, Bytes, Instant, Text, TextArg, UserId},
};

/// Seals a token for a user, under the current key of the ring.
#[pg_extern(volatile, strict, parallel_safe, sql = false)]
fn vetassist_encrypt_token(token: TextArg<'_>, user_id: UserId) -> Answer<Bytea> {
    Ok(seal(token, user_id.0)?)
}

/// Seals a token for a user under the current key.
fn seal(token: TextArg<'_>, user_id: vetassist_core::Uuid) -> Outcome<Bytea> {
    token.prefetch();
    let token = token.into_utf8()?;
    with_ring(|loaded| {
        let mut sealed = Bytea::zeroed(token.len() + OVERHEAD)?;
        let nonce = keyring::nonce()?;
        loaded.user(user_id).seal_into(nonce, &token, sealed.as_mut_slice()).explain()?;
        Ok(sealed)
    })
}

/// Opens a user's token with whichever key of the ring sealed it.
#[pg_extern(stable, strict, parallel_safe, sql = false)]
fn vetassist_decrypt_token(sealed: Bytes<'_>, user_id: UserId) -> Answer<Text> {
    let sealed = sealed.0;
    prefetch(sealed);
    Ok(with_ring(|loaded| {
        let mut token = Bytea::zeroed(opened_len(sealed).explain()?)?;
        loaded.user(user_id.0).open_token_into(sealed, token.as_mut_slice()).explain()?;
        Text::from_utf8(token)
    })?)
}

/// Stores tokens that VA.gov refreshed. Its SQL is in `sql/functions/tokens.sql`.
#[pg_extern(sql = false)]
fn vetassist_store_tokens(
    user_id: Option<Uuid>,
    access_token: Option<TextArg<'_>>,
    expires_at: Option<Instant>,
    refresh_token: Option<TextArg<'_>>,
    token_type: Option<TextArg<'_>>,
    scope: Option<TextArg<'_>>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Answer<()> {
    const HINT: &str = "The first three arguments are required.";
    let user = user_id.ok_or_else(|| missing("user_id", HINT))?;
    let access = access_token.ok_or_else(|| missing("access_token", HINT))?;
    let expires_at = expires_at.ok_or_else(|| missing("expires_at", HINT))?;
    if access.is_empty() {
        return Err(blank("access_token", "Pass what VA.gov answered."));
    }
    fits(&[("token_type", token_type.as_ref(), 20), ("scope", scope.as_ref(), 500)])?;
    let [id] = random_uuids().explain()?.map(pg_uuid);
    connected(|client| {
        let statements = Statements::of(fcinfo, client)?;
        statements.run(client, Statement::RequireActiveUser, &[user.into()])?;
        let tokens = Tokens { access, refresh: refresh_token, kind: token_type, scope };
        let times = [expires_at, Instant::of_transaction()];
        tokens.put(statements, client, [id, user], false, times)
    })?;
    Ok(())
}

/// What VA.gov's answer carries.
pub(super) struct Tokens<'a> {
    pub(super) access: TextArg<'a>,
    /// None, or empty, leaves what is stored.
    pub(super) refresh: Option<TextArg<'a>>,
    pub(super) kind: Option<TextArg<'a>>,
    pub(super) scope: Option<TextArg<'a>>,
}

impl Tokens<'_> {
    /// Seals both into the user's row. A new user is one whom nobody else can see yet.
    pub(super) fn put(
        self,
        statements: &Statements,
        client: &mut SpiClient<'_>,
        [id, user]: [Uuid; 2],
        is_new: bool,
        [expires_at, now]: [Instant; 2],
    ) -> Outcome<()> {
        let refresh = self.refresh.filter(|token| !token.is_empty());
        let row: [DatumWithOid<'_>; 8] = [
            id.into(),
            user.into(),
            seal(self.access, core_uuid(user))?.into(),
            refresh.map(|token| seal(token, core_uuid(user))).transpose()?.into(),
            self.kind.into(),
            self.scope.into(),
            expires_at.into(),
            now.into(),
        ];
        if is_new {
            return statements.run(client, Statement::AddTokens, &row).map(|_| ());
        }
        let replaced = statements.run(client, Statement::ReplaceTokens, &row[1..])?;
        if replaced.is_empty() {
            statements.run(client, Statement::PutTokens, &row)?;
        }
        Ok(())
    }
}
