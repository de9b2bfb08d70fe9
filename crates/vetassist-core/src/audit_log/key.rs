//! The audit key, and the verifier key that belongs to it.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::{fmt, str::FromStr};

use base64ct::{Base64, Encoding};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey, PUBLIC_KEY_LENGTH};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::error::VerifierKeyError;
use crate::error::KeyError;

const KEY_LEN: usize = 32;
const KEY_ID_LEN: usize = 4;
/// The number of Ed25519 in the list of signed-note.
const ALGORITHM: u8 = 1;

/// The id of a key: four bytes of a hash.
pub(super) type KeyId = [u8; KEY_ID_LEN];

/// The key that signs checkpoints: the seed of an Ed25519 key.
///
/// It is wiped when dropped and never prints itself.
pub struct AuditKey(SigningKey);

impl AuditKey {
    /// Draws a new key from the operating system's generator.
    ///
    /// # Errors
    /// [`RandomError`](crate::RandomError) if the generator fails.
    #[cfg(feature = "getrandom")]
    pub fn generate() -> Result<Self, crate::error::RandomError> {
        let mut seed = Zeroizing::new([0; KEY_LEN]);
        crate::nonce::os_random(&mut *seed)?;
        Ok(Self::from_bytes(&seed))
    }

    /// Returns the key with this seed.
    #[must_use]
    pub fn from_bytes(seed: &[u8; KEY_LEN]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Reads a key written as 64 hexadecimal digits, of either case.
    ///
    /// # Errors
    /// [`KeyError::NotHex`] for anything else.
    pub fn from_hex(text: &str) -> Result<Self, KeyError> {
        let mut seed = Zeroizing::new([0; KEY_LEN]);
        match base16ct::mixed::decode(text, &mut *seed) {
            Ok(decoded) if decoded.len() == KEY_LEN => Ok(Self::from_bytes(&seed)),
            _ => Err(KeyError::NotHex),
        }
    }

    /// Returns the seed, which is secret.
    #[must_use]
    pub fn expose_bytes(&self) -> &[u8; KEY_LEN] {
        self.0.as_bytes()
    }

    /// Returns the verifier key with this name. For checkpoints the name is the log's origin.
    ///
    /// # Errors
    /// [`VerifierKeyError::Name`] if a key cannot have this name.
    pub fn verifier(&self, name: &str) -> Result<VerifierKey, VerifierKeyError> {
        VerifierKey::new(name, self.0.verifying_key())
    }

    /// Returns the signature of a text.
    pub(super) fn sign(&self, text: &str) -> [u8; Signature::BYTE_SIZE] {
        self.0.sign(text.as_bytes()).to_bytes()
    }
}

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditKey").finish_non_exhaustive()
    }
}

/// The public half of an audit key, with its name: `name+key id+base64`.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: KeyId,
    key: VerifyingKey,
}

impl VerifierKey {
    fn new(name: &str, key: VerifyingKey) -> Result<Self, VerifierKeyError> {
        if !is_name(name) {
            return Err(VerifierKeyError::Name);
        }
        Ok(Self { name: name.into(), id: key_id(name, &key), key })
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the key's id as the verifier key has it: eight hexadecimal digits.
    #[must_use]
    pub fn id(&self) -> String {
        hex_id(&self.id)
    }

    pub(super) const fn id_bytes(&self) -> &KeyId {
        &self.id
    }

    /// Returns true if this is the key's signature of the text.
    pub(super) fn verify(&self, text: &str, signature: &[u8]) -> bool {
        Signature::from_slice(signature)
            .is_ok_and(|signature| self.key.verify_strict(text.as_bytes(), &signature).is_ok())
    }
}

/// Returns true if a key can have this name.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.contains(|c: char| c.is_whitespace() || c == '+' || c.is_ascii_control())
}

/// Returns the first bytes of the hash of a name and a key.
fn key_id(name: &str, key: &VerifyingKey) -> KeyId {
    let hash = Sha256::new_with_prefix(name)
        .chain_update([b'\n', ALGORITHM])
        .chain_update(key.as_bytes())
        .finalize();
    [hash[0], hash[1], hash[2], hash[3]]
}

pub(super) fn hex_id(id: &KeyId) -> String {
    crate::hex::as_str(&crate::hex::encode::<KEY_ID_LEN, { 2 * KEY_ID_LEN }>(id)).into()
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::with_capacity(1 + PUBLIC_KEY_LENGTH);
        bytes.push(ALGORITHM);
        bytes.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{}+{}", self.name, self.id(), Base64::encode_string(&bytes))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

impl FromStr for VerifierKey {
    type Err = VerifierKeyError;

    fn from_str(text: &str) -> Result<Self, VerifierKeyError> {
        // The key in base64 may contain `+` too.
        let mut parts = text.splitn(3, '+');
        let mut part = || parts.next().ok_or(VerifierKeyError::Parts);
        let (name, id, key) = (part()?, part()?, part()?);
        let id_digits = crate::hex::parse::<{ 2 * KEY_ID_LEN }>(id);
        let id_digits = id_digits.ok_or(VerifierKeyError::KeyId)?;
        let mut bytes = [0; 1 + PUBLIC_KEY_LENGTH];
        let key = match Base64::decode(key, &mut bytes) {
            Ok([ALGORITHM, key @ ..]) => VerifyingKey::try_from(key),
            _ => return Err(VerifierKeyError::Key),
        };
        let verifier = Self::new(name, key.map_err(|_| VerifierKeyError::Key)?)?;
        if verifier.id().as_bytes() == id_digits && verifier.to_string() == text {
            Ok(verifier)
        } else {
            Err(VerifierKeyError::Mismatch)
        }
    }
}
