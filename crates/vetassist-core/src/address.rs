//! Addresses in text, and names of members that hold addresses.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};

use crate::name_words::words;

/// The content that a text is expected to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Addresses: every address in the text counts.
    Addresses,
    /// Anything: the text counts if it is an address or a list of addresses.
    Anything,
    /// Anything, but nothing may be lost: a list with anything else in it does not count.
    AddressesAlone,
    /// The number of a version, which may look like an IPv4 address.
    Version,
}

impl Expected {
    /// Returns the content that a member of this name is expected to have.
    pub(crate) fn under(name: &str) -> Self {
        let words = words(name);
        if names_address(&words) {
            Self::Addresses
        } else if words.iter().any(|word| VERSIONS.contains(&word.as_str())) {
            Self::Version
        } else {
            Self::Anything
        }
    }
}

/// Words of names whose values may be four numbers and dots.
const VERSIONS: [&str; 8] =
    ["version", "versions", "ver", "build", "release", "revision", "firmware", "zip"];

/// Last words of names of members that hold addresses.
const NAMES: [&str; 23] = [
    "ip",
    "ips",
    "ipv4",
    "ipv6",
    "inet",
    "ipaddr",
    "ipaddress",
    "ipaddresses",
    "clientip",
    "clientipaddress",
    "connectingip",
    "externalip",
    "forwardedfor",
    "peername",
    "publicip",
    "realip",
    "remoteaddr",
    "remoteaddress",
    "remoteip",
    "sourceip",
    "srcip",
    "userip",
    "xforwardedfor",
];
const GENERAL: [&str; 4] = ["address", "addresses", "addr", "addrs"];
/// Words before `address` in names of other addresses, such as e-mail addresses.
const OTHER_ADDRESSES: [&str; 24] = [
    "billing",
    "bluetooth",
    "business",
    "contact",
    "contract",
    "delivery",
    "email",
    "hardware",
    "home",
    "legal",
    "mac",
    "mail",
    "mailing",
    "memory",
    "permanent",
    "physical",
    "postal",
    "residential",
    "shipping",
    "street",
    "url",
    "wallet",
    "web",
    "work",
];

/// Checks whether the words are the name of a member that holds the address of a client.
fn names_address(words: &[alloc::string::String]) -> bool {
    let words: Vec<&str> = words.iter().map(alloc::string::String::as_str).collect();
    // `ip_2`, `ip2`
    let numbered = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
    let words = match words.split_last() {
        Some((last, rest)) if numbered(last) => rest,
        _ => &words[..],
    };
    let Some((last, rest)) = words.split_last() else { return false };
    let bare = last.trim_end_matches(|c: char| c.is_ascii_digit());
    if NAMES.contains(last) || NAMES.contains(&bare) {
        return true;
    }
    if GENERAL.contains(last) {
        return !rest.iter().any(|word| OTHER_ADDRESSES.contains(word));
    }
    let before = rest.last().copied().unwrap_or_default();
    match *last {
        "peer" | "peers" | "forwarded" => true,
        "remote" => rest.is_empty(),
        "for" | "by" => before == "forwarded",
        "v4" | "v6" | "list" | "chain" | "history" => before == "ip",
        "host" | "hostname" => matches!(before, "remote" | "peer" | "client"),
        "name" => before == "peer",
        _ => false,
    }
}

/// Returns the addresses that a text consists of. If a text has other content too, as prose has, it returns
/// none, unless addresses are expected.
pub(crate) fn in_text(text: &str, expected: Expected) -> Vec<IpAddr> {
    let is_invisible = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}');
    let text = text.trim_matches(|c: char| c.is_whitespace() || c.is_control() || is_invisible(c));
    if expected == Expected::Addresses {
        let ends = |c: char| c.is_whitespace() || ",;=\"'()<>|{}".contains(c);
        return text.split(ends).filter_map(|part| read(part, expected)).collect();
    }
    forwarded(text).or_else(|| list(text, expected)).unwrap_or_default()
}

/// Reads addresses that are separated by commas, with names of hosts among them; or addresses that are
/// separated by blanks, with placeholders among them.
fn list(text: &str, expected: Expected) -> Option<Vec<IpAddr>> {
    let is_comma = |c: char| matches!(c, ',' | ';' | '|');
    let words_alone = expected != Expected::AddressesAlone
        && text.split(is_comma).all(|part| !part.trim().contains(char::is_whitespace));
    let mut found = Vec::new();
    for part in text.split(|c: char| c.is_whitespace() || is_comma(c)) {
        if let Some(address) = read(part, expected) {
            found.push(address);
        } else if !words_alone && !is_placeholder(part) {
            return None;
        }
    }
    Some(found)
}

/// Checks for a placeholder of a list, which replaces a missing address.
fn is_placeholder(part: &str) -> bool {
    let part = part.trim_matches('"');
    part.is_empty()
        || part.starts_with('_')
        || ["-", "unknown", "hidden", "none", "null"]
            .iter()
            .any(|word| part.eq_ignore_ascii_case(word))
}

/// Reads the addresses of a `Forwarded` header (RFC 7239); `None` if the text is not such a header.
fn forwarded(text: &str) -> Option<Vec<IpAddr>> {
    let mut found = Vec::new();
    let mut names_node = false;
    for part in text.split([',', ';']) {
        let (name, value) = part.split_once('=')?;
        let name = name.trim();
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return None;
        }
        if ["for", "by"].iter().any(|node| name.eq_ignore_ascii_case(node)) {
            names_node = true;
            found.extend(read(value.trim(), Expected::Addresses));
        }
    }
    names_node.then_some(found)
}

/// Reads one address, with or without brackets or quotes, a scheme, a zone, a prefix, and a port.
fn read(text: &str, expected: Expected) -> Option<IpAddr> {
    let text = text.trim_matches(['"', '\'', '(', ')', '<', '>']).trim_end_matches(['.', '/']);
    let text = text.strip_suffix("/tcp").or_else(|| text.strip_suffix("/udp")).unwrap_or(text);
    let is_generous = expected == Expected::Addresses;
    let text = match text.split_once("://") {
        Some((_, rest)) if is_generous => rest.split(['/', '?', '#']).next().unwrap_or_default(),
        Some((_, rest)) => rest,
        None => strip_family(text),
    };
    let address = if let Some(rest) = strip_bracket(text, '[', "%5b") {
        let end = rest.find(']').or_else(|| rest.to_ascii_lowercase().find("%5d"))?;
        let (inner, after) = rest.split_at(end);
        let after = strip_bracket(after, ']', "%5d")?;
        (after.is_empty() || is_port(after) || is_prefix(after)).then_some(())?;
        bare(strip_family(inner))?
    } else {
        let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
        bare(text).or_else(|| {
            let is_v4 = |address: &IpAddr| address.is_ipv4();
            port.bytes().all(|b| b.is_ascii_digit()).then(|| bare(host).filter(is_v4))?
        })?
    };
    let is_bare_quad = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let is_number = match (expected, address) {
        (Expected::Version, _) => true,
        // It is a network, or a version number: Chrome's is 120.0.0.0.
        (Expected::Anything | Expected::AddressesAlone, IpAddr::V4(quad)) => {
            quad.octets()[1..] == [0, 0, 0]
        }
        _ => false,
    };
    (!(is_bare_quad && is_number)).then_some(address)
}

fn strip_bracket<'a>(text: &'a str, bracket: char, escaped: &str) -> Option<&'a str> {
    let head = text.get(..escaped.len()).unwrap_or_default();
    text.strip_prefix(bracket).or_else(|| head.eq_ignore_ascii_case(escaped).then(|| &text[3..]))
}

/// Removes the prefix `ipv6:`, which gRPC and SMTP write before an address.
fn strip_family(text: &str) -> &str {
    let is_family = |head: &str| {
        [
            "ipv4", "ipv6", "ip4", "ip6", "inet", "inet6", "tcp", "tcp4", "tcp6", "udp", "udp4",
            "udp6",
        ]
        .iter()
        .any(|known| head.eq_ignore_ascii_case(known))
    };
    text.split_once(':').filter(|(head, _)| is_family(head)).map_or(text, |(_, rest)| rest)
}

fn is_port(text: &str) -> bool {
    text.strip_prefix(':').is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_prefix(text: &str) -> bool {
    let length = text.strip_prefix('/').unwrap_or_default();
    (1..=3).contains(&length.len()) && length.bytes().all(|byte| byte.is_ascii_digit())
}

/// Reads an address with a zone, with a prefix, or without.
fn bare(text: &str) -> Option<IpAddr> {
    let (text, prefix) = text.find('/').map_or((text, ""), |at| text.split_at(at));
    if !prefix.is_empty() && !is_prefix(prefix) {
        return None;
    }
    let (text, zone) = text.split_once('%').unwrap_or((text, ""));
    if !zone.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-~".contains(&byte)) {
        return None;
    }
    text.parse().ok().or_else(|| padded(text))
}

/// Reads an address with leading zeros, such as `203.000.113.007`. Some programs refuse it, but a person recognises it.
fn padded(text: &str) -> Option<IpAddr> {
    let mut octets = [0; 4];
    let mut parts = text.split('.');
    for octet in &mut octets {
        let part = parts.next()?;
        let is_number = (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        *octet = is_number.then(|| part.parse().ok())??;
    }
    parts.next().is_none().then(|| Ipv4Addr::from(octets).into())
}
