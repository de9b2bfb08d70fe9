//! Checks that a number in the documentation is the number in the code. Other numbers are checked elsewhere: the defaults of
//! functions by the headings of `docs/sql`, and the limits by the examples of `docs/limits.md`, which run.
#![allow(clippy::unwrap_used)]

use vetassist_repository_tests::shell;

/// Text that states a number, and the file with this text.
type Place = (&'static str, &'static str);

/// Each line of code that decides a number, and the sentences that state the number.
const NUMBERS: &[(Place, &[Place])] = &[
    (
        ("crates/vetassist-core/src/keyring.rs", "MAX_KEYS: usize = 16;"),
        &[
            ("docs/limits.md", "| keys in a ring | 16 |"),
            ("docs/key-ring.md", "up to 16 master keys of 32 bytes"),
            ("docs/javascript.md", "1 to 16 different master keys"),
            ("docs/javascript.md", "no key, more than 16,"),
        ],
    ),
    (
        ("crates/vetassist-pg/src/keyring/text.rs", "MAX_LEN: usize = 64 * 1024;"),
        &[
            ("docs/limits.md", "| size of a key file, or of the output of a command | 64 KiB |"),
            ("docs/key-ring.md", "a regular file of at most 64 KiB"),
        ],
    ),
    (
        ("crates/vetassist-core/src/json.rs", "MAX_BYTES: usize = 64 << 10;"),
        &[
            ("docs/limits.md", "64 kB of JSON, nested up to 64 levels"),
            ("docs/errors.md", "the metadata of an event longer than 64 kB"),
        ],
    ),
    (
        ("crates/vetassist-core/src/json.rs", "MAX_DEPTH: usize = 64;"),
        &[("docs/limits.md", "nested up to 64 levels")],
    ),
    (
        ("sql/functions/sealed.sql", "length(sealed) > 1048576 "),
        &[
            ("docs/limits.md", "| 28 bytes to 1 MB |"),
            ("docs/sql.md", "is shorter than 28 bytes, is longer than 1 MB"),
        ],
    ),
    (
        ("crates/vetassist-core/src/audit_log/field.rs", "MAX_VALUE_LEN: usize = 16 << 20;"),
        &[
            ("docs/limits.md", "| `event_data` of a row that the audit log seals | 16 MB as text |"),
            ("docs/sql/audit.md", "has more than 16 MB of metadata"),
        ],
    ),
    (
        ("sql/functions/users.sql", "length(reason) > 200 "),
        &[
            ("docs/limits.md", "| reason of a deactivation | 200 characters |"),
            ("docs/sql/accounts.md", "of at most 200 characters, is stored with the event"),
        ],
    ),
    (
        ("sql/functions/refresh.sql", "error ~ '^[ -~]{1,64}$'"),
        &[
            ("docs/limits.md", "| error code of a failed refresh | 64 printable ASCII characters |"),
            ("docs/sql/tokens.md", "of at most 64 printable ASCII characters"),
        ],
    ),
    (
        (
            "sql/functions/refresh.sql",
            "least(interval '15 minutes', interval '5 seconds' * 2 ^ least(tries - 1, 10)) * (0.8 + 0.4 * random())",
        ),
        &[
            ("docs/limits.md", "| 5 seconds to 15 minutes, ± 20 % |"),
            ("docs/tokens-and-refresh.md", "delayed by 5 seconds, then by twice as long each time, up to 15 minutes"),
            ("docs/sql/tokens.md", "after 5 seconds; the delay doubles with each failure up to 15 minutes,\n± 20 %"),
        ],
    ),
    (
        ("crates/vetassist-wasm/npm/src/arguments.js", "MAX_BYTES = 2 ** 30;"),
        &[
            ("docs/limits.md", "| one call of the npm package | 1 GiB (2^30 bytes) |"),
            ("docs/javascript.md", "at most 1 GiB (2^30 bytes)"),
        ],
    ),
    (
        // These limits are efforts. Above 192 bytes the effort is always higher than 384.
        ("crates/vetassist-wasm/npm/src/node_crypto.js", "node20: { seal: 360,"),
        &[("docs/javascript.md", "in Node above 192 bytes")],
    ),
    (
        // Above 256 bytes the effort is always higher than 496.
        ("crates/vetassist-wasm/npm/src/node_crypto.js", "deno: { seal: 480,"),
        &[("docs/javascript.md", "above 256 bytes in Deno")],
    ),
    (
        ("crates/vetassist-wasm/npm/src/node_crypto.js", "WITH_KEY_OBJECTS = { seal: 460,"),
        &[("docs/javascript.md", "above 256 bytes in Deno and in Node from 24.18 on")],
    ),
    (
        ("crates/vetassist-wasm/npm/src/node_crypto.js", "deno: 16 * 1024,"),
        &[
            ("docs/javascript.md", "in Deno for more than 16 KiB"),
            ("docs/javascript.md", "| values of more than 16 KiB in Deno |"),
        ],
    ),
    (
        ("crates/vetassist-wasm/npm/src/webcrypto.js", "{ workerd: 192, firefox: 5632, other: 1024 }"),
        &[(
            "docs/javascript.md",
            "from 192 bytes in Cloudflare Workers, from 5632 in Firefox, from 1024 elsewhere",
        )],
    ),
    (
        ("crates/vetassist-wasm/npm/src/client/client.js", "refreshTimeoutMs = 10_000 "),
        &[("docs/javascript.md", "| `refreshTimeoutMs` | 10,000 by default.")],
    ),
    (
        ("crates/vetassist-pg/src/functions/rotation.rs", "PATIENCE: Duration = Duration::from_secs(30);"),
        &[("docs/sql/keys.md", "for at most 30 seconds after the last batch")],
    ),
    (
        ("crates/vetassist-pg/src/functions/rotation.rs", "MOST_NAMED: usize = 100;"),
        &[
            ("docs/sql/keys.md", "WARNINGs name the first 100 of these rows"),
            ("docs/sql/keys.md", "lists up to 100 of their users"),
        ],
    ),
    (
        ("crates/vetassist-pg/src/functions/known_keys.rs", "TRIED: i32 = 16;"),
        &[("docs/sql/keys.md", "opens one of at most 16 stored tokens")],
    ),
    (
        ("crates/vetassist-core/src/key.rs", "KEY_LEN: usize = 32;"),
        &[
            ("docs/javascript.md", "a data key of 32 bytes"),
            ("docs/python.md", "a data key of 32 bytes"),
            ("docs/sql/sealing.md", "22023 if the key is not 32 bytes"),
            ("docs/errors.md", "a key is not 32 bytes"),
        ],
    ),
    (
        ("crates/vetassist-core/src/key.rs", "TAG_LEN: usize = 16;"),
        &[
            ("docs/architecture.md", "tag (16 bytes) of AES-256-GCM"),
            ("docs/javascript.md", "tag (16 bytes) of AES-256-GCM (NIST SP 800-38D): 28 bytes more"),
        ],
    ),
    (
        ("crates/vetassist-core/src/nonce.rs", "NONCE_LEN: usize = 12;"),
        &[
            ("docs/architecture.md", "nonce (12 bytes)"),
            ("docs/javascript.md", "nonce (12 bytes, random)"),
            ("docs/sql/sealing.md", "the nonce (12 bytes)"),
        ],
    ),
    (
        ("tests/server/tests/server/audit_log_cost.rs", "bytes <= 176 * rows"),
        &[("docs/audit-trail.md", "A row takes at most 176 bytes in the tables of the log and their indexes")],
    ),
];

#[test]
fn numbers_in_the_documentation_are_those_of_the_code() {
    let sh = shell();
    let has = |(file, text): &Place| sh.read_file(file).unwrap().contains(text);
    for (decides, sentences) in NUMBERS {
        assert!(
            has(decides),
            "{} no longer has {:?}: change the number here and in {sentences:?}",
            decides.0,
            decides.1
        );
        for sentence in *sentences {
            assert!(has(sentence), "{} does not say {:?}", sentence.0, sentence.1);
        }
    }
}
