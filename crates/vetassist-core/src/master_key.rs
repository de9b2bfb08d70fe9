//! A master key, and everything that is derived from it.

use core::{fmt, str::FromStr};

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use uuid::Uuid;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{
    error::{FingerprintError, KeyError},
    hex,
    ip_hash::IpHash,
    key::{Key, KEY_LEN},
};

const TOKEN_SALT: &[u8] = b"vetassist_token_v1";
const IP_SALT: &[u8] = b"vetassist_ip_v1";
const KEY_ID_SALT: &[u8] = b"vetassist_key_id_v1";

/// A 32-byte master key.
///
/// It never seals anything itself: user keys, the key of keyed IP hashes and the fingerprint are
/// derived from it by HKDF-SHA-256, each with a salt of its own. The extract step of each is done
/// once, when the key is created. It is wiped when dropped, compares in constant time and never prints
/// itself. It holds its secrets inline, as a [`Key`] does.
pub struct MasterKey {
    bytes: Zeroizing<[u8; KEY_LEN]>,
    user_keys: Hkdf<Sha256>,
    ip_mac: Hmac<Sha256>,
    fingerprint: Fingerprint,
}

impl MasterKey {
    /// Draws a new master key from the operating system's generator.
    ///
    /// # Errors
    /// [`RandomError`](crate::RandomError) if the generator fails.
    #[cfg(feature = "getrandom")]
    pub fn generate() -> Result<Self, crate::error::RandomError> {
        let mut bytes = Zeroizing::new([0; KEY_LEN]);
        crate::nonce::os_random(&mut *bytes)?;
        Ok(Self::from_bytes(&bytes))
    }

    /// Returns the master key with these bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; KEY_LEN]) -> Self {
        let mut ip_key = Zeroizing::new([0; KEY_LEN]);
        expand(&extract(IP_SALT, bytes), b"", &mut *ip_key);
        let mut fingerprint = [0; FINGERPRINT_LEN];
        expand(&extract(KEY_ID_SALT, bytes), b"", &mut fingerprint);
        Self {
            bytes: Zeroizing::new(*bytes),
            user_keys: extract(TOKEN_SALT, bytes),
            ip_mac: mac(&ip_key),
            fingerprint: Fingerprint::encode(fingerprint),
        }
    }

    /// Reads a key written as 64 hexadecimal digits, of either case.
    ///
    /// # Errors
    /// [`KeyError::NotHex`] for anything else.
    pub fn from_hex(text: &str) -> Result<Self, KeyError> {
        let mut bytes = Zeroizing::new([0; KEY_LEN]);
        match base16ct::mixed::decode(text, &mut *bytes) {
            Ok(decoded) if decoded.len() == KEY_LEN => Ok(Self::from_bytes(&bytes)),
            _ => Err(KeyError::NotHex),
        }
    }

    /// Returns the master key's bytes, which are secret.
    #[must_use]
    pub fn expose_bytes(&self) -> &[u8; KEY_LEN] {
        &self.bytes
    }

    /// Derives the key that seals this user's tokens.
    #[must_use]
    pub fn derive_user_key(&self, user_id: &Uuid) -> Key {
        let mut text = Uuid::encode_buffer();
        let info = user_id.hyphenated().encode_lower(&mut text);
        let mut okm = Zeroizing::new([0; KEY_LEN]);
        expand(&self.user_keys, info.as_bytes(), &mut *okm);
        Key::from_bytes(&okm)
    }

    /// Returns the keyed hash for a plain IP hash.
    ///
    /// A plain hash of an IPv4 address can be reversed by trying all 2^32 addresses. A keyed hash cannot,
    /// without the key. The keyed hash is computed from the plain one, so stored plain hashes can be
    /// upgraded without the addresses.
    #[must_use]
    pub fn upgrade_ip_hash(&self, plain: &IpHash) -> IpHash {
        let mut mac = self.ip_mac.clone();
        mac.update(plain.as_str().as_bytes());
        IpHash::encode(&mac.finalize().into_bytes().into())
    }

    /// Returns a short id of the key that is safe to print.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}

impl MasterKey {
    /// Checks in constant time whether these are the key's bytes.
    pub(crate) fn has_bytes(&self, bytes: &[u8; KEY_LEN]) -> bool {
        self.bytes.ct_eq(bytes).into()
    }
}

fn extract(salt: &[u8], ikm: &[u8]) -> Hkdf<Sha256> {
    let (prk, hkdf) = Hkdf::extract(Some(salt), ikm);
    // The state inside `hkdf` wipes itself; the PRK that is returned beside it does not.
    drop(Zeroizing::new(<[u8; 32]>::from(prk)));
    hkdf
}

fn expand(hkdf: &Hkdf<Sha256>, info: &[u8], okm: &mut [u8]) {
    if hkdf.expand(info, okm).is_err() {
        unreachable!("HKDF-SHA-256 expands to up to 8160 bytes");
    }
}

fn mac(key: &[u8; KEY_LEN]) -> Hmac<Sha256> {
    let Ok(mac) = Hmac::new_from_slice(key) else { unreachable!("HMAC takes keys of any length") };
    mac
}

// The bytes wipe themselves when dropped. So do HKDF and HMAC, which do not implement the trait, but consist
// of SHA-256 states, which do. The compiler checks both. The fingerprint is not secret, but it identifies the
// key, so it is wiped too.
impl ZeroizeOnDrop for MasterKey {}
impl Drop for MasterKey {
    fn drop(&mut self) {
        self.fingerprint.0.zeroize();
    }
}
const _: () = {
    const fn wiped<T: ZeroizeOnDrop>() {}
    wiped::<Zeroizing<[u8; KEY_LEN]>>();
    wiped::<Sha256>();
};

crate::key_traits::key_traits!(MasterKey);

const FINGERPRINT_LEN: usize = 8;

/// Identifies a master key: 16 lower-case hexadecimal digits that are safe to print and open nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint([u8; 2 * FINGERPRINT_LEN]);

impl Fingerprint {
    fn encode(bytes: [u8; FINGERPRINT_LEN]) -> Self {
        Self(hex::encode(&bytes))
    }

    /// Returns the digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        hex::as_str(&self.0)
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        hex::parse(text).map(Self).ok_or(FingerprintError)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}
