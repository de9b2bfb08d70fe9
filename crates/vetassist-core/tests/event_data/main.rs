//! Tests each rule of event data with tables of cases that pass and cases that are refused.
#![cfg(feature = "serde_json")]
#![allow(clippy::unwrap_used, missing_docs)]

use vetassist_core::{
    event_data::{check, check_event_type, EventTypeError, Refusal, MAX_EVENT_TYPE, RESERVED},
    json::{Value, MAX_DEPTH},
};

mod named;
mod properties;
mod proportion;
mod text;

type Json = Value<serde_json::Number>;

fn read(text: &str) -> Json {
    Json::from_text(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn verdict(text: &str) -> Result<(), Refusal> {
    check(&read(text))
}

/// Returns a JSON object with one member.
fn member(name: &str, value: &str) -> String {
    serde_json::json!({ name: value }).to_string()
}

/// Collects the cases that fail, so that one run shows all of them.
#[derive(Default)]
struct Problems(Vec<String>);

impl Problems {
    fn passes(&mut self, text: &str) {
        if let Err(refusal) = verdict(text) {
            self.0.push(format!("refused: {text}: {refusal}"));
        }
    }

    fn is_refused(&mut self, text: &str, path: Option<&str>) {
        match verdict(text) {
            Ok(()) => self.0.push(format!("passed: {text}")),
            Err(refusal) if path.is_some_and(|path| path != refusal.path) => {
                self.0.push(format!("another path: {text}: {refusal}"));
            }
            Err(_) => {}
        }
    }
}

impl Drop for Problems {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(self.0.is_empty(), "{}:\n{}", self.0.len(), self.0.join("\n"));
        }
    }
}

#[test]
fn a_refusal_names_the_path_and_not_the_value() {
    for (text, said) in [
        (r#"{"access_token": "a"}"#, "event_data.access_token is named like a secret"),
        (
            r#"{"deep": [1, {"newPassword": "a"}]}"#,
            "event_data.deep[1].newPassword is named like a secret",
        ),
        (r#"{"note": "Bearer abcdefgh"}"#, "event_data.note holds credentials"),
        (r#"["123-45-6789"]"#, "event_data[0] holds what looks like a social security number"),
        (r#"{"Bearer abcdefgh": true}"#, "event_data has a name that holds credentials"),
        (r#""bearer abc""#, "event_data holds credentials"),
        (
            r#"{"a": {"b": {"1": "123-45-6789"}}}"#,
            "event_data.a.b.1 holds what looks like a social security number",
        ),
    ] {
        assert_eq!(verdict(text).unwrap_err().to_string(), said, "{text}");
    }
    let long = "n".repeat(1000);
    let refusal = verdict(&serde_json::json!({ long: { "password": "hunter2" } }).to_string());
    let said = refusal.unwrap_err().to_string();
    assert!(said.len() < 200 && said.ends_with("....password is named like a secret"), "{said}");
}

#[test]
fn event_types_are_refused_if_blank_too_long_reserved_or_secret() {
    for name in [
        "login_failed",
        "login_refused",
        "password_reset",
        "token_missing",
        "bearer_missing",
        "x",
        "ssn_verified",
        "mfa challenge sent",
        "Session.Expired",
        "oauth2_callback",
        "2fa_enabled",
        "claim-526EZ-submitted",
        "LoginFailedOAuth2Provider",
        "h\u{e9}llo",
        "authorization_server_down",
        "export:2026-03-01",
    ] {
        assert_eq!(check_event_type(name), Ok(()), "{name}");
    }
    assert_eq!(check_event_type(&"\u{e9}".repeat(MAX_EVENT_TYPE)), Ok(()));
    assert_eq!(check_event_type(&"x".repeat(MAX_EVENT_TYPE + 1)), Err(EventTypeError::TooLong));
    for blank in ["", " ", "\t\n", "\u{a0}"] {
        assert_eq!(check_event_type(blank), Err(EventTypeError::Blank));
    }
    for name in RESERVED {
        for name in [
            name.to_owned(),
            name.to_uppercase(),
            format!(" {name}\n"),
            name.replace('_', "-"),
            name.replace('_', ""),
            name.replace('_', " \u{200b}"),
        ] {
            assert_eq!(check_event_type(&name), Err(EventTypeError::Reserved), "{name}");
        }
    }
    for secret in [
        "123-45-6789",
        "login 123-45-6789",
        "login_123456789",
        "ssn=123456789",
        "Bearer x",
        "Bearer 2YotnFZFEjr1zCsicMWpAA",
        "2YotnFZFEjr1zCsicMWpAA",
        "password=hunter2",
        "login: 2YotnFZFEjr1zCsicMWpAA",
        "token:abc",
        "9f86d081884c7d659a2feaa0c55ad015",
        "eyJhbGciOiJub25lIn0.e30.",
        "password hunter2",
        "access_token=abc",
    ] {
        let refused = check_event_type(secret);
        assert!(matches!(refused, Err(EventTypeError::Secret(_))), "{secret}: {refused:?}");
        assert!(!refused.unwrap_err().to_string().contains(secret));
    }
}

/// No text can be read as this value.
#[test]
fn a_value_deeper_than_the_limit_is_refused() {
    let mut value = Value::Number(1_u64);
    for _ in 0..MAX_DEPTH {
        value = Value::Array(vec![value]);
    }
    assert_eq!(check(&value), Ok(()));
    assert!(check(&Value::Array(vec![value])).is_err());
}
