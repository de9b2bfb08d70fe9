//! What rotating keys takes. The plaintext stays in here.

use pgrx::pg_extern;
use vetassist_core::{opened_len, Reseal};

use crate::{
    errors::SqlResult,
    keyring::{self, with_ring},
    values::{Bytea, Bytes, Uuid, WipedBytea},
};

/// Returns the position, from 1, of the key that sealed a user's token; 0 if no key of the ring did.
#[pg_extern(stable, strict, parallel_safe, sql = false)]
fn vetassist_token_key(sealed: Bytes<'_>, user_id: Uuid) -> SqlResult<i32> {
    let sealed = sealed.as_slice();
    let position = with_ring(|session, _| {
        let Ok(len) = opened_len(sealed) else { return Ok(None) };
        let mut token = WipedBytea(Bytea::zeroed(len)?);
        Ok(session.token_key(user_id.0, sealed, token.0.as_mut_slice())?)
    })?;
    Ok(position.map_or(0, |position| i32::try_from(position).unwrap_or(i32::MAX).saturating_add(1)))
}

/// Returns a user's token sealed anew under the current key. NULL where nothing is to be done: the current key
/// sealed it, or no key of the ring did.
#[pg_extern(volatile, strict, parallel_safe, sql = false)]
fn vetassist_reseal_token(sealed: Bytes<'_>, user_id: Uuid) -> SqlResult<Option<Bytea>> {
    let sealed = sealed.as_slice();
    Ok(with_ring(|session, _| {
        let mut resealed = Bytea::zeroed(sealed.len())?;
        let buffer = resealed.as_mut_slice();
        Ok(match session.reseal_token_into(user_id.0, sealed, buffer, keyring::forks())? {
            Reseal::Resealed => Some(resealed),
            Reseal::Current | Reseal::Unopened => None,
        })
    })?)
}
