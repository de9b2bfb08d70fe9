//! Tests that a session seals, opens and rotates like its ring, for many users.
#![allow(clippy::unwrap_used, missing_docs)]

use proptest::prelude::*;
use vetassist_core::{
    IpHash, KeyRing, MasterKey, OpenError, RandomError, Reseal, RingError, RingSession, SealError,
    Uuid, KEY_LEN, MAX_KEYS, OVERHEAD,
};

const TOKEN: &[u8] = b"eyJhbGciOiJSUzI1NiJ9.e30.c2ln";
const USER: Uuid = Uuid::from_u128(7);

fn ring(keys: &[u8]) -> KeyRing {
    KeyRing::new(keys.iter().map(|key| MasterKey::from_bytes(&[*key; KEY_LEN]))).unwrap()
}

fn session(keys: &[u8]) -> RingSession {
    RingSession::new(ring(keys))
}

fn seal(session: &mut RingSession, user: Uuid, token: &[u8]) -> Vec<u8> {
    let mut sealed = vec![0; token.len() + OVERHEAD];
    session.seal_token_into(user, token, &mut sealed, 0).unwrap();
    sealed
}

fn open(session: &mut RingSession, user: Uuid, sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
    let mut token = vec![0; sealed.len() - OVERHEAD];
    session.open_token_into(user, sealed, &mut token).map(|_| token)
}

proptest! {
    #[test]
    fn a_session_seals_and_opens_for_users_in_any_order(
        keys in prop::collection::hash_set(any::<u8>(), 1..=MAX_KEYS),
        users in prop::collection::vec(0..4_u128, 1..20),
        token in ".{0,200}",
    ) {
        let keys: Vec<u8> = keys.into_iter().collect();
        let (ring, mut session) = (ring(&keys), session(&keys));
        for (index, user) in users.into_iter().map(Uuid::from_u128).enumerate() {
            let oldest = ring.keys()[index % keys.len()].derive_user_key(&user);
            let foreign = oldest.seal(token.as_bytes(), b"").unwrap();
            let mut opened = vec![0; token.len()];
            let found = session.open_token_into(user, &foreign, &mut opened);
            prop_assert_eq!(found, Ok(index % keys.len()));
            prop_assert_eq!(&opened, token.as_bytes());

            let sealed = seal(&mut session, user, token.as_bytes());
            prop_assert_eq!(ring.user(user).open_token(&sealed).unwrap(), token.clone());
            let mut buffer = vec![0; token.len() + OVERHEAD];
            buffer[12..12 + token.len()].copy_from_slice(token.as_bytes());
            session.seal_token_in_place(user, &mut buffer, 0).unwrap();
            prop_assert_ne!(&buffer, &sealed);
            prop_assert_eq!(session.open_token_in_place(user, &mut buffer), Ok(0));
            prop_assert_eq!(&buffer[12..12 + token.len()], token.as_bytes());

            let other = Uuid::from_u128(user.as_u128() + 1);
            prop_assert_eq!(open(&mut session, other, &sealed), Err(OpenError::Refused));
        }
    }
}

#[test]
fn a_users_key_at_each_position_is_right_in_any_order_of_calls() {
    let (ring, mut session) = (ring(&[1, 2, 3]), session(&[1, 2, 3]));
    for position in [2, 0, 1] {
        let expected = ring.keys()[position].derive_user_key(&USER);
        let key = session.user_key(USER, position).unwrap();
        assert_eq!(key.expose_bytes(), expected.expose_bytes());
    }
    assert!(session.user_key(USER, 3).is_none());
}

#[test]
fn resealing_returns_current_resealed_or_unopened() {
    let mut session = session(&[1, 2, 3]);
    let current = seal(&mut session, USER, TOKEN);
    let older = ring(&[3]).user(USER).seal_token(str::from_utf8(TOKEN).unwrap()).unwrap();
    let unknown = ring(&[4]).user(USER).seal_token("x").unwrap();
    let of_another = ring(&[1]).user(Uuid::nil()).seal_token("x").unwrap();
    for (sealed, expected) in [
        (&current, Reseal::Current),
        (&older, Reseal::Resealed),
        (&unknown, Reseal::Unopened),
        (&of_another, Reseal::Unopened),
        (&vec![0; OVERHEAD - 1], Reseal::Unopened),
        (&vec![], Reseal::Unopened),
    ] {
        let mut resealed = vec![0xa5; sealed.len()];
        let found = session.reseal_token_into(USER, sealed, &mut resealed, 0);
        assert_eq!(found, Ok(expected));
        if expected == Reseal::Resealed {
            assert_eq!(open(&mut session, USER, &resealed).unwrap(), TOKEN);
            assert_eq!(session.token_key(USER, &resealed, &mut [0; TOKEN.len()]), Ok(Some(0)));
        } else {
            assert!(resealed.iter().all(|byte| *byte == 0), "{expected:?}: plaintext is left");
        }
    }
    for len in [0, older.len() - 1, older.len() + 1] {
        let refused = session.reseal_token_into(USER, &older, &mut vec![0; len], 0);
        assert_eq!(refused, Err(SealError::BufferLength));
    }
}

#[test]
fn finding_the_key_of_a_token_leaves_no_plaintext() {
    let mut session = session(&[1, 2]);
    let older = ring(&[2]).user(USER).seal_token(str::from_utf8(TOKEN).unwrap()).unwrap();
    let foreign = ring(&[3]).user(USER).seal_token(str::from_utf8(TOKEN).unwrap()).unwrap();
    for (sealed, expected) in [(&older, Some(1)), (&foreign, None)] {
        let mut scratch = [0xa5; TOKEN.len()];
        assert_eq!(session.token_key(USER, sealed, &mut scratch), Ok(expected));
        assert_eq!(scratch, [0; TOKEN.len()]);
    }
    assert_eq!(session.token_key(USER, &[0; OVERHEAD - 1], &mut []), Ok(None));
    assert_eq!(session.token_key(USER, &older, &mut [0; 3]), Err(OpenError::BufferLength));
}

#[test]
fn reading_a_malformed_ring_leaves_the_session_without_one() {
    let text = |key: &str| key.repeat(KEY_LEN);
    let mut place = None;
    let session = RingSession::read_into(&mut place, text("01").as_bytes()).unwrap();
    let sealed = seal(session, USER, TOKEN);
    let session = RingSession::read_into(&mut place, (text("02") + "\n" + &text("01")).as_bytes());
    let session = session.unwrap();
    assert_eq!(session.ring().keys().len(), 2);
    assert_eq!(open(session, USER, &sealed).unwrap(), TOKEN);
    let plain = IpHash::of_text("203.0.113.7").unwrap();
    assert_eq!(session.upgrade_ip_hash(&plain), ring(&[2]).upgrade_ip_hash(&plain));
    for (broken, error) in [
        (String::new(), RingError::Empty),
        (text("01") + "\n0x", RingError::NotHex { line: 2, column: 2 }),
        (text("01") + "\n" + &text("01"), RingError::Repeated { at: 2, first: 1 }),
    ] {
        RingSession::read_into(&mut place, text("01").as_bytes()).unwrap();
        assert_eq!(RingSession::read_into(&mut place, broken.as_bytes()).unwrap_err(), error);
        assert!(!place.as_ref().unwrap().has_ring());
    }
}

#[test]
fn without_randomness_nothing_is_sealed_and_no_plaintext_is_left() {
    fn failing(_: &mut [u8]) -> Result<(), RandomError> {
        Err(RandomError)
    }
    let mut session = RingSession::with_source(ring(&[1, 2]), failing);
    let mut sealed = [0; OVERHEAD];
    let no_nonce = Err(SealError::Random(RandomError));
    assert_eq!(session.seal_token_into(USER, b"", &mut sealed, 0), no_nonce);
    assert_eq!(session.seal_token_in_place(USER, &mut sealed, 0), no_nonce);
    let older = ring(&[2]).user(USER).seal_token("a token").unwrap();
    let mut resealed = vec![0xa5; older.len()];
    let found = session.reseal_token_into(USER, &older, &mut resealed, 0);
    assert_eq!(found, Err(SealError::Random(RandomError)));
    assert!(resealed.iter().all(|byte| *byte == 0));
}

#[test]
fn another_epoch_draws_new_nonces() {
    fn counting(bytes: &mut [u8]) -> Result<(), RandomError> {
        static DRAWN: std::sync::atomic::AtomicU8 = std::sync::atomic::AtomicU8::new(0);
        bytes.fill(DRAWN.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        Ok(())
    }
    let mut session = RingSession::with_source(ring(&[1]), counting);
    let mut nonce = |epoch| {
        let mut sealed = [0; OVERHEAD];
        session.seal_token_into(USER, b"", &mut sealed, epoch).unwrap();
        sealed[0]
    };
    assert_eq!([nonce(0), nonce(0), nonce(1), nonce(1), nonce(0)], [0, 0, 1, 1, 2]);
}

#[test]
fn the_debug_format_of_a_session_shows_no_secret() {
    let mut session = session(&[0xc5]);
    let _ = seal(&mut session, USER, b"\xc5\xc5\xc5");
    let shown = format!("{session:?} {session:#?}");
    assert!(!shown.contains("c5c5") && !shown.contains("197"), "{shown}");
    assert!(shown.contains(session.ring().current().fingerprint().as_str()), "{shown}");
}
