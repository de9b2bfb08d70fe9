//! What turning keys takes. The plaintext stays in here.

use pgrx::pg_extern;
use vetassist_core::{opened_len, OpenError, Uuid, OVERHEAD};

use crate::{
    errors::{Answer, Explain, Outcome},
    keyring::{self, with_ring, Loaded},
    values::{Bytea, Bytes, Plaintext, UserId},
};

/// The position, from 1, of the key that sealed a user's token; 0 if no key of the ring did.
#[pg_extern(stable, strict, parallel_safe, sql = false)]
fn vetassist_token_key(sealed: Bytes<'_>, user_id: UserId) -> Answer<i32> {
    Ok(with_ring(|loaded| {
        Ok(open(loaded, sealed.0, user_id.0)?.map_or(0, |(position, _)| {
            i32::try_from(position).unwrap_or(i32::MAX).saturating_add(1)
        }))
    })?)
}

/// A user's token sealed anew under the current key. NULL where nothing is to be done: the current key
/// sealed it, or no key of the ring did.
#[pg_extern(volatile, strict, parallel_safe, sql = false)]
fn vetassist_reseal_token(sealed: Bytes<'_>, user_id: UserId) -> Answer<Option<Bytea>> {
    Ok(with_ring(|loaded| match open(loaded, sealed.0, user_id.0)? {
        None | Some((0, _)) => Ok(None),
        Some((_, mut token)) => {
            let token = token.0.as_mut_slice();
            let mut resealed = Bytea::zeroed(token.len() + OVERHEAD)?;
            loaded
                .user(user_id.0)
                .seal_into(keyring::nonce()?, token, resealed.as_mut_slice())
                .explain()?;
            Ok(Some(resealed))
        }
    })?)
}

/// The token and the position of its key, if a key of the ring opens it.
fn open(loaded: &mut Loaded, sealed: &[u8], user_id: Uuid) -> Outcome<Option<(usize, Plaintext)>> {
    let Ok(len) = opened_len(sealed) else { return Ok(None) };
    let mut token = Plaintext(Bytea::zeroed(len)?);
    match loaded.user(user_id).open_token_into(sealed, token.0.as_mut_slice()) {
        Ok(position) => Ok(Some((position, token))),
        Err(OpenError::Refused) => Ok(None),
        Err(error) => Err(error).explain(),
    }
}
