//! What must not be committed, looked for in every file that git knows of.

use std::fs;

use xtask::{
    command::{capture, command},
    repository as top, Error, Result,
};

/// Looks at every tracked file, and says how many there are.
pub(crate) fn repository() -> Result<u64> {
    let listed = capture(command("git").args(["ls-files", "-z"]))?;
    let mut looked_at = 0;
    let mut found = Vec::new();
    for name in listed.split('\0').filter(|name| !name.is_empty()) {
        let Ok(bytes) = fs::read(top().join(name)) else { continue };
        let Ok(text) = String::from_utf8(bytes) else { continue };
        looked_at += 1;
        for (number, line) in text.lines().enumerate() {
            if let Some(what) = offence(line) {
                found.push(format!("{name}:{}: {what}", number + 1));
            }
        }
    }
    if looked_at == 0 {
        return Err(Error::new("git lists no files: run this in a clone of the repository"));
    }
    if found.is_empty() {
        Ok(looked_at)
    } else {
        Err(Error::new(found.join("\n")))
    }
}

/// What is wrong with a line, if anything is. The patterns are put together here so that they do not
/// find themselves.
fn offence(line: &str) -> Option<&'static str> {
    let homes = [concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/")];
    let hosts = [concat!("registry.np", "mjs.org"), concat!("index.cra", "tes.io")];
    if homes.iter().any(|home| line.contains(home)) {
        Some("a path of somebody's machine")
    } else if line.contains(concat!("-----BEGIN ", "PRIVATE KEY"))
        || line.contains(concat!("-----BEGIN RSA ", "PRIVATE KEY"))
    {
        Some("a private key")
    } else if hosts.iter().any(|host| line.contains(host)) {
        Some("the host name of a registry")
    } else if looks_like_jwt(line) {
        Some("what looks like a signed token")
    } else {
        None
    }
}

/// Three parts of base64url, none of them short: a token that could be real. Test vectors have shorter
/// ones.
fn looks_like_jwt(line: &str) -> bool {
    line.split(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c))).any(|word| {
        let parts: Vec<&str> = word.split('.').collect();
        word.starts_with("eyJ") && parts.len() == 3 && parts.iter().all(|part| part.len() > 30)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offences_are_found_and_ordinary_lines_are_not() {
        let part = "a".repeat(40);
        assert!(offence(&format!("eyJ{part}.{part}.{part}")).is_some());
        assert!(offence(concat!("cd /ro", "ot/x")).is_some());
        assert!(offence(concat!("-----BEGIN ", "PRIVATE KEY-----")).is_some());
        for fine in
            ["", "eyJhbGciOiJSUzI1NiJ9.e30.c2ln", "the root/ of it", "crates/vetassist-core"]
        {
            assert_eq!(offence(fine), None, "{fine}");
        }
    }
}
