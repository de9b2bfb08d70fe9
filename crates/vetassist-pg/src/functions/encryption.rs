//! The primitives whose key the caller gives.

use pgrx::{default, pg_extern};
use vetassist_core::{opened_len, Key, MasterKey, OVERHEAD};

use crate::{
    errors::{Answer, Explain, Outcome},
    keyring,
    values::{Bytea, Bytes, Text, UserId, Utf8},
};

/// Seals bytes: a fresh nonce, the ciphertext and the tag, 28 bytes more than the plaintext.
#[pg_extern(volatile, strict, parallel_safe, sql = false)]
fn vetassist_encrypt(plaintext: &[u8], key: &[u8], aad: default!(&[u8], "''")) -> Answer<Bytea> {
    Ok(seal(plaintext, key, aad)?)
}

/// Seals text, as UTF-8 whatever the database's encoding.
#[pg_extern(name = "vetassist_encrypt", volatile, strict, parallel_safe, sql = false)]
fn vetassist_encrypt_text(
    plaintext: Utf8<'_>,
    key: &[u8],
    aad: default!(&[u8], "''"),
) -> Answer<Bytea> {
    Ok(seal(&plaintext.into_utf8()?, key, aad)?)
}

/// Opens a sealed value.
#[pg_extern(stable, strict, parallel_safe, sql = false)]
fn vetassist_decrypt(sealed: &[u8], key: &[u8], aad: default!(&[u8], "''")) -> Answer<Bytea> {
    Ok(open(sealed, key, aad)?)
}

/// Opens a sealed value that holds text.
#[pg_extern(stable, strict, parallel_safe, sql = false)]
fn vetassist_decrypt_text(sealed: &[u8], key: &[u8], aad: default!(&[u8], "''")) -> Answer<Text> {
    Ok(Text::from_utf8(open(sealed, key, aad)?)?)
}

/// Draws a key of 32 bytes.
#[pg_extern(volatile, strict, parallel_safe, sql = false)]
fn vetassist_generate_key() -> Answer<Bytea> {
    Ok(Bytea::copied(Key::generate().explain()?.expose_bytes())?)
}

/// Derives the key that seals a user's tokens from a master key.
#[pg_extern(stable, strict, parallel_safe, sql = false)]
fn vetassist_derive_user_key(master: Bytes<'_>, user_id: UserId) -> Answer<Bytea> {
    let master = MasterKey::try_from(master.0).explain()?;
    Ok(Bytea::copied(master.derive_user_key(&user_id.0).expose_bytes())?)
}

fn seal(plaintext: &[u8], key: &[u8], aad: &[u8]) -> Outcome<Bytea> {
    let key = Key::try_from(key).explain()?;
    let mut sealed = Bytea::zeroed(plaintext.len() + OVERHEAD)?;
    key.seal_into(keyring::nonce()?, plaintext, aad, sealed.as_mut_slice()).explain()?;
    Ok(sealed)
}

fn open(sealed: &[u8], key: &[u8], aad: &[u8]) -> Outcome<Bytea> {
    let key = Key::try_from(key).explain()?;
    let mut plaintext = Bytea::zeroed(opened_len(sealed).explain()?)?;
    key.open_into(sealed, aad, plaintext.as_mut_slice()).explain()?;
    Ok(plaintext)
}
