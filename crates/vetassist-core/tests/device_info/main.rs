//! Tests that addresses in device_info become hashes under every name, and that nothing else changes.
#![cfg(feature = "serde_json")]
#![allow(clippy::unwrap_used, missing_docs)]

mod properties;
mod upgrade;

use std::convert::Infallible;

use vetassist_core::{
    device_info::{hash_addresses, names_address},
    json::Value,
    IpHash,
};

type Json = Value<serde_json::Number>;

fn hashed(json: &str) -> String {
    let value = Json::from_text(json).unwrap_or_else(|error| panic!("{error}: {json}"));
    let mut hash = |address| Ok::<_, Infallible>(IpHash::of(address));
    let Ok(value) = hash_addresses(value, &mut hash);
    value.to_text()
}

/// Replaces `<203.0.113.7>` in an expected text by the hash of that address.
fn expected(json: &str) -> String {
    let mut text = String::new();
    for part in json.split('<') {
        match part.split_once('>') {
            Some((address, rest)) => {
                text += &(IpHash::of_text(address).unwrap().to_string() + rest);
            }
            None => text += part,
        }
    }
    text
}

fn assert_becomes(json: &str, as_written: &str) {
    let json = json.replace('\n', "");
    assert_eq!(hashed(&json), expected(as_written), "{json}");
    // Hashing again changes nothing.
    assert_eq!(hashed(&hashed(&json)), hashed(&json), "{json}");
}

/// One address in every spelling.
const SPELLINGS: [&str; 31] = [
    "\\u200b203.0.113.7\\ufeff",
    "203.0.113.7:53/udp",
    "udp4:203.0.113.7:53",
    "203.0.113.7,443,eth0",
    "203.0.113.7",
    " 203.0.113.7\\t",
    "203.0.113.7:54321",
    "203.0.113.7/32",
    "203.0.113.7/24",
    "203.0.113.7%eth0",
    "203.000.113.007",
    "::ffff:203.0.113.7",
    "::FFFF:cb00:7107",
    "0:0:0:0:0:ffff:203.0.113.7",
    "[::ffff:203.0.113.7]",
    "[::ffff:203.0.113.7]:443",
    "[::ffff:203.0.113.7%25eth0]:443",
    "::ffff:203.0.113.7%eth0",
    "::ffff:203.0.113.7/128",
    "\\\"203.0.113.7\\\"",
    "'203.0.113.7'",
    "(203.0.113.7)",
    "[203.0.113.7]",
    "203.0.113.7,",
    "203.0.113.7, unknown",
    "http://203.0.113.7",
    "tcp://203.0.113.7:443/",
    "ipv4:203.0.113.7:443",
    "ipv6:%5B::ffff:203.0.113.7%5D:443",
    "[IPv6:::ffff:203.0.113.7]",
    "for=203.0.113.7;proto=https;host=va.gov",
];

/// Names that say nothing about the value.
const NEUTRAL: [&str; 6] = ["x", "where", "seen_from", "location", "", "ipx"];

/// Names of addresses.
const OF_ADDRESSES: [&str; 45] = [
    "ip",
    "IP",
    "ips",
    "ip_address",
    "ipAddress",
    "IPAddress",
    "ip_addr",
    "ipaddr",
    "ipv4",
    "ip_v6",
    "ip2",
    "client-ip",
    "clientip",
    "clientIP",
    "client_ip_address",
    "cf-connecting-ip",
    "CF-Connecting-IP",
    "true_client_ip",
    "True-Client-IP",
    "X-Real-IP",
    "x_client_ip",
    "fastly-client-ip",
    "source_ip",
    "sourceIp",
    "remote_ip",
    "last_login_ip",
    "address",
    "addresses",
    "addr",
    "remote_addr",
    "remoteAddress",
    "source_address",
    "X-Forwarded-For",
    "xForwardedFor",
    "forwarded",
    "Forwarded",
    "x_forwarded_for",
    "forwarded_for",
    "x-original-forwarded-for",
    "remote_host",
    "remote",
    "peer",
    "peername",
    "client_host",
    "ip_list",
];

/// Names that look like names of addresses but are not.
const OF_OTHERS: [&str; 26] = [
    "",
    "ip_hash",
    "zip",
    "ship",
    "tooltip",
    "ipx",
    "description",
    "email_address",
    "e-mail-address",
    "emailAddress",
    "mailing_address",
    "home_address",
    "mac_address",
    "ip_version",
    "ip_country",
    "hostname",
    "host",
    "address_line",
    "addressee",
    "membership",
    "vip",
    "chip",
    "remote_control",
    "peer_count",
    "forwarded_proto",
    "x_forwarded_proto",
];

#[test]
fn an_address_is_hashed_in_every_spelling_under_every_name() {
    for spelling in SPELLINGS {
        for name in NEUTRAL.into_iter().chain(OF_ADDRESSES) {
            assert_becomes(
                &format!("{{\"a\":1,\"{name}\":\"{spelling}\"}}"),
                "{\"a\":1,\"ip_hash\":\"<203.0.113.7>\"}",
            );
        }
        assert_becomes(&format!("\"{spelling}\""), "\"<203.0.113.7>\"");
        assert_becomes(&format!("[\"x\",\"{spelling}\",[1]]"), "[\"x\",\"<203.0.113.7>\",[1]]");
        assert_becomes(
            &format!("{{\"a\":[{{\"b\":{{\"c\":\"{spelling}\"}}}}]}}"),
            "{\"a\":[{\"b\":{\"ip_hash\":\"<203.0.113.7>\"}}]}",
        );
    }
    for (spelling, address) in [
        ("2001:db8::1", "2001:db8::1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%25eth0]:80", "fe80::1"),
        ("fe80::1%eth0/64", "fe80::1"),
        ("2001:db8::/32", "2001:db8::"),
        ("for=\\\"[2001:db8::1]:4711\\\"", "2001:db8::1"),
        ("::1", "::1"),
        ("https://[2001:db8::1]:8443/", "2001:db8::1"),
    ] {
        assert_becomes(
            &format!("{{\"where\":\"{spelling}\"}}"),
            &format!("{{\"ip_hash\":\"<{address}>\"}}"),
        );
    }
}

#[test]
fn names_of_addresses_are_told_from_other_names() {
    assert!(OF_ADDRESSES.into_iter().all(names_address));
    assert!(!OF_OTHERS.into_iter().chain(NEUTRAL).any(names_address));
}

#[test]
fn lists_of_addresses_become_arrays() {
    for list in [
        "203.0.113.7, 2001:db8::1",
        "203.0.113.7,2001:db8::1",
        "unknown, 203.0.113.7:80 , [2001:db8::1]:443",
        "203.0.113.7, proxy.example, 2001:db8::1",
        "203.0.113.7 2001:db8::1",
        "203.0.113.7; _hidden; 2001:db8::1",
        "for=203.0.113.7;proto=http;by=_secret, for=\\\"[2001:db8::1]:80\\\"",
        "For=\\\"203.0.113.7:80\\\", FOR=unknown, By=\\\"[2001:db8::1]\\\"",
    ] {
        for name in ["x", "X-Forwarded-For", "forwarded"] {
            assert_becomes(
                &format!("{{\"{name}\":\"{list}\"}}"),
                "{\"ip_hash\":[\"<203.0.113.7>\",\"<2001:db8::1>\"]}",
            );
        }
    }
    assert_becomes(
        r#"{"ips":["203.0.113.7","unknown",7,null,{"port":1},["2001:db8::1"],[]]}"#,
        r#"{"ip_hash":["<203.0.113.7>",{"port":1},["<2001:db8::1>"]]}"#,
    );
    assert_becomes(
        r#"{"seen":["203.0.113.7","Chrome",7,null,["2001:db8::1"]]}"#,
        r#"{"ip_hash":["<203.0.113.7>","Chrome",7,null,["<2001:db8::1>"]]}"#,
    );
}

#[test]
fn a_value_under_the_name_of_an_address_is_dropped_if_it_is_not_one() {
    for name in OF_ADDRESSES {
        for value in [
            "\"unknown\"",
            "\"a host\"",
            "\"\"",
            "\"ip-203-0-113-7.ec2.internal\"",
            "7",
            "true",
            "[]",
            "[\"unknown\", 7]",
            "\"for=_hidden;proto=http\"",
            "\"203.0.113\"",
            "\"203.0.113.256\"",
            "\"203.0.113.7.example.com\"",
            "[null]",
        ] {
            assert_becomes(&format!("{{\"a\":1,\"{name}\":{value},\"b\":2}}"), "{\"a\":1,\"b\":2}");
        }
        // null stays, and objects are searched.
        assert_becomes(&format!("{{\"{name}\":null}}"), "{\"ip_hash\":null}");
        assert_becomes(
            &format!("{{\"{name}\":{{\"city\":\"Portland\",\"zip\":\"97201\"}}}}"),
            &format!("{{\"{name}\":{{\"city\":\"Portland\",\"zip\":\"97201\"}}}}"),
        );
        // An address in the text is hashed, and the rest is dropped.
        for value in
            ["client 203.0.113.7 (unknown)", "203.0.113.7, proxy.example", "ip=203.0.113.7;x=y"]
        {
            assert_becomes(
                &format!("{{\"{name}\":\"{value}\"}}"),
                "{\"ip_hash\":\"<203.0.113.7>\"}",
            );
        }
        assert_becomes(&format!("{{\"{name}\":\"120.0.0.0\"}}"), "{\"ip_hash\":\"<120.0.0.0>\"}");
    }
}

#[test]
fn all_other_members_are_unchanged() {
    for name in OF_OTHERS.into_iter().chain(["note", "x"]) {
        for value in [
            "\"unknown\"",
            "\"\"",
            "\"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120.0.0.0 Safari/537.36\"",
            "\"Chrome 120.0.0.0\"",
            "\"120.0.0.0\"",
            "\"10.0.19045\"",
            "\"10.0.19045.3803\"",
            "\"1.2.3.4.5\"",
            "\"203.0.113.256\"",
            "\"OpenSSL 1.1.1.7 and 203.0.113.7\"",
            "\"Version 1.1.1.7, build 5\"",
            "\"00:1a:2b:3c:4d:5e\"",
            "\"12:30\"",
            "\"12:30:45\"",
            "\"1:2\"",
            "\"for=x\"",
            "\"for example\"",
            "\"for=203.0.113.7 and more\"",
            "\"someone@203.0.113.7\"",
            "\"https://203.0.113.7/path\"",
            "\"1bb044aa-ded1-40c7-8a88-433e74903f95\"",
            "\"deadbeef\"",
            "\",;|\"",
            "\"%\"",
            "\"[\"",
            "\"[]\"",
            "\"[]:80\"",
            "\"%5b\"",
            "\"ipv4:\"",
            "\"://\"",
            "1.5",
            "203",
            "null",
            "[\"unknown\",null,{}]",
        ] {
            let json = format!("{{\"{name}\":{value}}}");
            assert_eq!(hashed(&json), json);
        }
    }
    // Four numbers are a version under the name of a version, and an address under other names.
    for name in ["version", "appVersion", "os_version", "build", "firmware_ver", "zip"] {
        let json = format!("{{\"{name}\":\"4.12.0.3\"}}");
        assert_eq!(hashed(&json), json);
        assert_becomes(&format!("{{\"{name}\":\"4.12.0.3:80\"}}"), "{\"ip_hash\":\"<4.12.0.3>\"}");
        assert_becomes(
            &format!("{{\"{name}\":\"2001:db8::1\"}}"),
            "{\"ip_hash\":\"<2001:db8::1>\"}",
        );
    }
    assert_becomes(r#"{"app":"4.12.0.3"}"#, r#"{"ip_hash":"<4.12.0.3>"}"#);
}

#[test]
fn hashes_get_unique_names_and_overwrite_no_member() {
    for (json, as_written) in [
        (
            r#"{"IP":"::ffff:203.0.113.7","client_ip":"2001:db8::1","zip":"1.2.3.4"}"#,
            r#"{"ip_hash":"<203.0.113.7>","client_ip_hash":"<2001:db8::1>","zip":"1.2.3.4"}"#,
        ),
        (
            r#"{"client_ip":"2001:db8::1","ip":"203.0.113.7"}"#,
            r#"{"client_ip_hash":"<2001:db8::1>","ip_hash":"<203.0.113.7>"}"#,
        ),
        (
            r#"{"remote_addr":"203.0.113.7","address":"2001:db8::1","where":"::1"}"#,
            r#"{"remote_addr_hash":"<203.0.113.7>","ip_hash":"<2001:db8::1>","where_ip_hash":"<::1>"}"#,
        ),
        // A caller's member with the name of a hash stays.
        (
            r#"{"ip":"203.0.113.7","ip_hash":"given","IP":"2001:db8::1"}"#,
            r#"{"ip_ip_hash":"<203.0.113.7>","ip_hash":"given","IP_hash":"<2001:db8::1>"}"#,
        ),
        (
            r#"{"ip":"203.0.113.7","ip_hash":1,"ip_ip_hash":2,"ip_2_ip_hash":3}"#,
            r#"{"ip_3_ip_hash":"<203.0.113.7>","ip_hash":1,"ip_ip_hash":2,"ip_2_ip_hash":3}"#,
        ),
        (
            r#"{"ip_hash":{"a":1},"client_ip_hash":[],"client_ip":"203.0.113.7"}"#,
            r#"{"ip_hash":{"a":1},"client_ip_hash":[],"client_ip_ip_hash":"<203.0.113.7>"}"#,
        ),
        // An address under the name of a hash is an address.
        (r#"{"ip_hash":"203.0.113.7"}"#, r#"{"ip_hash":"<203.0.113.7>"}"#),
        (
            r#"{"ip_hash":"203.0.113.7","ip":"2001:db8::1"}"#,
            r#"{"ip_hash":"<203.0.113.7>","ip_ip_hash":"<2001:db8::1>"}"#,
        ),
        // A dropped member leaves the name free. A null takes it.
        (r#"{"ip":"unknown","peer":"::1"}"#, r#"{"ip_hash":"<::1>"}"#),
        (r#"{"ip":null,"peer":"::1"}"#, r#"{"ip_hash":null,"peer_hash":"<::1>"}"#),
        // Addresses as names.
        (r#"{"203.0.113.7":{"n":1}}"#, r#"{"<203.0.113.7>":{"n":1}}"#),
        (
            r#"{"203.0.113.7":1,"::ffff:203.0.113.7":2,"[::ffff:203.0.113.7]:80":3,"2001:db8::1":4}"#,
            r#"{"<203.0.113.7>":1,"<203.0.113.7>_2":2,"<203.0.113.7>_3":3,"<2001:db8::1>":4}"#,
        ),
        (r#"{"203.0.113.7, 2001:db8::1":"::1"}"#, r#"{"<203.0.113.7>_<2001:db8::1>":"<::1>"}"#),
    ] {
        assert_becomes(json, as_written);
    }
}

#[test]
fn an_error_of_the_hash_is_returned() {
    let value = Json::from_text(r#"{"a":["203.0.113.7"]}"#).unwrap();
    assert_eq!(hash_addresses(value, &mut |_| Err("no ring")), Err("no ring"));
}
