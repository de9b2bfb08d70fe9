//! The primitives, whose key the caller passes.

use pgrx::pg_extern;
use vetassist_core::{opened_len, Key, MasterKey, OVERHEAD};

use crate::{
    errors::{Error, Result, SqlResult},
    keyring,
    values::{Bytea, Bytes, Text, TextResult, Uuid},
};

/// Seals bytes: a fresh nonce, the ciphertext and the tag, 28 bytes more than the plaintext.
#[pg_extern(volatile, strict, parallel_safe, sql = false)]
fn vetassist_encrypt(plaintext: Bytes<'_>, key: Bytes<'_>, aad: Bytes<'_>) -> SqlResult<Bytea> {
    Ok(seal(plaintext.as_slice(), key, aad)?)
}

/// Seals text as UTF-8, no matter what the encoding of the database is.
#[pg_extern(volatile, strict, parallel_safe, sql = false)]
fn vetassist_encrypt_text(plaintext: Text<'_>, key: Bytes<'_>, aad: Bytes<'_>) -> SqlResult<Bytea> {
    Ok(seal(&plaintext.to_utf8()?, key, aad)?)
}

/// Opens a sealed value.
#[pg_extern(stable, strict, parallel_safe, sql = false)]
fn vetassist_decrypt(sealed: Bytes<'_>, key: Bytes<'_>, aad: Bytes<'_>) -> SqlResult<Bytea> {
    Ok(open(sealed, key, aad)?)
}

/// Opens a sealed value that holds text.
#[pg_extern(stable, strict, parallel_safe, sql = false)]
fn vetassist_decrypt_text(
    sealed: Bytes<'_>,
    key: Bytes<'_>,
    aad: Bytes<'_>,
) -> SqlResult<TextResult> {
    Ok(TextResult::opened(open(sealed, key, aad)?)?)
}

/// Draws a key of 32 bytes.
#[pg_extern(volatile, strict, parallel_safe, sql = false)]
fn vetassist_generate_key() -> SqlResult<Bytea> {
    let key = Key::generate().map_err(Error::from)?;
    Ok(Bytea::copy_of(key.expose_bytes())?)
}

/// Derives the key that seals a user's tokens from a master key.
#[pg_extern(stable, strict, parallel_safe, sql = false)]
fn vetassist_derive_user_key(master: Bytes<'_>, user_id: Uuid) -> SqlResult<Bytea> {
    let master = MasterKey::try_from(master.as_slice()).map_err(Error::from)?;
    Ok(Bytea::copy_of(master.derive_user_key(&user_id.0).expose_bytes())?)
}

fn seal(plaintext: &[u8], key: Bytes<'_>, aad: Bytes<'_>) -> Result<Bytea> {
    let key = Key::try_from(key.as_slice())?;
    let mut sealed = Bytea::zeroed(plaintext.len() + OVERHEAD)?;
    key.seal_into(keyring::nonce()?, plaintext, aad.as_slice(), sealed.as_mut_slice())?;
    Ok(sealed)
}

fn open(sealed: Bytes<'_>, key: Bytes<'_>, aad: Bytes<'_>) -> Result<Bytea> {
    let key = Key::try_from(key.as_slice())?;
    let mut plaintext = Bytea::zeroed(opened_len(sealed.as_slice())?)?;
    key.open_into(sealed.as_slice(), aad.as_slice(), plaintext.as_mut_slice())?;
    Ok(plaintext)
}
