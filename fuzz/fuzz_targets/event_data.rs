//! Checks any JSON as event data: a secret is found at any place, and no refusal shows it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use vetassist_core::{
    event_data::{check, check_event_type},
    json::Value,
    JsonError,
};

const SECRETS: [&str; 6] = [
    "123-45-6789",
    "Bearer x",
    "eyJhbGciOiJub25lIn0.e30.",
    "https://va.gov/token?refresh_token=abc",
    "{\"access_token\": \"abc\"}",
    "the password hunter2 was refused",
];

fn read(text: &str) -> Result<Value<serde_json::Number>, JsonError> {
    Value::from_text(text)
}

fuzz_target!(|text: &str| {
    let _ = check_event_type(text);
    let alone = read(&json!(text).to_string());
    let parsed = serde_json::from_str::<serde_json::Value>(text);
    match read(text) {
        Ok(value) => {
            // Another reader gives an equal value, except for members with the same name.
            let written = value.to_text();
            let again = serde_json::from_str::<serde_json::Value>(&written).unwrap();
            assert_eq!(again, parsed.unwrap());
            let _ = check(&value);
        }
        Err(JsonError::Malformed) => assert!(parsed.is_err()),
        Err(_) => {}
    }
    if let Ok(value) = alone {
        let _ = check(&value);
    }
    if text.len() < 1000 {
        for secret in SECRETS {
            for around in [
                json!({ text: secret }),
                json!({ "a": [text, { "b": secret }] }),
                json!([[text, secret]]),
                json!({ "note": format!("{text} {secret}") }),
                json!({ "password": { text: "hunter2" } }),
            ] {
                let Ok(value) = read(&around.to_string()) else { continue };
                let Err(refusal) = check(&value) else {
                    // The text before the secret may change its meaning, or end in a digit.
                    assert!(
                        around["note"].is_string() || around["password"].is_object(),
                        "{around}"
                    );
                    continue;
                };
                let said = refusal.to_string();
                assert!(
                    !said.contains(secret)
                        || text.contains(secret)
                        || around["password"].is_object()
                );
            }
        }
    }
});
