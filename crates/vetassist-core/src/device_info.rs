//! Replaces the addresses in the description of a device by their hashes.
//!
//! [`hash_addresses`] recognises an address by its value, under any name: text that is an address in any
//! spelling, also with a port, a zone, a prefix, brackets or quotes; a list of addresses
//! (`X-Forwarded-For`); a `Forwarded` header (RFC 7239). Text with other content, such as a user agent,
//! stays as it is. A bare dotted quad stays too if a number of four parts is expected (`version`, `build`,
//! `zip`), or if its last three parts are 0 (`120.0.0.0`).
//!
//! If a member has the name of an address (`ip`, `client_ip_address`, `CF-Connecting-IP`, `remote_host`,
//! `forwarded`, ...), each address in it is hashed and the rest is dropped. If it has no address
//! (`"unknown"`), the member is dropped; `null` stays.
//!
//! A hash has the name `ip_hash`. If an object has several, the hash of the member `ip` gets that name, or
//! else the hash of the first name in order. The others get their own name and `_hash` (`client_ip_hash`),
//! or `_ip_hash` if the name is not that of an address. A member that the caller gave is never overwritten.
//! Several addresses in one text become an array. In an array, hashes replace the addresses in their
//! places, and the member gets the name of a hash. A member's name that is itself an address is hashed,
//! too.
//!
//! To upgrade stored plain hashes to keyed ones: list the hashes ([`ip_hashes`]), find out which of them are
//! keyed already, replace the others by keyed ones ([`replace_ip_hashes`]), and hash addresses that are
//! still plain text ([`hash_addresses`]).

use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::net::IpAddr;

use crate::{
    address::{self, Expected},
    ip_hash::IpHash,
    json::Value,
};

/// The name of a hash.
const NAME: &str = "ip_hash";

/// Replaces addresses by their hashes. It calls `hash` for each address, in the order of the value.
///
/// # Errors
/// Those of `hash`.
pub fn hash_addresses<N, E>(
    value: Value<N>,
    hash: &mut impl FnMut(IpAddr) -> Result<IpHash, E>,
) -> Result<Value<N>, E> {
    Ok(match hashed(value, Expected::Anything, hash)? {
        Redacted::Kept(value) | Redacted::Hashed(value) => value,
        // A value is dropped only if an address is expected, and here none is.
        Redacted::Dropped => Value::Null,
    })
}

/// Returns true if a member with this name is expected to be an address.
#[must_use]
pub fn names_address(name: &str) -> bool {
    Expected::under(name) == Expected::Addresses
}

/// The result for a value.
enum Redacted<N> {
    Kept(Value<N>),
    /// Hashes replaced addresses.
    Hashed(Value<N>),
    Dropped,
}

fn hashed<N, E>(
    value: Value<N>,
    expected: Expected,
    hash: &mut impl FnMut(IpAddr) -> Result<IpHash, E>,
) -> Result<Redacted<N>, E> {
    let is_address = expected == Expected::Addresses;
    Ok(match value {
        Value::Null if is_address => Redacted::Hashed(Value::Null),
        Value::Bool(_) | Value::Number(_) if is_address => Redacted::Dropped,
        Value::Null | Value::Bool(_) | Value::Number(_) => Redacted::Kept(value),
        Value::String(text) => {
            let mut hashes = Vec::new();
            for address in address::in_text(&text, expected) {
                hashes.push(Value::String(hash(address)?.to_string()));
            }
            match hashes.pop() {
                None if is_address => Redacted::Dropped,
                None => Redacted::Kept(Value::String(text)),
                Some(one) if hashes.is_empty() => Redacted::Hashed(one),
                Some(last) => {
                    hashes.push(last);
                    Redacted::Hashed(Value::Array(hashes))
                }
            }
        }
        Value::Array(items) => {
            let mut kept = Vec::with_capacity(items.len());
            let mut has_hashes = false;
            for item in items {
                match hashed(item, expected, hash)? {
                    Redacted::Hashed(Value::Null) | Redacted::Dropped => {}
                    Redacted::Hashed(item) => {
                        has_hashes = true;
                        kept.push(item);
                    }
                    Redacted::Kept(item) => kept.push(item),
                }
            }
            match (has_hashes, kept.is_empty() && is_address) {
                (true, _) => Redacted::Hashed(Value::Array(kept)),
                (false, true) => Redacted::Dropped,
                (false, false) => Redacted::Kept(Value::Array(kept)),
            }
        }
        Value::Object(members) => Redacted::Kept(Value::Object(hashed_members(members, hash)?)),
    })
}

fn hashed_members<N, E>(
    members: Vec<(String, Value<N>)>,
    hash: &mut impl FnMut(IpAddr) -> Result<IpHash, E>,
) -> Result<Vec<(String, Value<N>)>, E> {
    let mut results = Vec::with_capacity(members.len());
    let mut is_hashed = Vec::with_capacity(members.len());
    for (name, value) in members {
        let (value, here) = match hashed(value, Expected::under(&name), hash)? {
            Redacted::Kept(value) => (value, false),
            Redacted::Hashed(value) => (value, true),
            Redacted::Dropped => continue,
        };
        let mut hashes = Vec::new();
        for address in address::in_text(&name, Expected::AddressesAlone) {
            hashes.push(hash(address)?.to_string());
        }
        let name = if hashes.is_empty() { name } else { hashes.join("_") };
        results.push((name, value));
        is_hashed.push(here || !hashes.is_empty());
    }
    if !is_hashed.contains(&true) {
        return Ok(results);
    }
    let kept = results.iter().zip(&is_hashed).filter(|(_, is_hashed)| !**is_hashed);
    let mut names = Names::taken(kept.map(|((name, _), _)| name));
    let mut renamed: Vec<usize> = (0..results.len()).filter(|index| is_hashed[*index]).collect();
    renamed.sort_by_key(|index| {
        let name = &results[*index].0;
        (!ends_like_hash(name), !name.eq_ignore_ascii_case("ip"), name.clone())
    });
    for index in renamed {
        let name = &mut results[index].0;
        *name = if is_hashes(name) { names.of_hashes(name) } else { names.of_address(name) };
    }
    Ok(results)
}

/// The names of an object's members.
struct Names {
    taken: BTreeSet<String>,
    /// The last number that was tried after each name, so that the next search continues there.
    numbers: BTreeMap<String, u32>,
}

impl Names {
    fn taken<'a>(names: impl Iterator<Item = &'a String>) -> Self {
        Self { taken: names.cloned().collect(), numbers: BTreeMap::new() }
    }

    /// Takes a name for the hash of the address under this name.
    fn of_address(&mut self, name: &str) -> String {
        let own = ends_like_hash(name).then(|| name.to_string());
        let with_hash = names_address(name).then(|| format!("{name}_hash"));
        let candidates = own.into_iter().chain([NAME.to_string()]).chain(with_hash);
        let candidates = candidates.chain([format!("{name}_{NAME}")]);
        self.take(candidates, name, |number| format!("{name}_{number}_{NAME}"))
    }

    /// Takes a name that consists of hashes.
    fn of_hashes(&mut self, name: &str) -> String {
        self.take([name.to_string()].into_iter(), name, |number| format!("{name}_{number}"))
    }

    /// Takes the first name that is free.
    fn take(
        &mut self,
        mut candidates: impl Iterator<Item = String>,
        name: &str,
        numbered: impl Fn(u32) -> String,
    ) -> String {
        let free = candidates.find(|candidate| !self.taken.contains(candidate));
        let free = free.unwrap_or_else(|| {
            let number = self.numbers.entry(name.to_string()).or_insert(1);
            loop {
                *number += 1;
                let candidate = numbered(*number);
                if !self.taken.contains(&candidate) {
                    return candidate;
                }
            }
        });
        self.taken.insert(free.clone());
        free
    }
}

/// Checks for `ip_hash` and names that end with `_ip_hash`.
fn ends_like_hash(name: &str) -> bool {
    name.strip_suffix(NAME).is_some_and(|rest| rest.is_empty() || rest.ends_with('_'))
}

/// Checks for the name of a member that holds hashes of addresses.
fn holds_hashes(name: &str) -> bool {
    ends_like_hash(name) || is_hashes(name) || name.strip_suffix("_hash").is_some_and(names_address)
}

/// Checks for a name that consists of hashes, because it was addresses before.
fn is_hashes(name: &str) -> bool {
    name_hashes(name).next().is_some()
}

/// Returns the hashes that a name consists of.
fn name_hashes(name: &str) -> impl Iterator<Item = IpHash> + '_ {
    // A number may follow the hashes.
    let is_hash =
        name.len() >= 64 && name.split('_').all(|part| part.len() == 64 || part.len() < 4);
    let hashes = name.split('_').filter(move |_| is_hash);
    hashes.filter_map(|part| part.parse().ok())
}

/// Returns the hashes of addresses in a device's description, each once, in order.
#[must_use]
pub fn ip_hashes<N>(value: &Value<N>) -> Vec<IpHash> {
    let mut found = BTreeSet::new();
    collect(value, true, &mut found);
    found.into_iter().collect()
}

fn collect<N>(value: &Value<N>, may_be: bool, found: &mut BTreeSet<IpHash>) {
    match value {
        Value::String(text) if may_be => found.extend(text.parse::<IpHash>().ok()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        Value::Array(items) => items.iter().for_each(|item| collect(item, may_be, found)),
        Value::Object(members) => {
            for (name, value) in members {
                found.extend(name_hashes(name));
                collect(value, holds_hashes(name), found);
            }
        }
    }
}

/// Replaces the hashes that [`ip_hashes`] returns by those that `replace` has for them. Returns the number
/// of replaced hashes.
pub fn replace_ip_hashes<N>(
    value: &mut Value<N>,
    replace: &mut impl FnMut(&IpHash) -> Option<IpHash>,
) -> usize {
    replace_within(value, true, replace)
}

fn replace_within<N>(
    value: &mut Value<N>,
    may_be: bool,
    replace: &mut impl FnMut(&IpHash) -> Option<IpHash>,
) -> usize {
    match value {
        Value::String(text) if may_be => {
            let new = text.parse().ok().and_then(|hash| replace(&hash));
            new.map_or(0, |hash| {
                *text = hash.to_string();
                1
            })
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
        Value::Array(items) => {
            items.iter_mut().map(|item| replace_within(item, may_be, replace)).sum()
        }
        Value::Object(members) => {
            let mut replaced = 0;
            for (name, value) in &mut *members {
                replaced += replace_within(value, holds_hashes(name), replace);
            }
            replaced + replace_names(members, replace)
        }
    }
}

fn replace_names<N>(
    members: &mut [(String, Value<N>)],
    replace: &mut impl FnMut(&IpHash) -> Option<IpHash>,
) -> usize {
    if !members.iter().any(|(name, _)| is_hashes(name)) {
        return 0;
    }
    let mut names = Names::taken(members.iter().map(|(name, _)| name));
    let mut replaced = 0;
    for (name, _) in members {
        if !is_hashes(name) {
            continue;
        }
        let before = replaced;
        let parts: Vec<String> = name
            .split('_')
            .map(|part| match part.parse().ok().and_then(|hash| replace(&hash)) {
                Some(hash) => {
                    replaced += 1;
                    hash.to_string()
                }
                None => part.to_string(),
            })
            .collect();
        if replaced > before {
            *name = names.of_hashes(&parts.join("_"));
        }
    }
    replaced
}
