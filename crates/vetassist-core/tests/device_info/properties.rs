//! Tests properties of any JSON.

use std::{collections::BTreeSet, convert::Infallible, net::IpAddr};

use proptest::prelude::*;
use vetassist_core::{
    device_info::{hash_addresses, ip_hashes},
    json::Value,
    IpHash,
};

use crate::{hashed, Json, NEUTRAL, OF_ADDRESSES};

/// Collects every text that is an address and nothing else.
fn addresses_in(value: &Json, found: &mut Vec<String>) {
    let mut look = |text: &str| {
        let bracketed = text.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let bare = bracketed.unwrap_or(text.trim());
        if bare.parse::<IpAddr>().is_ok() && !bare.ends_with(".0.0.0") {
            found.push(text.to_owned());
        }
    };
    match value {
        Value::String(text) => look(text),
        Value::Array(items) => items.iter().for_each(|item| addresses_in(item, found)),
        Value::Object(members) => {
            members.iter().for_each(|(name, _)| look(name));
            members.iter().for_each(|(_, value)| addresses_in(value, found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let address = any::<IpAddr>().prop_map(|address| address.to_string());
    let text = prop_oneof![
        address.clone(),
        address.clone().prop_map(|address| format!("[{address}]")),
        "[0-9a-f:.%/\\[\\], \"=;]{0,30}",
        ".{0,20}",
    ];
    let name = prop_oneof![
        prop::sample::select(OF_ADDRESSES.to_vec()).prop_map(str::to_owned),
        prop::sample::select(NEUTRAL.to_vec()).prop_map(str::to_owned),
        "(ip|x|y)(_ip)?(_2)?(_ip)?(_hash)?",
        address,
    ];
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<i32>().prop_map(Into::into),
        text.prop_map(Into::into)
    ];
    leaf.prop_recursive(4, 30, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::btree_map(name.clone(), inner, 0..6)
                .prop_map(|members| members.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

proptest! {
    #[test]
    fn no_address_is_left_and_hashing_again_changes_nothing(json in any_json()) {
        let text = json.to_string();
        let once = hashed(&text);
        let mut left = Vec::new();
        addresses_in(&Json::from_text(&once).unwrap(), &mut left);
        prop_assert!(left.is_empty(), "{:?} of {}", left, text);
        // Names are unique, as in a jsonb, so no member is lost.
        let read: serde_json::Value = serde_json::from_str(&once).unwrap();
        prop_assert_eq!(read.to_string().len(), once.len(), "{}", once);
        prop_assert_eq!(hashed(&once), once);
    }

    #[test]
    fn ip_hashes_finds_every_hash_that_was_made(json in any_json()) {
        let mut made = BTreeSet::new();
        let value = Json::from_text(&json.to_string()).unwrap();
        let mut hash = |address| {
            made.insert(IpHash::of(address));
            Ok::<_, Infallible>(IpHash::of(address))
        };
        let Ok(value) = hash_addresses(value, &mut hash);
        prop_assert_eq!(ip_hashes(&value), made.into_iter().collect::<Vec<_>>());
    }
}
