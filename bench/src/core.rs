//! Measures the core in process, beside other libraries.

use std::{hint::black_box, process::Command};

use anyhow::{anyhow, Result};
use pg_scratch::capture;
use vetassist_core::{Key, KeyRing, MasterKey, Nonce, NoncePool, Uuid, OVERHEAD};

use crate::{
    measure::{compared, in_turns, Case, Effort, Times},
    report::Comparison,
};

const FAMILY: &str = "core";
const KEY: [u8; 32] = [3; 32];

pub(crate) fn run(effort: Effort) -> Result<Vec<Comparison>> {
    let mut found = Vec::new();
    for (size, label) in [(1024, "1 KiB"), (16 * 1024, "16 KiB")] {
        let times = in_turns(effort, libraries(effort, size)?)?;
        found.extend(against_each(&times, label));
    }
    found.extend(derivation(effort)?);
    Ok(found)
}

fn libraries<'a>(effort: Effort, size: usize) -> Result<Vec<Case<'a>>> {
    let plaintext = vec![7; size];
    let key = Key::from_bytes(&KEY);
    let sealed = key.seal(&plaintext, b"").map_err(|error| anyhow!("{error}"))?;
    let broken = |_| anyhow!("a library refuses a key of 32 bytes");

    let (mut pool, source, mut target) =
        (NoncePool::new(), plaintext.clone(), vec![0; size + OVERHEAD]);
    let core_seal = move || {
        let nonce = pool.draw(0).expect("the system gives randomness");
        key.seal_into(nonce, &source, b"", &mut target).expect("the buffer fits");
    };
    let (key, mut opened) = (Key::from_bytes(&KEY), vec![0; size]);
    let source = sealed.clone();
    let core_open = move || key.open_into(&source, b"", &mut opened).expect("it opens");

    use ring::aead as r;
    let ring_key = || r::UnboundKey::new(&r::AES_256_GCM, &KEY).map(r::LessSafeKey::new);
    let (key, mut buffer) = (ring_key().map_err(broken)?, plaintext.clone());
    let ring_seal = move || {
        let nonce = r::Nonce::assume_unique_for_key([1; 12]);
        let sealed = key.seal_in_place_separate_tag(nonce, r::Aad::empty(), &mut buffer);
        let _ = black_box(sealed.expect("it seals"));
    };
    let (key, source, mut buffer) =
        (ring_key().map_err(broken)?, sealed.clone(), vec![0; size + 16]);
    let ring_open = move || {
        buffer.copy_from_slice(&source[12..]);
        let nonce = r::Nonce::try_assume_unique_for_key(&source[..12]).expect("12 bytes");
        key.open_in_place(nonce, r::Aad::empty(), &mut buffer).expect("it opens");
    };

    use aws_lc_rs::aead as a;
    let aws_key = || a::UnboundKey::new(&a::AES_256_GCM, &KEY).map(a::LessSafeKey::new);
    let aws_broken = |_| anyhow!("a library refuses a key of 32 bytes");
    let (key, mut buffer) = (aws_key().map_err(aws_broken)?, plaintext);
    let aws_seal = move || {
        let nonce = a::Nonce::assume_unique_for_key([1; 12]);
        let sealed = key.seal_in_place_separate_tag(nonce, a::Aad::empty(), &mut buffer);
        let _ = black_box(sealed.expect("it seals"));
    };
    let (key, source, mut buffer) = (aws_key().map_err(aws_broken)?, sealed, vec![0; size + 16]);
    let aws_open = move || {
        buffer.copy_from_slice(&source[12..]);
        let nonce = a::Nonce::try_assume_unique_for_key(&source[..12]).expect("12 bytes");
        key.open_in_place(nonce, a::Aad::empty(), &mut buffer).expect("it opens");
    };

    Ok(vec![
        Case::call("core seal", effort, core_seal),
        Case::call("core open", effort, core_open),
        Case::call("ring seal", effort, ring_seal),
        Case::call("ring open", effort, ring_open),
        Case::call("aws-lc-rs seal", effort, aws_seal),
        Case::call("aws-lc-rs open", effort, aws_open),
        Case::new("OpenSSL seal", move || openssl_speed(size)),
    ])
}

/// Returns the time that `openssl speed` measures in one second.
fn openssl_speed(size: usize) -> Result<f64> {
    let mut openssl = Command::new("openssl");
    openssl.args(["speed", "-elapsed", "-mr", "-seconds", "1", "-evp", "aes-256-gcm", "-bytes"]);
    let said = capture(openssl.arg(size.to_string()))?;
    // The line is +F:22:AES-256-GCM:2126831616.00
    let speed =
        said.lines().find(|line| line.starts_with("+F:")).and_then(|line| line.rsplit(':').next());
    let speed: f64 = speed
        .and_then(|speed| speed.trim().parse().ok())
        .ok_or_else(|| anyhow!("openssl speed said: {said}"))?;
    Ok(size as f64 * 1e9 / speed)
}

fn against_each(times: &Times, label: &str) -> Vec<Comparison> {
    let mut found = Vec::new();
    for action in ["seal", "open"] {
        let ours = times.of(&format!("core {action}"));
        let libraries = ["ring", "aws-lc-rs", "OpenSSL"].into_iter();
        let others: Vec<_> = libraries
            .map(|library| (library, times.of(&format!("{library} {action}"))))
            .filter(|(_, times)| !times.is_empty())
            .collect();
        let what = format!("{action} {label}");
        for (library, theirs) in others {
            found.push(compared(FAMILY, &what, ("core", ours.clone()), (library, theirs), None));
        }
    }
    found
}

/// Measures the cost of a user's key, and of a nonce.
fn derivation(effort: Effort) -> Result<Vec<Comparison>> {
    let ring =
        KeyRing::new(vec![MasterKey::from_bytes(&[5; 32])]).map_err(|error| anyhow!("{error}"))?;
    let (mut pool, mut user, mut sealed) = (NoncePool::new(), 0, [0; OVERHEAD]);
    let derive = || {
        user += 1;
        let mut keys = ring.user(Uuid::from_u128(user));
        keys.seal_token_into(Nonce::from_bytes([0; 12]), "", &mut sealed).expect("the buffer fits");
    };
    let mut same = ring.user(Uuid::from_u128(0));
    let mut again = [0; OVERHEAD];
    let reuse = || {
        same.seal_token_into(Nonce::from_bytes([0; 12]), "", &mut again).expect("the buffer fits");
    };
    let pooled = || drop(pool.draw(0).expect("the system gives randomness"));
    let single = || drop(Nonce::random().expect("the system gives randomness"));
    let cases = vec![
        Case::call("derive", effort, derive),
        Case::call("reuse", effort, reuse),
        Case::call("pooled", effort, pooled),
        Case::call("single", effort, single),
    ];
    let times = in_turns(effort, cases)?;
    Ok(vec![
        compared(
            FAMILY,
            "an empty token of another user each time",
            ("derived", times.of("derive")),
            ("the same user", times.of("reuse")),
            None,
        ),
        compared(
            FAMILY,
            "a nonce",
            ("pooled", times.of("pooled")),
            ("a system call each", times.of("single")),
            None,
        ),
    ])
}
