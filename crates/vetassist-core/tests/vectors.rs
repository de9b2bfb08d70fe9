//! Compares the core with the reference values of another implementation (Python `cryptography`), refusals included.
#![allow(clippy::unwrap_used, missing_docs)]

use serde::Deserialize;
use vetassist_core::{
    parse_address, CanonicalAddress, IpHash, Key, KeyRing, MasterKey, Nonce, OpenError, OVERHEAD,
};

#[derive(Deserialize)]
struct Vectors {
    user_key: Vec<UserKey>,
    seal: Vec<Seal>,
    token: Vec<Token>,
    open_must_fail: Vec<MustFail>,
    ip_hash: Vec<Ip>,
    ip_rejected: Vec<String>,
    fingerprint: Vec<PrintedKey>,
}

#[derive(Deserialize)]
struct UserKey {
    master: String,
    user_id: String,
    key: String,
}

#[derive(Deserialize)]
struct Seal {
    key: String,
    nonce: String,
    aad: String,
    plaintext: String,
    sealed: String,
}

#[derive(Deserialize)]
struct Token {
    master: String,
    user_id: String,
    nonce: String,
    token: String,
    sealed: String,
}

#[derive(Deserialize)]
struct MustFail {
    why: String,
    key: String,
    aad: String,
    sealed: String,
}

#[derive(Deserialize)]
struct Ip {
    ip: String,
    canonical: String,
    sha256: String,
    master: String,
    keyed: String,
}

#[derive(Deserialize)]
struct PrintedKey {
    master: String,
    fingerprint: String,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../../../tests/vectors/reference.json")).unwrap()
}

fn bytes(hex: &str) -> Vec<u8> {
    hex::decode(hex).unwrap()
}

fn key(hex: &str) -> Key {
    Key::try_from(bytes(hex).as_slice()).unwrap()
}

fn nonce(hex: &str) -> Nonce {
    Nonce::from_bytes(bytes(hex).try_into().unwrap())
}

#[test]
fn each_vector_of_a_user_key_is_derived() {
    let cases = vectors().user_key;
    assert!(!cases.is_empty());
    for case in cases {
        let derived = MasterKey::from_hex(&case.master)
            .unwrap()
            .derive_user_key(&case.user_id.parse().unwrap());
        assert_eq!(hex::encode(derived.expose_bytes()), case.key, "{}", case.user_id);
        assert_eq!(derived, key(&case.key));
    }
}

#[test]
fn each_vector_of_a_sealed_value_is_sealed_and_opened() {
    let cases = vectors().seal;
    assert!(!cases.is_empty());
    for case in cases {
        let (key, aad, plaintext) = (key(&case.key), bytes(&case.aad), bytes(&case.plaintext));
        let sealed = key.seal_with(nonce(&case.nonce), &plaintext, &aad).unwrap();
        assert_eq!(hex::encode(&sealed), case.sealed);
        assert_eq!(sealed.len(), plaintext.len() + OVERHEAD);
        assert_eq!(key.open(&sealed, &aad).unwrap(), plaintext);
    }
}

#[test]
fn each_vector_of_a_token_is_sealed_and_opened() {
    let cases = vectors().token;
    assert!(!cases.is_empty());
    for case in cases {
        let ring = KeyRing::parse(case.master.as_bytes()).unwrap();
        let mut user = ring.user(case.user_id.parse().unwrap());
        let mut sealed = vec![0; case.token.len() + OVERHEAD];
        user.seal_token_into(nonce(&case.nonce), &case.token, &mut sealed).unwrap();
        assert_eq!(hex::encode(&sealed), case.sealed);
        assert_eq!(user.open_token(&sealed).unwrap(), case.token);
    }
}

#[test]
fn each_vector_that_must_not_open_is_refused() {
    let cases = vectors().open_must_fail;
    assert!(!cases.is_empty());
    for case in cases {
        let sealed = bytes(&case.sealed);
        let expected = if sealed.len() < OVERHEAD {
            OpenError::TooShort(sealed.len())
        } else {
            OpenError::Refused
        };
        assert_eq!(key(&case.key).open(&sealed, &bytes(&case.aad)), Err(expected), "{}", case.why);
    }
}

#[test]
fn each_vector_of_an_ip_hash_matches() {
    let cases = vectors().ip_hash;
    assert!(!cases.is_empty());
    for case in cases {
        let address = parse_address(&case.ip).unwrap();
        assert_eq!(CanonicalAddress::from(address).as_str(), case.canonical);
        let plain = IpHash::of(address);
        assert_eq!(plain.as_str(), case.sha256, "{}", case.ip);
        let master = MasterKey::from_hex(&case.master).unwrap();
        assert_eq!(master.upgrade_ip_hash(&plain).as_str(), case.keyed, "{}", case.ip);
        assert_eq!(case.sha256.parse(), Ok(plain));
    }
}

#[test]
fn each_vector_of_a_malformed_address_is_refused() {
    let cases = vectors().ip_rejected;
    assert!(!cases.is_empty());
    for text in cases {
        assert!(IpHash::of_text(&text).is_err(), "{text:?}");
    }
}

#[test]
fn each_vector_of_a_fingerprint_matches() {
    let cases = vectors().fingerprint;
    assert!(!cases.is_empty());
    for case in cases {
        let master = MasterKey::from_hex(&case.master).unwrap();
        assert_eq!(master.fingerprint().as_str(), case.fingerprint);
    }
}

#[derive(Deserialize)]
struct KeyFiles {
    refused: Vec<RefusedFile>,
    read: Vec<ReadFile>,
}

#[derive(Deserialize)]
struct RefusedFile {
    why: String,
    text: String,
    error: String,
}

#[derive(Deserialize)]
struct ReadFile {
    why: String,
    text: String,
    keys: usize,
}

#[test]
fn each_vector_of_a_key_file_is_read_or_refused() {
    let files: KeyFiles =
        serde_json::from_str(include_str!("../../../tests/vectors/key-files.json")).unwrap();
    assert!(!files.refused.is_empty() && !files.read.is_empty());
    for file in files.refused {
        let error = KeyRing::parse(file.text.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), file.error, "{}", file.why);
    }
    for file in files.read {
        let ring = KeyRing::parse(file.text.as_bytes()).unwrap();
        assert_eq!(ring.keys().len(), file.keys, "{}", file.why);
    }
}
