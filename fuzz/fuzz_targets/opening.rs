//! Opens sealed and foreign bytes: only unchanged sealed bytes open, with the same key and AAD.
#![no_main]

use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use vetassist_core::{Key, KeyRing, MasterKey, Nonce, OpenError, Uuid, OVERHEAD};

#[derive(Arbitrary, Debug)]
struct Input {
    keys: [[u8; 32]; 2],
    user: [u8; 16],
    nonce: [u8; 12],
    plaintext: Vec<u8>,
    aad: Vec<u8>,
    token: String,
    foreign: Vec<u8>,
    flip: u32,
}

fn refused(sealed: &[u8]) -> OpenError {
    match sealed.len() {
        0..OVERHEAD => OpenError::TooShort(sealed.len()),
        _ => OpenError::Refused,
    }
}

fuzz_target!(|input: Input| {
    // Foreign bytes are refused, because a tag of 128 bits cannot be guessed.
    let key = Key::from_bytes(&input.keys[0]);
    assert_eq!(key.open(&input.foreign, &input.aad), Err(refused(&input.foreign)));
    let mut buffer = input.foreign.clone();
    assert!(key.open_in_place(&input.aad, &mut buffer).is_err());
    assert_eq!(buffer, input.foreign, "refused bytes are unchanged");

    // Bytes.
    let sealed =
        key.seal_with(Nonce::from_bytes(input.nonce), &input.plaintext, &input.aad).unwrap();
    assert_eq!(sealed.len(), input.plaintext.len() + OVERHEAD);
    assert_eq!(sealed[..12], input.nonce);
    assert_eq!(key.open(&sealed, &input.aad).unwrap(), input.plaintext);
    match String::from_utf8(input.plaintext.clone()) {
        Ok(text) => assert_eq!(key.open_text(&sealed, &input.aad).unwrap(), text),
        Err(_) => assert_eq!(key.open_text(&sealed, &input.aad), Err(OpenError::NotUtf8)),
    }

    // A changed bit, a byte less, a byte more, another AAD and another key are refused.
    let bit = input.flip as usize % (8 * sealed.len());
    let mut changed = sealed.clone();
    changed[bit / 8] ^= 1 << (bit % 8);
    assert_eq!(key.open(&changed, &input.aad), Err(OpenError::Refused));
    assert!(key.open(&sealed[1..], &input.aad).is_err());
    assert!(key.open(&sealed[..sealed.len() - 1], &input.aad).is_err());
    assert_eq!(key.open(&[&sealed[..], &[0]].concat(), &input.aad), Err(OpenError::Refused));
    assert_eq!(key.open(&sealed, &[&input.aad[..], &[0]].concat()), Err(OpenError::Refused));

    // Tokens open with either key of a ring, for their user only.
    let [newer, older] = input.keys;
    if newer == older {
        return;
    }
    assert_eq!(Key::from_bytes(&older).open(&sealed, &input.aad), Err(OpenError::Refused));
    let user_id = Uuid::from_bytes(input.user);
    let ring = |keys: &[[u8; 32]]| KeyRing::new(keys.iter().map(MasterKey::from_bytes)).unwrap();
    let mut sealed = vec![0; input.token.len() + OVERHEAD];
    ring(&[older])
        .user(user_id)
        .seal_token_into(Nonce::from_bytes(input.nonce), &input.token, &mut sealed)
        .unwrap();
    let both = ring(&[newer, older]);
    assert_eq!(both.user(user_id).open_token(&sealed).unwrap(), input.token);
    assert_eq!(ring(&[newer]).user(user_id).open_token(&sealed), Err(OpenError::Refused));
    let mut token = vec![0; input.token.len()];
    assert_eq!(both.user(user_id).open_token_into(&sealed, &mut token), Ok(1));
    let other = Uuid::from_u128(user_id.as_u128() ^ 1 << (input.flip % 128));
    let older = ring(&[older]);
    let mut other = older.user(other);
    assert_eq!(other.open_token(&sealed), Err(OpenError::Refused));
    assert_eq!(other.open_token(&input.foreign), Err(refused(&input.foreign)));
});
