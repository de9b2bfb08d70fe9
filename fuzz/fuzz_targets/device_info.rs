//! Hashes the addresses in any JSON: no address is left, no member is lost except values under the name of an address that
//! are not addresses, and every hash is found again.
#![no_main]

use std::{collections::BTreeSet, convert::Infallible, net::IpAddr};

use libfuzzer_sys::fuzz_target;
use vetassist_core::{
    device_info::{hash_addresses, ip_hashes, replace_ip_hashes},
    json::Value,
    IpHash, KeyRing, MasterKey,
};

type Json = Value<serde_json::Number>;

/// Checks that a text is an address and nothing else.
fn is_address(text: &str) -> bool {
    let text = text.trim();
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let bare = bracketed.unwrap_or(text);
    bare.parse::<IpAddr>().is_ok()
        && !bare.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

fn no_address(value: &Json) {
    match value {
        Value::String(text) => assert!(!is_address(text), "{text:?}"),
        Value::Array(items) => items.iter().for_each(no_address),
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            assert!(!is_address(name), "{name:?}");
            no_address(value);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fuzz_target!(|text: &str| {
    // Of members with the same name the last one counts, as in a `jsonb`.
    let Ok(json) = serde_json::from_str::<serde_json::Value>(text) else { return };
    let Ok(value) = Json::from_text(&json.to_string()) else { return };
    let mut made = BTreeSet::new();
    let mut hash = |address| {
        made.insert(IpHash::of(address));
        Ok::<_, Infallible>(IpHash::of(address))
    };
    let before = ip_hashes(&value);
    let Ok(once) = hash_addresses(value, &mut hash);
    no_address(&once);
    let written = once.to_text();
    let read = serde_json::from_str::<serde_json::Value>(&written).unwrap();
    assert_eq!(read.to_string().len(), written.len(), "members are merged: {written}");

    let Ok(mut twice) = hash_addresses(once.clone(), &mut |_| -> Result<IpHash, Infallible> {
        panic!("an address is left: {written}")
    });
    assert_eq!(twice, once);

    let found: BTreeSet<_> = ip_hashes(&twice).into_iter().collect();
    assert!(made.is_subset(&found) && before.iter().all(|hash| found.contains(hash)));
    let ring = KeyRing::new([MasterKey::from_bytes(&[7; 32])]).unwrap();
    replace_ip_hashes(&mut twice, &mut |hash| Some(ring.upgrade_ip_hash(hash)));
    let upgraded: BTreeSet<_> = ip_hashes(&twice).into_iter().collect();
    assert_eq!(upgraded, found.iter().map(|hash| ring.upgrade_ip_hash(hash)).collect());
});
