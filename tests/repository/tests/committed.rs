//! Searches every committed file for private keys, tokens and names of machines.
#![allow(clippy::unwrap_used)]

use vetassist_repository_tests::shell;
use xshell::{cmd, Cmd};

/// The extended regular expressions that no line may match. None of them matches itself.
const OFFENCES: [(&str, &str); 4] = [
    ("a path of a developer's machine", "/(r[o]ot|h[o]me|U[s]ers)/"),
    ("a private key", "-----BEGIN (RSA )?PRIVATE[ ]KEY"),
    ("the host name of a registry", "registry[.]npmjs[.]org|index[.]crates[.]io"),
    // A real token has three long parts of base64url. Those of test vectors are shorter.
    (
        "a string that looks like a signed token",
        r"(^|[^A-Za-z0-9_.-])eyJ[A-Za-z0-9_-]{28,}[.][A-Za-z0-9_-]{31,}[.][A-Za-z0-9_-]{31,}($|[^A-Za-z0-9_.-])",
    ),
];

/// Returns the lines that a grep finds.
fn grep(grep: Cmd<'_>) -> String {
    let output = grep.ignore_status().output().unwrap();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

#[test]
fn no_private_key_token_or_local_path_is_committed() {
    let sh = shell();
    assert!(cmd!(sh, "git ls-files").read().unwrap().lines().count() > 100);
    for (what, pattern) in OFFENCES {
        let found = grep(cmd!(sh, "git grep -n -I -E -e {pattern}"));
        assert!(found.is_empty(), "{what}:\n{found}");
    }
}

#[test]
fn each_pattern_finds_its_offence_and_no_ordinary_line() {
    let sh = shell();
    let part = "a".repeat(40);
    let bad = [
        concat!("cd /ro", "ot/x").to_owned(),
        concat!("-----BEGIN ", "PRIVATE KEY-----").to_owned(),
        concat!("https://index.cra", "tes.io").to_owned(),
        format!("token: eyJ{part}.{part}.{part}"),
    ];
    let fine = ["", "eyJhbGciOiJSUzI1NiJ9.e30.c2ln", "the root/ of it", "crates/vetassist-core"];
    for ((_, pattern), line) in OFFENCES.iter().zip(bad) {
        let text = format!("{}\n{line}\n", fine.join("\n"));
        assert_eq!(grep(cmd!(sh, "grep -E -e {pattern}").stdin(text)), line);
    }
}
