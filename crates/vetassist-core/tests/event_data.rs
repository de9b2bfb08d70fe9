//! What may stand in the audit trail and what may not, in a table of cases for each rule.
#![cfg(feature = "serde_json")]
#![allow(clippy::unwrap_used, missing_docs)]

use proptest::prelude::*;
use vetassist_core::{
    event_data::{check, check_event_type, EventTypeError, Refusal, MAX_EVENT_TYPE, RESERVED},
    json::{Builder, Value, MAX_DEPTH},
    Suspicion,
};

type Json = Value<serde_json::Number>;

fn read(text: &str) -> Json {
    Json::from_text(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn verdict(text: &str) -> Result<(), Refusal> {
    check(&read(text))
}

/// A JSON object of one member.
fn member(name: &str, value: &str) -> String {
    serde_json::json!({ name: value }).to_string()
}

/// What went wrong in a table of cases, so that all of it is seen at once.
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

fn jwt() -> String {
    ["eyJhbGciOiJSUzI1NiJ9", "eyJzdWIiOiIxIn0", "c2lnbmF0dXJl"].join(".")
}

/// Members that say nothing of what they hold.
const NEUTRAL: [&str; 5] = ["note", "error", "detail", "user_agent", "x"];

/// What is a secret wherever it stands.
fn secrets() -> Vec<(String, Suspicion)> {
    let fixed: [(&str, Suspicion); 71] = [
        ("eyJhbGciOiJub25lIn0.e30.", Suspicion::Jwt),
        ("eyJhbGciOiJkaXIifQ..aXY.Y3Q.dGFn", Suspicion::Jwt),
        ("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0", Suspicion::Jwt),
        ("Bearer x", Suspicion::Credentials),
        ("Basic x", Suspicion::Credentials),
        ("  \"Bearer x\"", Suspicion::Credentials),
        ("bearer \t abc", Suspicion::Credentials),
        ("BASIC dXNlcjpwYXNz", Suspicion::Credentials),
        ("DPoP abc123", Suspicion::Credentials),
        ("said Bearer 2YotnFZFEjr1zCsicMWpAA and left", Suspicion::Credentials),
        ("Authorization: Bearer 2YotnFZFEjr1zCsicMWpAA", Suspicion::Credentials),
        ("Bearer%202YotnFZFEjr1zCsicMWpAA", Suspicion::Credentials),
        ("https://bob:hunter2@va.gov/", Suspicion::Credentials),
        ("postgres://app:x@db/va", Suspicion::Credentials),
        ("https://gho16C7e42F292c6912E7710c838347Ae178B4a@github.com", Suspicion::Credentials),
        ("123-45-6789", Suspicion::SocialSecurityNumber),
        ("his number, 123-45-6789, was", Suspicion::SocialSecurityNumber),
        ("(123-45-6789)", Suspicion::SocialSecurityNumber),
        ("SSN123-45-6789x", Suspicion::SocialSecurityNumber),
        ("123 45 6789", Suspicion::SocialSecurityNumber),
        ("123\u{2011}45\u{2011}6789", Suspicion::SocialSecurityNumber),
        ("123\u{2013}45\u{2013}6789", Suspicion::SocialSecurityNumber),
        ("\u{ff11}\u{ff12}\u{ff13}-45-6789", Suspicion::SocialSecurityNumber),
        ("123%2D45%2D6789", Suspicion::SocialSecurityNumber),
        ("12\u{200b}3-45-6789", Suspicion::SocialSecurityNumber),
        ("\\u0031\\u0032\\u0033\\u201345\\u20136789", Suspicion::SocialSecurityNumber),
        ("123&#45;45&#x2d;6789", Suspicion::SocialSecurityNumber),
        ("-----BEGIN PRIVATE KEY-----\nMC4CAQ", Suspicion::PrivateKey),
        ("-----BEGIN EC PRIVATE KEY-----", Suspicion::PrivateKey),
        // Parameters of a URL or a form.
        ("https://va.gov/token?refresh_token=abc", Suspicion::Parameter),
        ("/token?grant_type=refresh_token&refresh_token=abc", Suspicion::Parameter),
        ("GET /cb#access_token=abc&token_type=Bearer HTTP/1.1", Suspicion::Parameter),
        ("/cb?code=SplxlOBeZQQYbYS6WxSbIA&state=x", Suspicion::Parameter),
        ("grant_type=password&username=bob&password=hunter2", Suspicion::Parameter),
        ("client_id=a&client_secret=abc", Suspicion::Parameter),
        ("redirect=https%3A%2F%2Fva.gov%2F%3Faccess_token%3Dabc", Suspicion::Parameter),
        ("redirect=https%253A%252F%252Fva.gov%252F%253Faccess_token%253Dabc", Suspicion::Parameter),
        ("/reset?a=1&amp;token=abc", Suspicion::Parameter),
        ("password = hunter2", Suspicion::Parameter),
        ("PGPASSWORD=x psql", Suspicion::Parameter),
        ("/cb#code=SplxlOBeZQQYbYS6WxSbIA", Suspicion::Parameter),
        ("JSESSIONID=0A1B2C", Suspicion::Parameter),
        // JSON and its like.
        ("upstream said: {\"access_token\": \"abc\"}", Suspicion::Parameter),
        ("upstream said: {\\\"access_token\\\": \\\"abc\\\"}", Suspicion::Parameter),
        ("{\\\\\\\"access_token\\\\\\\":\\\\\\\"abc\\\\\\\"}", Suspicion::Parameter),
        ("{\"a\":1,\"refreshToken\" : \"abc\"}", Suspicion::Parameter),
        ("{'access_token': 'abc'}", Suspicion::Parameter),
        ("{\"access_token\"=>\"abc\"}", Suspicion::Parameter),
        ("{\"tokens\": [\"abc\"]}", Suspicion::Parameter),
        ("Tokens { access_token: \"abc\" }", Suspicion::Parameter),
        ("{\"pin\": 4821}", Suspicion::Parameter),
        ("{\"ssn\":123456789}", Suspicion::Parameter),
        ("%7B%22access_token%22%3A%22abc%22%7D", Suspicion::Parameter),
        ("{&quot;access_token&quot;:&quot;abc&quot;}", Suspicion::Parameter),
        ("{\\u0022access_token\\u0022:\\u0022abc\\u0022}", Suspicion::Parameter),
        ("<access_token>abc</access_token>", Suspicion::Parameter),
        ("<saml:password type=\"text\">abc</saml:password>", Suspicion::Parameter),
        // Headers.
        ("Authorization: abc", Suspicion::Parameter),
        ("POST / HTTP/1.1\r\nHost: va.gov\r\nX-Api-Key: abc\r\n\r\n", Suspicion::Parameter),
        ("Cookie: theme=dark; sid=abc", Suspicion::Parameter),
        ("set-cookie: sid=abc; HttpOnly", Suspicion::Parameter),
        // Prose.
        ("password: hunter2", Suspicion::Parameter),
        ("Password:hunter", Suspicion::Parameter),
        ("login failed, password: hunter", Suspicion::Parameter),
        ("the password hunter2 was refused", Suspicion::Parameter),
        ("wrong password: 'correct horse'", Suspicion::Parameter),
        ("password is P@ssword!", Suspicion::Parameter),
        ("refresh token 2YotnFZFEjr1zCsicMWpAA is expired", Suspicion::Parameter),
        ("otp 493027 was wrong", Suspicion::Parameter),
        ("SSN 123456789", Suspicion::Parameter),
        ("social security number: 123456789", Suspicion::Parameter),
    ];
    let mut all: Vec<_> = fixed.map(|(text, why)| (text.to_owned(), why)).into();
    all.push((jwt(), Suspicion::Jwt));
    all.push((format!("got {}, and went on", jwt()), Suspicion::Jwt));
    all.push((format!("https://va.gov/?id_token={}", jwt()), Suspicion::Jwt));
    all
}

#[test]
fn a_secret_is_refused_under_any_name_and_as_a_name() {
    let mut problems = Problems::default();
    for (secret, reason) in secrets() {
        for name in NEUTRAL {
            let path = format!("event_data.{name}");
            problems.is_refused(&member(name, &secret), Some(&path));
            if let Err(refusal) = verdict(&member(name, &secret)) {
                assert_eq!((refusal.reason, refusal.in_name), (reason, false), "{secret}");
                assert_eq!(refusal.to_string(), format!("{path} {}", reason.as_str()));
            }
        }
        problems.is_refused(&member(&secret, "x"), Some("event_data"));
        if let Err(refusal) = verdict(&member(&secret, "x")) {
            assert_eq!((refusal.reason, refusal.in_name), (reason, true), "{secret}");
        }
        problems.is_refused(&serde_json::json!([[secret]]).to_string(), Some("event_data[0][0]"));
        problems.is_refused(&serde_json::json!(secret).to_string(), Some("event_data"));
        // As the text of another, which is how errors carry what a server said.
        let nested = serde_json::json!({ "body": secret }).to_string();
        problems.is_refused(&member("error", &format!("502: {nested}")), None);
        let nested = serde_json::json!({ "body": nested }).to_string();
        problems.is_refused(&member("error", &format!("502: {nested}")), None);
    }
}

#[test]
fn text_that_only_speaks_of_secrets_passes() {
    let mut problems = Problems::default();
    for text in [
        "",
        "password",
        "eyJ",
        "eyJhbGciOiJSUzI1NiJ9",
        "eyJ.e30.c2ln",
        "a.b.c",
        "Bearer",
        "Bearer ",
        "Bearer token",
        "bearer authentication",
        "the bearer of this",
        "no bearer token was sent",
        "basic authentication failed",
        "Basic auth is disabled",
        "WWW-Authenticate: Bearer realm=\"va\", error=\"invalid_token\"",
        "1.2.3",
        "2026-03-03",
        "123-45-67890",
        "0123-45-6789",
        "forbearer x1234567890",
        "10.0.19045",
        "1bb044aa-ded1-40c7-8a88-433e74903f95",
        "invalid_grant",
        "invalid_grant: token expired",
        "The access token expired",
        "the access token expired at 2026-03-01T12:30:00Z",
        "password changed at 12:30pm",
        "password must be at least 12 characters",
        "password: must be at least 12 characters",
        "password: missing",
        "token=missing",
        "token refresh failed: 400 Bad Request",
        "could not refresh token: connection refused",
        "failed to parse token: EOF",
        "could not read the refresh token: unexpected end",
        "token endpoint returned 503",
        "token endpoint https://sandbox-api.va.gov/oauth2/token timed out",
        "the token of 1bb044aa-ded1-40c7-8a88-433e74903f95 was revoked",
        "refresh token for user-1234567 expired",
        "token 1bb044aa-ded1-40c7-8a88-433e74903f95 revoked",
        "jwt RS256 is not allowed",
        "KeyError: 'access_token'",
        "missing parameter: password",
        "grant_type=refresh_token&client_id=vetassist",
        "response_type=code&scope=openid",
        "https://va.gov/cb?error=access_denied&error_description=The+token+expired&state=abc",
        "https://va.gov/cb?code=400",
        "{\"token\": null, \"has_token\": true, \"token_type\": \"Bearer\", \"expires_in\": 3600}",
        "{\"tokens\": 4096}",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
        "git@github.com:va/vetassist.git",
        "https://user@va.gov/",
        "12:30",
        "5 of 7",
        "555-1234",
        "h\u{e9}llo w\u{f6}rld",
        "cookie notice shown",
        "cookies: accepted",
        "PIN pad is broken",
        "the secretary's passenger",
        "ssn ending in 6789",
        "SSN verified",
        "100 20",
    ] {
        for name in NEUTRAL {
            problems.passes(&member(name, text));
        }
        problems.passes(&serde_json::json!([text]).to_string());
    }
}

/// Names of secrets: a secret under one of these is refused.
const OF_SECRETS: [&str; 44] = [
    "token",
    "access_token",
    "refreshToken",
    "ID-Token",
    "accesstoken",
    "X-Auth-Token",
    "token_value",
    "csrf_token",
    "client_secret",
    "secret",
    "api_key",
    "apiKey",
    "APIKEY",
    "private key",
    "master_key",
    "signing_key",
    "Authorization",
    "bearer",
    "jwt",
    "JWT",
    "cookie",
    "Set-Cookie",
    "credentials",
    "code_verifier",
    "client_assertion",
    "password",
    "newPassword",
    "passwd",
    "passWord",
    "user_pwd",
    "passphrase",
    "passcode",
    "pass",
    "pin",
    "otp",
    "mfa_code",
    "verificationCode",
    "security_answer",
    "SSN",
    "user_ssn",
    "userSSN",
    "veteran-ssn",
    "social_security_number",
    "SocialSecurityNumber",
];

#[test]
fn what_is_named_like_a_secret_is_refused() {
    let mut problems = Problems::default();
    for name in OF_SECRETS {
        for value in [
            "hunter2",
            "hunter",
            "abc",
            "x",
            "2YotnFZFEjr1zCsicMWpAA",
            "123456789",
            "12345678",
            "correct horse battery staple",
            "P@ssw0rd!",
            "tr0ub4dor&3",
            "6f70656e736573616d65",
            "Bearer x",
            "\u{1f511}\u{1f511}",
            "openid profile",
        ] {
            problems.is_refused(&member(name, value), Some(&format!("event_data.{name}")));
            if let Err(refusal) = verdict(&member(name, value)) {
                assert!(!refusal.to_string().contains(value) || name.contains(value));
            }
            for inside in [
                serde_json::json!({ name: [value] }),
                serde_json::json!({ name: [["valid"], { "any": value }] }),
                serde_json::json!({ name: { "present": true, "value": value } }),
                serde_json::json!([{ "a": { name: value } }]),
                serde_json::json!({ "name": name, "value": value }),
                serde_json::json!([{ "header": name, "required": true, "values": [value] }]),
            ] {
                problems.is_refused(&inside.to_string(), None);
            }
        }
        // As a member of text that is JSON, a form, YAML.
        for text in [
            format!("{{\"{name}\": \"hunter2\"}}"),
            format!("a=1&{}=hunter2", name.replace(' ', "_")),
            format!("error\n{name}: hunter2\n"),
        ] {
            problems.is_refused(&member("note", &text), None);
        }
    }
    for text in [
        r#"{"password_id": "hunter2"}"#,
        r#"{"token_id": "2YotnFZFEjr1zCsicMWpAA"}"#,
        r#"{"jwt_id": "hunter2"}"#,
        r#"{"password_reset": "hunter2"}"#,
        r#"{"password_status": "hunter2"}"#,
        r#"{"password_hash": "5f4dcc3b5aa765d61d8327deb882cf99"}"#,
        r#"{"password_hint": "my dog"}"#,
        r#"{"password_reset_url": "https://va.gov/reset/9f86d081884c7d659a2f"}"#,
        r#"{"password_reset_url": "https://va.gov/reset?token=9f86"}"#,
        r#"{"token_type": "2YotnFZFEjr1zCsicMWpAA"}"#,
        r#"{"token_count": "hunter2"}"#,
        r#"{"token_expires_at": "hunter2"}"#,
        r#"{"token_scope": "2YotnFZFEjr1zCsicMWpAA"}"#,
        r#"{"ssn_last4": "123456789"}"#,
        r#"{"ssn_last4": 123456789}"#,
        r#"{"ssn_last4": "12345"}"#,
        r#"{"ssn_hash": "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"}"#,
        r#"{"ssn": 123456789}"#,
        r#"{"ssn": 78051120}"#,
        r#"{"ssn": 1}"#,
        r#"{"ssn": 1.5}"#,
        r#"{"ssn": [123, 45, 6789]}"#,
        r#"{"ssn": {"area": "123", "group": "45", "serial": "6789"}}"#,
        r#"{"token": 123456789}"#,
        r#"{"otp": 493027}"#,
        r#"{"pin": 4821}"#,
        r#"{"password": 12345678}"#,
        r#"["Host", "va.gov", "Cookie", "sid"]"#,
        r#"{"headers": [["Authorization", "abc"]]}"#,
        r#"[["username", "bob"], ["password", "hunter2"]]"#,
        r#"{"api": {"key": "abc"}}"#,
        r#"{"social": {"security_number": "123456789"}}"#,
        r#"{"deep": [1, {"newPassword": "a"}]}"#,
    ] {
        problems.is_refused(text, None);
    }
}

#[test]
fn what_is_no_secret_passes_under_its_name() {
    let mut problems = Problems::default();
    for name in OF_SECRETS {
        for value in [
            "present",
            "missing",
            "Expired",
            "revoked",
            "none",
            "not found",
            "too short",
            "REDACTED",
            "[redacted]",
            "***",
            "",
            " ",
            "wrong",
            "not_provided",
        ] {
            problems.passes(&member(name, value));
            problems.passes(&serde_json::json!({ name: [value, null, true] }).to_string());
        }
        for value in ["null", "true", "false", "[]", "{}"] {
            problems.passes(&format!("{{\"{name}\": {value}}}"));
        }
    }
    for text in [
        r#"{"token": "present"}"#,
        r#"{"token": "invalid_grant"}"#,
        r#"{"token": 3, "tokens": 1200000, "max_tokens": 123456789}"#,
        r#"{"token": "https://sandbox-api.va.gov/oauth2/token"}"#,
        r#"{"token": "access_token"}"#,
        r#"{"token": "2026-03-01"}"#,
        r#"{"token_type": "Bearer", "credential_type": "password", "tokenType": "DPoP"}"#,
        r#"{"token_type": "urn:ietf:params:oauth:token-type:access_token"}"#,
        r#"{"token_endpoint_auth_method": "client_secret_basic"}"#,
        r#"{"jwt_alg": "RS256", "jwt_kid": "2026-01"}"#,
        r#"{"password_reset": "requested by the user", "password_reset_by": null}"#,
        r#"{"password_reset": true, "passwordReset": "email"}"#,
        r#"{"password_policy": "at least 12 characters, one of them no letter"}"#,
        r#"{"password_attempts": 3, "password_age_days": 90, "password_length": "12 characters"}"#,
        r#"{"password_changed_at": "2026-03-01T12:00:00Z", "password_expires": 1767225600}"#,
        r#"{"password_id": "1bb044aa-ded1-40c7-8a88-433e74903f95"}"#,
        r#"{"jwt_id": "1bb044aa-ded1-40c7-8a88-433e74903f95", "token_ids": [17, 18]}"#,
        r#"{"jti": "any thing", "session_id": "abc", "state": "xyz", "code": 400, "error": "invalid_token"}"#,
        r#"{"ssn_last4": "6789", "last_four_ssn": 6789, "ssn": "***-**-6789", "ssn_verified": true}"#,
        r#"{"ssn_attempts": 2, "ssn_match": "mismatch", "ssn_verified_at": "2026-03-01"}"#,
        r#"{"authorization_server": "https://sandbox-api.va.gov/oauth2", "authorization": "granted"}"#,
        r#"{"authorization_server": "va.gov"}"#,
        r#"{"authorization_server": "https://dev-1234.okta.com/oauth2/ausb8x6jq7vF0gJ8K5d6"}"#,
        r#"{"has_refresh_token": true, "has_token": "yes"}"#,
        r#"{"token_expires_in": 3600, "tokenExpiresAt": "2026-03-01T12:00:00+00:00"}"#,
        r#"{"token_lifetime": "1 hour", "token_age": 123456789}"#,
        r#"{"token_scope": "openid profile patient/Observation.read", "scope": "openid"}"#,
        r#"{"token_fingerprint": "9f86d081884c7d65", "token_hash": "sha256:9f86d081884c7d65"}"#,
        r#"{"token_refresh_error": "invalid_grant: the session is not active"}"#,
        r#"{"tokens": {"access": "expired", "refresh": "present", "expires_at": 1767225600}}"#,
        r#"{"tokens_rotated": 12000, "tokens_left": 2, "attempts": 3}"#,
        r#"{"cookie_consent": "accepted", "cookies_enabled": true}"#,
        r#"{"amr": ["pwd", "otp", "mfa"], "methods": ["password", "sms"]}"#,
        r#"{"fields": ["password", "ssn"], "missing": "access_token"}"#,
        r#"{"field": "password", "message": "is required"}"#,
        r#"{"name": "token", "value": "missing"}"#,
        r#"{"secretary": "Ann", "tokenizer": "bpe", "passenger": "Bob", "assigned": "x", "author": "y"}"#,
        r#"{"idempotency_key": "abc", "public_key": "abc", "key": "abc", "zip_code": "97201"}"#,
        r#"{"credential_level": "LOA3", "credential_provider": "ID.me", "otp_channel": "sms"}"#,
        r#"{"scope": "tokens:read secrets:write", "cookie_banner": "shown", "token_lifetime": "PT1H"}"#,
        r#"{"at": "Token.parse (/app/token.js:12:5)", "file": "secrets.py:33", "host": "token.va.gov:443"}"#,
        r#"{"phone": "503-555-0123", "count": 123456789, "va_icn": "1012667145V762142"}"#,
        r#"{"at": "2026-03-01T12:00:00Z", "took": 0.25, "ok": true, "nothing": null}"#,
        "null",
        "true",
        "1",
        "\"x\"",
        "[]",
        "{}",
    ] {
        problems.passes(text);
    }
}

#[test]
fn a_refusal_says_where_and_not_what() {
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
fn types_of_events() {
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

/// A value that no text could be read as, because a number may be anything.
#[test]
fn deeper_than_any_builder_makes_it_is_refused_and_not_followed() {
    let mut value = Value::Number(1_u64);
    for _ in 0..MAX_DEPTH {
        value = Value::Array(vec![value]);
    }
    assert_eq!(check(&value), Ok(()));
    assert!(check(&Value::Array(vec![value])).is_err());
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(|number| serde_json::json!(number)),
        ".{0,40}".prop_map(Into::into),
        "[a-z_=:&?{}\"\\\\% .0-9-]{0,60}".prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::btree_map("[A-Za-z_ -]{0,20}", inner, 0..6)
                .prop_map(|members| members.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

/// Puts a value somewhere into another.
fn hide(json: &mut serde_json::Value, at: &mut usize, hidden: &serde_json::Value) {
    let here = *at == 0;
    *at = at.wrapping_sub(1);
    match json {
        serde_json::Value::Array(items) if !here && !items.is_empty() => {
            let index = *at % items.len();
            hide(&mut items[index], at, hidden);
        }
        serde_json::Value::Object(members) if !here && !members.is_empty() => {
            let index = *at % members.len();
            hide(members.values_mut().nth(index).unwrap(), at, hidden);
        }
        _ => *json = serde_json::json!({ "around": [*json, hidden] }),
    }
}

proptest! {
    #[test]
    fn no_json_is_too_much(json in any_json()) {
        let _ = verdict(&json.to_string());
    }

    #[test]
    fn no_text_is_too_much(text in ".{0,300}", name in ".{0,30}") {
        let _ = verdict(&member(&name, &text));
        let _ = check_event_type(&text);
    }

    #[test]
    fn a_secret_is_found_wherever_it_stands(
        mut json in any_json(),
        mut at in 0..6_usize,
        which in any::<prop::sample::Index>(),
        name in prop::sample::select(OF_SECRETS.to_vec()),
        is_named in any::<bool>(),
    ) {
        let secrets = secrets();
        let hidden = if is_named {
            serde_json::json!({ name: "hunter2" })
        } else {
            which.get(&secrets).0.clone().into()
        };
        hide(&mut json, &mut at, &hidden);
        prop_assert!(verdict(&json.to_string()).is_err(), "{}", json);
    }

    #[test]
    fn numbers_and_times_pass_under_neutral_names(count in any::<u32>(), seconds in 0..4_000_000_000_i64) {
        let time = chrono::DateTime::from_timestamp(seconds, 0).unwrap().to_rfc3339();
        let event = serde_json::json!({ "attempts": count, "at": time, "n": count.to_string(), "token_expires_at": time });
        prop_assert_eq!(verdict(&event.to_string()), Ok(()));
    }

    #[test]
    fn the_builder_and_the_reader_agree(json in any_json()) {
        fn build(json: &serde_json::Value, builder: &mut Builder<serde_json::Number>) {
            match json {
                serde_json::Value::Null => builder.null().unwrap(),
                serde_json::Value::Bool(value) => builder.bool(*value).unwrap(),
                serde_json::Value::Number(number) => builder.number(number.clone(), 1).unwrap(),
                serde_json::Value::String(text) => builder.string(text).unwrap(),
                serde_json::Value::Array(items) => {
                    builder.begin_array().unwrap();
                    items.iter().for_each(|item| build(item, builder));
                    builder.end().unwrap();
                }
                serde_json::Value::Object(members) => {
                    builder.begin_object().unwrap();
                    for (name, value) in members {
                        builder.name(name).unwrap();
                        build(value, builder);
                    }
                    builder.end().unwrap();
                }
            }
        }
        let mut builder = Builder::new();
        build(&json, &mut builder);
        let read = read(&json.to_string());
        prop_assert_eq!(&builder.finish().unwrap(), &read);
        prop_assert_eq!(read.to_text(), json.to_string());
    }
}
