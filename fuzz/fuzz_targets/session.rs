//! Compares a session with its ring, for any users and calls in any order.
#![no_main]

use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use vetassist_core::{
    KeyRing, MasterKey, Nonce, OpenError, RandomError, Reseal, RingSession, Uuid, OVERHEAD,
};

#[derive(Arbitrary, Debug)]
enum Call {
    Seal(Vec<u8>),
    SealInPlace(Vec<u8>),
    /// Opens a token that the key at this position sealed.
    Open(u8, Vec<u8>),
    OpenInPlace(u8, Vec<u8>),
    Reseal(u8, Vec<u8>),
    TokenKey(u8, Vec<u8>),
    /// Bytes that were not sealed.
    Foreign(Vec<u8>),
}

#[derive(Arbitrary, Debug)]
struct Input {
    keys: Vec<u8>,
    calls: Vec<(u8, Call)>,
}

/// Returns bytes that do not repeat within an input.
fn counting(bytes: &mut [u8]) -> Result<(), RandomError> {
    use std::sync::atomic::{AtomicU64, Ordering};
    static DRAWN: AtomicU64 = AtomicU64::new(0);
    for chunk in bytes.chunks_mut(8) {
        chunk.copy_from_slice(&DRAWN.fetch_add(1, Ordering::Relaxed).to_le_bytes()[..chunk.len()]);
    }
    Ok(())
}

fuzz_target!(|input: Input| {
    let keys = || input.keys.iter().map(|key| MasterKey::from_bytes(&[*key; 32]));
    let Ok(ring) = KeyRing::new(keys()) else { return };
    let mut session = RingSession::with_source(KeyRing::new(keys()).unwrap(), counting);
    for (user, call) in input.calls {
        // There are few users, so that calls repeat a user.
        let user = Uuid::from_u128(u128::from(user % 3));
        let position = |key: u8| usize::from(key) % ring.keys().len();
        let sealed_by = |key: u8, token: &[u8]| {
            let key = ring.keys()[position(key)].derive_user_key(&user);
            key.seal_with(Nonce::from_bytes([7; 12]), token, b"").unwrap()
        };
        match call {
            Call::Seal(token) => {
                let mut sealed = vec![0; token.len() + OVERHEAD];
                session.seal_token_into(user, &token, &mut sealed, 0).unwrap();
                let mut opened = vec![0; token.len()];
                assert_eq!(ring.user(user).open_token_into(&sealed, &mut opened), Ok(0));
                assert_eq!(opened, token);
            }
            Call::SealInPlace(token) => {
                let mut buffer = vec![0; token.len() + OVERHEAD];
                buffer[12..][..token.len()].copy_from_slice(&token);
                session.seal_token_in_place(user, &mut buffer, 0).unwrap();
                let mut opened = vec![0; token.len()];
                assert_eq!(ring.user(user).open_token_into(&buffer, &mut opened), Ok(0));
                assert_eq!(opened, token);
            }
            Call::Open(key, token) => {
                let mut opened = vec![0; token.len()];
                let found = session.open_token_into(user, &sealed_by(key, &token), &mut opened);
                assert_eq!((found, opened), (Ok(position(key)), token));
            }
            Call::OpenInPlace(key, token) => {
                let mut buffer = sealed_by(key, &token);
                assert_eq!(session.open_token_in_place(user, &mut buffer), Ok(position(key)));
                assert_eq!(buffer[12..][..token.len()], token);
            }
            Call::Reseal(key, token) => {
                let sealed = sealed_by(key, &token);
                let mut resealed = vec![0xa5; sealed.len()];
                let done = session.reseal_token_into(user, &sealed, &mut resealed, 0).unwrap();
                if position(key) == 0 {
                    assert_eq!(done, Reseal::Current);
                    assert!(resealed.iter().all(|byte| *byte == 0));
                } else {
                    assert_eq!(done, Reseal::Resealed);
                    let mut opened = vec![0; token.len()];
                    assert_eq!(ring.user(user).open_token_into(&resealed, &mut opened), Ok(0));
                    assert_eq!(opened, token);
                }
            }
            Call::TokenKey(key, token) => {
                let mut scratch = vec![0xa5; token.len()];
                let found = session.token_key(user, &sealed_by(key, &token), &mut scratch);
                assert_eq!(found, Ok(Some(position(key))));
                assert!(scratch.iter().all(|byte| *byte == 0));
            }
            Call::Foreign(sealed) => {
                let mut opened = vec![0; sealed.len().saturating_sub(OVERHEAD)];
                let expected = match sealed.len() {
                    0..OVERHEAD => OpenError::TooShort(sealed.len()),
                    _ => OpenError::Refused,
                };
                assert_eq!(session.open_token_into(user, &sealed, &mut opened), Err(expected));
                assert_eq!(session.token_key(user, &sealed, &mut opened), Ok(None));
                let mut resealed = vec![0xa5; sealed.len()];
                let done = session.reseal_token_into(user, &sealed, &mut resealed, 0);
                assert_eq!(done, Ok(Reseal::Unopened));
                assert!(resealed.iter().all(|byte| *byte == 0));
            }
        }
    }
});
