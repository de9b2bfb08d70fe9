//! The functions that use the server's key ring. No key is ever a SQL value here.

use pgrx::{iter::TableIterator, name, pg_extern, pg_sys::panic::ErrorReport};
use vetassist_core::{opened_len, IpHash, Uuid, OVERHEAD};

use crate::{
    datum::{prefetch, Bytea, Bytes, InetArg, Text, TextArg, UserId},
    errors::{Answer, Explain, Outcome},
    keyring::{self, with_ring},
};

/// Seals a token for a user, under the current key of the ring.
#[pg_extern(volatile, strict, parallel_safe, sql = false)]
fn vetassist_encrypt_token(token: TextArg<'_>, user_id: UserId) -> Answer<Bytea> {
    Ok(seal(token, user_id.0)?)
}

/// Seals a token for a user under the current key.
pub(crate) fn seal(token: TextArg<'_>, user_id: Uuid) -> Outcome<Bytea> {
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

/// The hash of an address under a key derived from the current master key.
#[pg_extern(stable, strict, parallel_safe, sql = false)]
fn vetassist_hash_ip_keyed(ip: InetArg) -> Answer<String> {
    let plain = IpHash::of(ip.host()?);
    Ok(with_ring(|loaded| Ok(loaded.ring.upgrade_ip_hash(&plain).as_str().to_owned()))?)
}

/// Makes a keyed hash of a plain one.
#[pg_extern(stable, strict, parallel_safe, sql = false)]
fn vetassist_upgrade_ip_hash(plain_hash: &str) -> Answer<String> {
    let plain: IpHash = plain_hash.parse().explain()?;
    Ok(with_ring(|loaded| Ok(loaded.ring.upgrade_ip_hash(&plain).as_str().to_owned()))?)
}

/// The keys of the ring, by fingerprint.
#[pg_extern(stable, strict, parallel_safe, sql = false)]
#[allow(clippy::type_complexity)] // the columns, which pgrx reads here and through no alias
fn vetassist_keys() -> Result<
    TableIterator<
        'static,
        (
            name!(position, i32),
            name!(fingerprint, String),
            name!(is_current, bool),
            name!(source, String),
        ),
    >,
    ErrorReport,
> {
    Ok(with_ring(|loaded| {
        let rows: Vec<_> = (1..)
            .zip(loaded.ring.keys())
            .map(|(position, key)| {
                let fingerprint = key.fingerprint().to_string();
                (position, fingerprint, position == 1, loaded.source.name().to_owned())
            })
            .collect();
        Ok(TableIterator::new(rows))
    })?)
}

/// Reads the ring again, in this backend, and says how many keys it holds.
#[pg_extern(volatile, strict, parallel_restricted, sql = false)]
fn vetassist_reload_keys() -> Answer<i32> {
    keyring::forget();
    Ok(with_ring(|loaded| Ok(i32::try_from(loaded.ring.keys().len()).unwrap_or(i32::MAX)))?)
}
