//! Tests the upgrade of stored hashes to keyed ones.

use std::collections::BTreeSet;

use vetassist_core::{
    device_info::{ip_hashes, replace_ip_hashes},
    IpHash, KeyRing, MasterKey,
};

use crate::{expected, hashed, Json};

fn ring() -> KeyRing {
    KeyRing::new([MasterKey::from_bytes(&[7; 32])]).unwrap()
}

#[test]
fn stored_hashes_are_found_and_upgraded_once() {
    let ring = ring();
    let json = r#"{
        "ip":"203.0.113.7","client_ip":"2001:db8::1","where":["::1",{"n":1}],"seen":[{"peer":"203.0.113.7"}],
        "fe80::1":"x","fingerprint":"<198.51.100.1>","canvas_hash":"<198.51.100.1>","plain":["<198.51.100.1>"],
        "list":"203.0.113.7, 2001:db8::1"}"#;
    let stored = hashed(&expected(json).replace('\n', ""));
    let mut value = Json::from_text(&stored).unwrap();

    let addresses = ["203.0.113.7", "2001:db8::1", "::1", "fe80::1"];
    let plain: BTreeSet<IpHash> = addresses.map(|ip| IpHash::of_text(ip).unwrap()).into();
    assert_eq!(ip_hashes(&value), plain.iter().copied().collect::<Vec<_>>());

    let mut keyed = BTreeSet::new();
    let replaced = replace_ip_hashes(&mut value, &mut |hash| {
        let upgraded = plain.contains(hash).then(|| ring.upgrade_ip_hash(hash));
        keyed.extend(upgraded);
        upgraded
    });
    assert_eq!(replaced, 7);
    assert_eq!(ip_hashes(&value), keyed.iter().copied().collect::<Vec<_>>());
    let text = value.to_text();
    for hash in &plain {
        assert!(!text.contains(hash.as_str()));
    }
    let unchanged = IpHash::of_text("198.51.100.1").unwrap();
    assert_eq!(text.matches(unchanged.as_str()).count(), 3, "other hashes are unchanged");
    // A second run finds only keyed hashes.
    let skip = |hash: &IpHash| (!keyed.contains(hash)).then(|| ring.upgrade_ip_hash(hash));
    assert_eq!(replace_ip_hashes(&mut value, &mut |hash| skip(hash)), 0);
    assert_eq!(value.to_text(), text);
}

#[test]
fn hashes_that_0_2_0_stored_are_upgraded() {
    let ring = ring();
    let hash = IpHash::of_text("203.0.113.7").unwrap();
    for (json, replaced) in [
        (format!(r#"{{"ip_hash":"{hash}","n":1}}"#), 1),
        (
            format!(
                r#"{{"ip_hash":"{hash}","client_ip_hash":"{hash}","a":[{{"x_real_ip_hash":"{hash}"}}]}}"#
            ),
            3,
        ),
        (format!(r#"{{"remote_addr_hash":"{hash}","ip_address_hash":"{hash}"}}"#), 2),
        (format!(r#"{{"ip_hash":["{hash}"],"b":{{"skip_hash":"{hash}"}}}}"#), 1),
        (r#"{"ip_hash":null}"#.to_owned(), 0),
        (r#"{"ip_hash":"no hash","n":{"ip_hash":{"ip_hash":1}}}"#.to_owned(), 0),
    ] {
        let mut value = Json::from_text(&json).unwrap();
        let found = replace_ip_hashes(&mut value, &mut |hash| Some(ring.upgrade_ip_hash(hash)));
        assert_eq!(found, replaced, "{json}");
        let keyed = ring.upgrade_ip_hash(&hash);
        assert_eq!(value.to_text().matches(keyed.as_str()).count(), replaced, "{json}");
    }
}

#[test]
fn names_that_become_equal_get_a_number() {
    let ring = ring();
    let plain = IpHash::of_text("203.0.113.7").unwrap();
    let keyed = ring.upgrade_ip_hash(&plain);
    let json = format!(r#"{{"{plain}":1,"{keyed}":2}}"#);
    let mut value = Json::from_text(&json).unwrap();
    replace_ip_hashes(&mut value, &mut |hash| (*hash == plain).then_some(keyed));
    assert_eq!(value.to_text(), format!(r#"{{"{keyed}_2":1,"{keyed}":2}}"#));
}
