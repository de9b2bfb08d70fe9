//! Tests that secrets that an application logs by mistake are refused, and that harmless values are not. The value decides,
//! not the name alone.

use serde_json::{json, Value};

use super::{Refused, Victim};

#[test]
fn an_event_type_that_holds_a_secret_is_refused() {
    let mut victim = Victim::installed(&[]);
    let jwt = ["eyJhbGciOiJSUzI1NiJ9", "eyJzdWIiOiIxIn0", "c2lnbmF0dXJl"].join(".");
    let bearer = "Bearer 2YotnFZFEjr1zCsicMWpAA";
    for secret in [
        "123-45-6789",
        "ssn 123-45-6789",
        "login of 123-45-6789",
        bearer,
        "bearer abcdefgh12345678",
        "Basic dXNlcjpwYXNzd29yZDE=",
        "refresh_token=2YotnFZFEjr1zCsicMWpAA",
        "password=hunter2",
        &jwt,
        "{\"access_token\": \"2YotnFZFEjr1zCs\"}",
    ] {
        let Refused { state, text } = victim
            .run("app", &format!("SELECT vetassist_log_event($s${secret}$s$)"))
            .expect_err(secret);
        assert_eq!(state, "22023", "{secret}: {text}");
        for word in secret
            .split([' ', '='])
            .filter(|word| word.len() > 10 && word.contains(|c: char| c.is_ascii_digit()))
        {
            assert!(!text.contains(word), "{secret} is in {text}");
        }
    }
    for harmless in [
        "login_failed",
        "password_reset",
        "token_refresh_slow",
        "ssn_verified",
        "api_key_created",
        "a b c",
        "\u{e9}v\u{e9}nement",
    ] {
        victim.must("app", &format!("SELECT vetassist_log_event('{harmless}')"));
    }
    assert_eq!(
        victim.count(
            "SELECT count(*) FROM vetassist_auth_audit WHERE event_type ~ '[0-9]{3}-|earer|eyJ'"
        ),
        0
    );
}

fn secrets() -> Vec<Value> {
    let jwt = ["eyJhbGciOiJSUzI1NiJ9", "eyJzdWIiOiIxIn0", "c2lnbmF0dXJl"].join(".");
    let opaque = "2YotnFZFEjr1zCsicMWpAA";
    vec![
        // Under names that look harmless.
        json!({ "password_id": "hunter2" }),
        json!({ "password_type": "hunter2" }),
        json!({ "token_id": opaque }),
        json!({ "access_token_status": jwt }),
        json!({ "ssn_count": "123456789" }),
        json!({ "jwt_expires": jwt }),
        json!({ "tokens": [opaque] }),
        json!({ "token": { "value": opaque } }),
        // In addresses of pages, forms, headers and cookies.
        json!({ "url": format!("https://api.va.gov/oauth2/token?refresh_token={opaque}") }),
        json!({ "url": "https://va.gov/token?refresh_token=abc" }),
        json!({ "url": format!("/callback?state=x&access_token={opaque}#top") }),
        json!({ "url": format!("https://va.gov/cb#id_token={opaque}&state=y") }),
        json!({ "url": "https://user:hunter2@va.gov/" }),
        json!({ "body": format!("grant_type=refresh_token&refresh_token={opaque}") }),
        json!({ "body": format!("grant_type%3Drefresh_token%26refresh_token%3D{opaque}") }),
        json!({ "body": "username=tamara&password=hunter2" }),
        json!({ "body": "client_id=vetassist&client_secret=hunter2hunter2" }),
        json!({ "header": format!("Authorization: Bearer {opaque}") }),
        json!({ "header": "authorization=Basic dXNlcjpodW50ZXIy" }),
        json!({ "error": format!("Authorization: Basic {}", "dXNlcjpodW50ZXIy") }),
        // In JSON inside a text, quoted any number of times.
        json!({ "error": format!("400: {{\"access_token\":\"{opaque}\",\"expires_in\":3600}}") }),
        json!({ "error": json!({ "refresh_token": opaque }).to_string() }),
        json!({ "error": json!({ "inner": json!({ "refresh_token": opaque }).to_string() }).to_string() }),
        json!({ "error": format!("answer was {{'password': '{}'}}", "hunter2") }),
        json!({ "error": "{ \"ssn\" : \"123456789\" }" }),
        // As plain values and names.
        json!({ "note": jwt }),
        json!({ "note": format!("got {jwt}, and went on") }),
        json!({ "note": "his number is 123-45-6789." }),
        json!({ "n": { "ssn": 123_456_789 } }),
        json!([["x", { "api_key": opaque }]]),
        json!({ concat!("-----BEGIN ", "PRIVATE KEY-----"): 1 }),
        json!({ "pem": concat!("-----BEGIN RSA ", "PRIVATE KEY-----\nMIIEpAIBAAKCAQEA") }),
        json!({ jwt.as_str(): true }),
        json!({ "123-45-6789": "seen" }),
    ]
}

fn harmless() -> Vec<Value> {
    vec![
        json!({ "token": "present" }),
        json!({ "token": "missing" }),
        json!({ "refresh_token": "expired" }),
        json!({ "access_token": null, "has_token": true }),
        json!({ "tokens": 2, "token_count": 2 }),
        json!({ "password_reset": "requested" }),
        json!({ "password_reset": true, "password_changed": "no" }),
        json!({ "ssn_last4": "6789" }),
        json!({ "ssn_verified": true }),
        json!({ "authorization_server": "https://api.va.gov/oauth2" }),
        json!({ "authorization_endpoint": "https://api.va.gov/oauth2/authorization" }),
        json!({ "token_type": "Bearer", "token_endpoint_auth_method": "client_secret_basic" }),
        json!({ "session_id": "1bb044aa-ded1-40c7-8a88-433e74903f95", "jwt_id": "1bb044aa-ded1-40c7-8a88-433e74903f95" }),
        json!({ "error": "invalid_grant", "error_description": "the refresh token has expired" }),
        json!({ "error": "invalid_token", "status": 401 }),
        json!({ "url": "https://api.va.gov/oauth2/token?grant_type=refresh_token" }),
        json!({ "note": "basic authentication failed, no bearer token was sent" }),
        json!({ "phone": "555-0100", "version": "10.0.19045", "when": "2026-03-03T12:00:00Z" }),
        json!({ "agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36" }),
        json!({ "key_fingerprint": "1ac1bc8e3a5bd7f3" }),
        json!({ "cookie": "present" }),
    ]
}

#[test]
fn event_data_with_a_secret_is_refused_and_harmless_data_is_stored() {
    let victim = Victim::installed(&[]);
    let mut app = victim.connect("app");
    let mut wrong = Vec::new();
    let log = "SELECT vetassist_log_event('x', NULL, $1)";
    for secret in secrets() {
        match app.execute(log, &[&secret]) {
            Ok(_) => wrong.push(format!("stored: {secret}")),
            Err(error) => {
                let Refused { state, text } = Refused::of(&error);
                for word in
                    ["hunter2", "2YotnFZF", "eyJhbGci", "123456789", "123-45-6789", "dXNlcjpo"]
                {
                    if text.contains(word) {
                        wrong.push(format!("{secret}: its error says {word}: {text}"));
                    }
                }
                if state != "22023" {
                    wrong.push(format!("{secret}: {state}"));
                }
            }
        }
    }
    for harmless in harmless() {
        if let Err(error) = app.execute(log, &[&harmless]) {
            wrong.push(format!("refused: {harmless}: {}", Refused::of(&error).text));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
