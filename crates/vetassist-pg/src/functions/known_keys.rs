//! Checks that the database knows the key ring.
//!
//! A server that starts with another key file, such as after a lost volume, must not seal under keys that open no stored
//! token. `vetassist_key_fingerprints` has the fingerprints of the keys that sealed stored tokens.

use core::cell::Cell;

use pgrx::{
    register_subxact_callback, register_xact_callback, spi::SpiClient, PgSqlErrorCode,
    PgSubXactCallbackEvent, PgXactCallbackEvent,
};

use super::tokens::open;
use crate::{
    backend::is_in_subtransaction,
    errors::{warn, Error, Result},
    keyring::{self, with_ring},
    owner::{as_role, owner_of_tables},
    statements::{connected, failed, is_current, one, own_schema},
    values::{Bytes, Uuid, WipedBytea},
};

/// The most stored tokens that the check tries to open.
const TRIED: i32 = 16;

thread_local! {
    /// The number of the reading of the ring that the database knows.
    static KNOWN: Cell<u64> = const { Cell::new(0) };
    /// The number of the reading of the ring whose current key a committed transaction has noted.
    static NOTED: Cell<u64> = const { Cell::new(0) };
    /// The number of the reading of the ring whose current key is noted when the transaction commits.
    static NOTING: Cell<u64> = const { Cell::new(0) };
    /// True once this backend has warned of a missing key.
    static WARNED: Cell<bool> = const { Cell::new(false) };
}

/// Refuses a ring that the database does not know, before a token is sealed under it.
pub(super) fn check() -> Result<()> {
    // This reads the ring if it was not read yet, or if the settings were read again after it.
    with_ring(|_, _| Ok(()))?;
    if KNOWN.get() == keyring::reading() {
        return Ok(());
    }
    connected(|client| {
        // An older version has no table of fingerprints. The ring is checked after the update.
        if is_current(client)? {
            let (schema, owner) = (own_schema(client)?, owner_of_tables(client)?);
            as_role(owner, || judge(client, &schema))?;
            KNOWN.set(keyring::reading());
            // The transaction may undo what the ring was judged by, such as vetassist_accept_ring().
            let forget = || KNOWN.set(0);
            register_xact_callback(PgXactCallbackEvent::Abort, forget);
            register_xact_callback(PgXactCallbackEvent::Prepare, forget);
            register_subxact_callback(PgSubXactCallbackEvent::AbortSub, move |_, _| forget());
        }
        Ok(())
    })
}

/// Compares the ring with the fingerprints that the database has noted.
fn judge(client: &SpiClient<'_>, schema: &str) -> Result<()> {
    let known =
        format!("SELECT coalesce(pg_catalog.array_agg(k), '{{}}') FROM {schema}.vetassist_known_keys() AS k");
    let known: Vec<String> =
        one(client.select(&known, Some(1), &[]).and_then(|rows| rows.first().get_one()))?;
    let own = with_ring(|session, _| {
        let keys = session.ring().keys().iter();
        Ok(keys.map(|key| key.fingerprint().as_str().to_owned()).collect::<Vec<_>>())
    })?;
    let is_noted = own.iter().any(|key| known.contains(key));
    let is_whole = known.iter().all(|key| own.contains(key));
    if is_noted && is_whole {
        return Ok(());
    }
    let (tried, opened) = try_tokens(client, schema)?;
    // If no key is noted yet, as after an update or an adoption, a wrong ring cannot be recognised.
    if !is_noted && !known.is_empty() && tried > 0 && opened == 0 {
        let known = known.join(", ");
        return Err(Error::new(
            PgSqlErrorCode::ERRCODE_CONFIG_FILE_ERROR,
            "the key ring has no key that this database knows",
            "Nothing was sealed. Give the server the ring that sealed the stored tokens. If that ring is lost for good, SELECT vetassist_accept_ring(): the stored tokens cannot be opened any more.",
        )
        .with_detail(format!("fingerprints of known keys: {known}; of the ring: {}", own.join(", "))));
    }
    if !is_whole && opened < tried && !WARNED.replace(true) {
        warn(
            "the key ring lacks a key that still seals stored tokens",
            "Put the key back behind the current one, then CALL vetassist_rotate_tokens().",
        );
    }
    Ok(())
}

/// Tries to open some stored tokens. Returns how many it tried and how many opened.
fn try_tokens(client: &SpiClient<'_>, schema: &str) -> Result<(usize, usize)> {
    let sample = format!(
        "SELECT t.user_id, t.access_token_encrypted FROM {schema}.vetassist_va_tokens AS t LIMIT {TRIED}"
    );
    let (mut tried, mut opened) = (0, 0);
    for row in client.select(&sample, None, &[]).map_err(failed)? {
        let (user, sealed): (Uuid, Bytes<'_>) = (one(row.get(1))?, one(row.get(2))?);
        tried += 1;
        opened += usize::from(open(sealed, user)?.map(WipedBytea).is_some());
    }
    Ok((tried, opened))
}

/// Returns the fingerprint of the current key.
pub(super) fn current() -> Result<String> {
    with_ring(|session, _| Ok(session.ring().current().fingerprint().as_str().to_owned()))
}

/// Notes the current key after a stored token was sealed under it. If the transaction is rolled back, the next call notes
/// the key again.
pub(super) fn note(client: &mut SpiClient<'_>) -> Result<()> {
    let reading = keyring::reading();
    if NOTED.get() == reading || !is_current(client)? {
        return Ok(());
    }
    let schema = own_schema(client)?;
    let key = current()?;
    let note = format!("SELECT {schema}.vetassist_note_key($1)");
    client.select(&note, None, &[key.into()]).map_err(failed)?;
    // A subtransaction may be rolled back although the transaction commits.
    if !is_in_subtransaction() {
        NOTING.set(reading);
        register_xact_callback(PgXactCallbackEvent::Commit, || NOTED.set(NOTING.get()));
        // A prepared transaction may be rolled back. pgrx calls its callback for Commit at the next commit.
        register_xact_callback(PgXactCallbackEvent::Prepare, || NOTING.set(0));
    }
    Ok(())
}
