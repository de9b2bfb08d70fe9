//! Tests the stored form of an address.
#![allow(clippy::unwrap_used, missing_docs)]

use vetassist_core::{parse_address, IpHash, IpHashing, KeyRing, MasterKey, StoredIpHash};

#[test]
fn an_address_is_stored_plain_or_keyed_by_the_current_key() {
    let key = |byte| MasterKey::from_bytes(&[byte; 32]);
    let ring = KeyRing::new([key(1), key(2)]).unwrap();
    for text in ["203.0.113.7", "::ffff:203.0.113.7", "2001:db8::1"] {
        let address = parse_address(text).unwrap();
        let plain = IpHash::of(address);
        let stored = IpHashing::Sha256.hash(address);
        assert_eq!(stored, StoredIpHash { hash: plain, is_keyed: false });
        let stored = IpHashing::Keyed(&ring).hash(address);
        assert_eq!(stored, StoredIpHash { hash: key(1).upgrade_ip_hash(&plain), is_keyed: true });
    }
}
