//! Tests that no address in device_info is stored in the clear, whatever its name is, and that no device_info makes a
//! sign-in fail.

use serde_json::{json, Value};
use vetassist_core::{IpHash, KeyRing};

use super::{ring, Victim};

const ONE: &str = "203.0.113.7";
const TWO: &str = "2001:db8::1";
const THREE: &str = "198.51.100.23";

/// Returns device_info values, each with the addresses that must be hashed and the texts that must be unchanged.
fn cases() -> Vec<(Value, Vec<&'static str>, Vec<&'static str>)> {
    let mut cases = Vec::new();
    // An address alone, under any name.
    for name in [
        "ip",
        "IP",
        "Ip",
        "ip_address",
        "ipAddress",
        "client_ip_address",
        "clientIpAddress",
        "cf-connecting-ip",
        "CF-Connecting-IP",
        "true_client_ip",
        "True-Client-IP",
        "source_ip",
        "src",
        "address",
        "addr",
        "host",
        "x",
        "",
        " ",
        "remote",
        "peer",
        "loc",
        "x-real-ip",
        "fastly-client-ip",
        "x-client-ip",
        "x-cluster-client-ip",
        "via",
        "gateway",
        "ipv4",
        "ipv6",
        "lastSeenFrom",
        "\u{69}\u{fe0e}p",
        "ip_hash",
        "agent",
        "\u{ff49}\u{ff50}",
    ] {
        cases.push((json!({ name: ONE }), vec![ONE], vec![]));
        cases.push((json!({ name: TWO }), vec![TWO], vec![]));
    }
    // All spellings of one address.
    for spelling in [
        "2001:DB8::1",
        "2001:db8:0:0:0:0:0:1",
        "2001:0db8:0000:0000:0000:0000:0000:0001",
        " 2001:db8::1",
        "2001:db8::1\n",
        "2001:db8::0.0.0.1",
    ] {
        cases.push((json!({ "client_ip_address": spelling }), vec![TWO], vec![]));
    }
    for spelling in
        ["::ffff:203.0.113.7", "::FFFF:cb00:7107", "\t203.0.113.7 ", "0:0:0:0:0:ffff:203.0.113.7"]
    {
        cases.push((json!({ "source_ip": spelling }), vec![ONE], vec![]));
    }
    // At any depth, and several addresses.
    cases.extend([
        (json!({ "ips": [ONE, TWO] }), vec![ONE, TWO], vec![]),
        (json!([ONE, { "a": [[TWO]] }]), vec![ONE, TWO], vec![]),
        (json!(ONE), vec![ONE], vec![]),
        (json!({ "a": { "b": [{ "c": { "d": THREE } }] }, "os": "iOS" }), vec![THREE], vec!["iOS"]),
        (json!({ "ip": ONE, "client_ip": TWO, "x": THREE }), vec![ONE, TWO, THREE], vec![]),
        (json!({ "ip": ONE, "IP": TWO, "Ip_Hash": THREE }), vec![ONE, TWO, THREE], vec![]),
        (json!({ "ip": { "v4": ONE, "v6": TWO } }), vec![ONE, TWO], vec![]),
        (
            json!({ "forwarded": [format!("for={ONE}"), format!("for=\"[{TWO}]\"")] }),
            vec![ONE, TWO],
            vec![],
        ),
    ]);
    // In lists and Forwarded (RFC 7239), with zones and ports, the addresses are hashed and the rest is dropped.
    for name in [
        "x-forwarded-for",
        "X-Forwarded-For",
        "x_forwarded_for",
        "ip",
        "ips",
        "remote_addr",
        "forwarded",
        "Forwarded",
        "client_ip",
    ] {
        cases.extend([
            (json!({ name: format!("{ONE}, {THREE}, {TWO}") }), vec![ONE, TWO, THREE], vec![]),
            (json!({ name: format!("{ONE},{THREE}") }), vec![ONE, THREE], vec![]),
            (json!({ name: format!("unknown, {ONE}") }), vec![ONE], vec![]),
            (json!({ name: format!("{ONE}:443") }), vec![ONE], vec![]),
            (json!({ name: format!("[{TWO}]:443, {ONE}:1") }), vec![ONE, TWO], vec![]),
            (json!({ name: format!("[{TWO}]") }), vec![TWO], vec![]),
            (json!({ name: format!("{TWO}%eth0") }), vec![TWO], vec![]),
            (json!({ name: format!("{ONE}/24") }), vec![ONE], vec![]),
            (json!({ name: format!("for={ONE};proto=http;by={THREE}") }), vec![ONE, THREE], vec![]),
            (
                json!({ name: format!("For=\"[{TWO}]:4711\"; for={ONE}, for=_hidden") }),
                vec![ONE, TWO],
                vec![],
            ),
        ]);
    }
    // A value under the name of an address that is not one is dropped.
    for none in [
        json!("unknown"),
        json!(""),
        json!("localhost"),
        json!("n/a"),
        json!("_gazonk"),
        json!(null),
        json!(7),
        json!(true),
        json!([]),
        json!({}),
        json!("999.1.1.1"),
        json!("203.0.113"),
        json!("1.2.3.4.5"),
        json!("2001:db8:::1"),
        json!("fe80::1::2"),
        json!("a".repeat(5000)),
        json!("Tamara Ellis"),
    ] {
        for name in [
            "ip",
            "ip_address",
            "client-ip",
            "X-Forwarded-For",
            "remote_addr",
            "cf-connecting-ip",
            "ips",
        ] {
            cases.push((json!({ name: none, "os": "iOS 17.1" }), vec![], vec!["iOS 17.1"]));
        }
    }
    // No addresses.
    for kept in [
        "10.0.19045",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
        "12:30:45",
        "v1.2",
        "1 Main Street",
        "aa:bb:cc:dd:ee:ff",
        "3.14",
        "deadbeef",
    ] {
        cases.push((json!({ "agent": kept, "version": kept }), vec![], vec![kept]));
    }
    cases
}

#[test]
#[ignore = "takes seconds"]
fn no_address_in_device_info_is_stored_in_the_clear() {
    for kind in ["sha256", "keyed"] {
        let mut victim = Victim::installed(&[("vetassist.ip_hash", kind)]);
        let keys = KeyRing::parse(ring().as_bytes()).unwrap();
        let hash = |address: &str| {
            let plain = IpHash::of_text(address).unwrap();
            if kind == "keyed" {
                keys.upgrade_ip_hash(&plain).as_str().to_owned()
            } else {
                plain.as_str().to_owned()
            }
        };
        let mut app = victim.connect("app");
        let mut wrong = Vec::new();
        for (number, (device_info, addresses, kept)) in cases().iter().enumerate() {
            let jti = format!("jti {number}");
            let login = "SELECT vetassist_login('ICN', 'access', now() + '1 h', $1, now() + '1 h', device_info => $2)";
            if let Err(error) = app.execute(login, &[&jti, device_info]) {
                wrong.push(format!("{device_info}: refused: {error:?}"));
                continue;
            }
            let row = victim.db.query_one("SELECT coalesce(device_info::text, '') FROM vetassist_sessions WHERE jwt_id = $1", &[&jti]).unwrap();
            let stored: String = row.get(0);
            let flat = stored.to_lowercase();
            for address in [ONE, TWO, THREE] {
                if flat.contains(address) {
                    wrong.push(format!("{device_info}: {address} is in {stored}"));
                }
                if addresses.contains(&address) != stored.contains(&hash(address)) {
                    wrong.push(format!("{device_info}: the hash of {address} in {stored}"));
                }
            }
            for other in [
                "2001:0db8",
                "2001:db8:0",
                "cb00:7107",
                "ffff:203",
                "unknown",
                "_hidden",
                "%eth0",
                "4711",
                "999.1",
                "_gazonk",
                "tamara",
                "localhost",
                "aaaaaaaa",
            ] {
                if flat.contains(other) {
                    wrong.push(format!("{device_info}: {other} is in {stored}"));
                }
            }
            for kept in kept {
                if !stored.contains(kept) {
                    wrong.push(format!("{device_info}: {kept} is not in {stored}"));
                }
            }
        }
        assert!(
            wrong.is_empty(),
            "{kind}: {} wrong, such as\n{}",
            wrong.len(),
            wrong[..wrong.len().min(12)].join("\n")
        );
        // Each keyed hash is recorded as keyed.
        if kind == "keyed" {
            let unknown = "SELECT DISTINCT m[1] FROM vetassist_sessions, regexp_matches(device_info::text, '[0-9a-f]{64}', 'g') AS m
                           WHERE NOT EXISTS (SELECT FROM vetassist_keyed_ip_hashes WHERE ip_hash = m[1])";
            assert_eq!(victim.column(unknown), Vec::<String>::new());
        }
    }
}

#[test]
fn an_address_as_a_name_is_not_stored_in_the_clear() {
    let mut victim = Victim::installed(&[]);
    for (number, device_info) in [
        json!({ ONE: "home", "os": "iOS" }),
        json!({ "seen": { TWO: 3 } }),
        json!([{ "::ffff:203.0.113.7": null }]),
        json!({ "2001:DB8:0::1": { THREE: [] } }),
    ]
    .iter()
    .enumerate()
    {
        let login = "SELECT vetassist_login('ICN', 'access', now() + '1 h', $1, now() + '1 h', device_info => $2)";
        victim.connect("app").execute(login, &[&format!("jti {number}"), device_info]).unwrap();
    }
    let stored = victim.column("SELECT lower(device_info::text) FROM vetassist_sessions").join(" ");
    for written in [ONE, TWO, THREE, "2001:db8", "::ffff", "203.0.113"] {
        assert!(!stored.contains(written), "{written} is in {stored}");
    }
}
