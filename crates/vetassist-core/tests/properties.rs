//! Tests properties of every key, plaintext and AAD, and of damaged sealed values.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    format,
    net::{IpAddr, Ipv4Addr},
};

use proptest::prelude::*;
use vetassist_core::{
    opened_len, IpHash, Key, KeyError, KeyRing, MasterKey, NoncePool, OpenError, RandomError,
    RingError, SealError, Uuid, KEY_LEN, MAX_KEYS, OVERHEAD,
};

const PLAINTEXT: &[u8] = b"eyJhbGciOiJSUzI1NiJ9.e30.c2ln";
const AAD: &[u8] = b"context";

fn hex_key(n: u8) -> String {
    hex::encode([n; KEY_LEN])
}

proptest! {
    #[test]
    fn sealed_bytes_open_to_the_plaintext(
        key in any::<[u8; KEY_LEN]>(),
        plaintext in prop::collection::vec(any::<u8>(), 0..5000),
        aad in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let key = Key::from_bytes(&key);
        let sealed = key.seal(&plaintext, &aad).unwrap();
        prop_assert_eq!(sealed.len(), plaintext.len() + OVERHEAD);
        prop_assert_eq!(opened_len(&sealed), Ok(plaintext.len()));
        prop_assert_eq!(key.open(&sealed, &aad).unwrap(), plaintext);
    }

    #[test]
    fn arbitrary_bytes_never_open(sealed in prop::collection::vec(any::<u8>(), 0..200)) {
        let key = Key::generate().unwrap();
        let expected = if sealed.len() < OVERHEAD {
            OpenError::TooShort(sealed.len())
        } else {
            OpenError::Refused
        };
        prop_assert_eq!(key.open(&sealed, b""), Err(expected));
    }

    #[test]
    fn tokens_open_for_their_user_only(token in ".*", user in any::<u128>(), other in any::<u128>()) {
        prop_assume!(user != other);
        let ring = KeyRing::new(vec![MasterKey::generate().unwrap()]).unwrap();
        let sealed = ring.user(Uuid::from_u128(user)).seal_token(&token).unwrap();
        prop_assert_eq!(ring.user(Uuid::from_u128(user)).open_token(&sealed), Ok(token));
        prop_assert_eq!(
            ring.user(Uuid::from_u128(other)).open_token(&sealed),
            Err(OpenError::Refused)
        );
    }

    #[test]
    fn an_error_of_parsing_a_ring_quotes_no_byte_of_it(text in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Err(error) = KeyRing::parse(&text) {
            let shown = format!("{error} {error:?}");
            prop_assert!(shown.is_ascii());
        }
    }

    #[test]
    fn every_spelling_of_an_ipv4_address_has_one_hash(address in any::<u32>()) {
        let v4 = Ipv4Addr::from(address);
        prop_assert_eq!(IpHash::of(v4.into()), IpHash::of(IpAddr::from(v4.to_ipv6_mapped())));
        prop_assert_eq!(IpHash::of_text(&v4.to_string()), Ok(IpHash::of(v4.into())));
        prop_assert_eq!(
            IpHash::of_text(&format!("::ffff:{:x}:{:x}", address >> 16, address & 0xffff)),
            Ok(IpHash::of(v4.into()))
        );
    }
}

#[test]
fn every_flipped_bit_is_refused() {
    let key = Key::generate().unwrap();
    let sealed = key.seal(PLAINTEXT, AAD).unwrap();
    for bit in 0..sealed.len() * 8 {
        let mut damaged = sealed.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let mut output = vec![0xa5; PLAINTEXT.len()];
        assert_eq!(key.open_into(&damaged, AAD, &mut output), Err(OpenError::Refused), "bit {bit}");
        assert!(output.iter().all(|byte| *byte == 0xa5), "bit {bit} released plaintext");
    }
}

#[test]
fn every_truncation_and_extension_is_refused() {
    let key = Key::generate().unwrap();
    let sealed = key.seal(PLAINTEXT, AAD).unwrap();
    for len in 0..sealed.len() {
        let expected = if len < OVERHEAD { OpenError::TooShort(len) } else { OpenError::Refused };
        assert_eq!(key.open(&sealed[..len], AAD), Err(expected), "first {len} bytes");
        let tail = &sealed[sealed.len() - len..];
        assert_eq!(key.open(tail, AAD), Err(expected), "last {len} bytes");
    }
    let mut longer = sealed;
    longer.push(0);
    assert_eq!(key.open(&longer, AAD), Err(OpenError::Refused));
}

#[test]
fn bytes_sealed_with_another_aad_are_refused() {
    let key = Key::generate().unwrap();
    let sealed = key.seal(PLAINTEXT, AAD).unwrap();
    for other in [b"".as_slice(), b"Context", b"context ", b"contex"] {
        assert_eq!(key.open(&sealed, other), Err(OpenError::Refused));
    }
}

#[test]
fn buffers_of_the_wrong_length_are_refused() {
    let key = Key::generate().unwrap();
    let sealed = key.seal(PLAINTEXT, AAD).unwrap();
    for len in [0, PLAINTEXT.len() - 1, PLAINTEXT.len() + 1] {
        assert_eq!(key.open_into(&sealed, AAD, &mut vec![0; len]), Err(OpenError::BufferLength));
    }
    let mut pool = NoncePool::new();
    for len in [0, OVERHEAD - 1, sealed.len() - 1, sealed.len() + 1] {
        let nonce = pool.draw(0).unwrap();
        assert_eq!(
            key.seal_into(nonce, PLAINTEXT, AAD, &mut vec![0; len]),
            Err(SealError::BufferLength)
        );
    }
}

#[test]
fn opening_bytes_that_are_not_utf8_as_text_is_refused() {
    let key = Key::generate().unwrap();
    let sealed = key.seal(b"\xff\xfe", b"").unwrap();
    assert_eq!(key.open_text(&sealed, b""), Err(OpenError::NotUtf8));
    assert_eq!(key.open(&sealed, b"").unwrap(), b"\xff\xfe");
}

#[test]
fn keys_of_other_lengths_are_refused() {
    for len in [0, 1, 16, 24, 31, 33, 64] {
        let bytes = vec![7; len];
        assert_eq!(Key::try_from(bytes.as_slice()), Err(KeyError::Length(len)));
        assert_eq!(MasterKey::try_from(bytes.as_slice()), Err(KeyError::Length(len)));
    }
    let text = hex_key(0xab);
    let with_first = |first: char| format!("{first}{}", &text[1..]);
    for wrong in [&text[1..], &format!("{text}00"), "", &with_first('g'), &with_first(' ')] {
        assert_eq!(MasterKey::from_hex(wrong), Err(KeyError::NotHex));
    }
    assert_eq!(MasterKey::from_hex(&text), MasterKey::from_hex(&text.to_uppercase()));
}

#[test]
fn the_debug_format_of_keys_shows_no_secret() {
    let bytes = [0xc5; KEY_LEN];
    let (key, master) = (Key::from_bytes(&bytes), MasterKey::from_bytes(&bytes));
    let ring = KeyRing::parse(hex_key(0xc5).as_bytes()).unwrap();
    let user = ring.user(Uuid::nil());
    let shown = format!("{key:?} {key:#?} {master:?} {ring:?} {user:?} {:?}", NoncePool::new());
    assert!(!shown.contains("c5c5") && !shown.contains("197"), "{shown}");
    assert!(shown.contains(master.fingerprint().as_str()), "rings show fingerprints: {shown}");
}

#[test]
fn the_current_key_seals_and_every_key_opens() {
    let user_id = Uuid::from_u128(7);
    let text: String = (0..16).map(|n| hex_key(n) + "\n").collect();
    let full = KeyRing::parse(text.as_bytes()).unwrap();
    assert_eq!(full.keys().len(), MAX_KEYS);
    for (position, key) in full.keys().iter().enumerate() {
        let sealed = key.derive_user_key(&user_id).seal(b"token", b"").unwrap();
        let mut opened = [0; 5];
        assert_eq!(full.user(user_id).open_token_into(&sealed, &mut opened), Ok(position));
        assert_eq!(&opened, b"token");
    }
    let sealed = full.user(user_id).seal_token("token").unwrap();
    assert_eq!(full.current().derive_user_key(&user_id).open(&sealed, b"").unwrap(), b"token");
}

#[test]
fn a_ring_is_read_with_comments_blank_lines_and_upper_case() {
    let (a, b) = (hex_key(0xaa), hex_key(0xbb));
    let upper = a.to_uppercase();
    for text in [
        format!("{a}\n{b}\n"),
        format!("{a}\n{b}"),
        format!("# a comment\n\n  {upper}\t# since March\r\n{b}\r\n"),
        format!("\n\n#{b}\n{a}#{b}\n   \n{b}"),
    ] {
        let ring = KeyRing::parse(text.as_bytes()).unwrap();
        let expected = [MasterKey::from_hex(&a).unwrap(), MasterKey::from_hex(&b).unwrap()];
        assert_eq!(ring.keys(), expected, "{text}");
    }
}

#[test]
fn a_ring_without_keys_with_a_repeated_key_or_with_17_keys_is_refused() {
    assert_eq!(KeyRing::new(vec![]).unwrap_err(), RingError::Empty);
    let key = || MasterKey::from_bytes(&[1; KEY_LEN]);
    let other = MasterKey::from_bytes(&[2; KEY_LEN]);
    assert_eq!(
        KeyRing::new(vec![key(), other, key()]).unwrap_err(),
        RingError::Repeated { at: 3, first: 1 }
    );
    let many = (0..17).map(|n| MasterKey::from_bytes(&[n; KEY_LEN]));
    assert_eq!(KeyRing::new(many).unwrap_err(), RingError::TooManyKeys);
}

#[test]
fn a_failing_random_source_fails_every_draw() {
    fn failing(bytes: &mut [u8]) -> Result<(), RandomError> {
        bytes.fill(7);
        Err(RandomError)
    }
    let mut pool = NoncePool::with_source(failing);
    for _ in 0..3 {
        assert_eq!(pool.draw(0).unwrap_err(), RandomError);
    }
}

#[test]
fn nonces_do_not_repeat() {
    let mut pool = NoncePool::new();
    let mut seen = std::collections::HashSet::new();
    for _ in 0..100_000 {
        assert!(seen.insert(*pool.draw(0).unwrap().as_bytes()));
    }
}

#[test]
fn a_malformed_ip_hash_is_refused() {
    let good = IpHash::of_text("203.0.113.7").unwrap();
    assert_eq!(good.as_str().parse(), Ok(good));
    let text = good.to_string();
    for wrong in
        [&text[1..], &format!("{text}0"), &text.to_uppercase(), "", &text.replace('f', "g")]
    {
        assert!(wrong.parse::<IpHash>().is_err(), "{wrong}");
    }
}
