//! Tests values under the name of a secret.

use crate::{member, verdict, Problems};

/// Names of secrets.
pub(crate) const OF_SECRETS: [&str; 44] = [
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
fn a_value_under_the_name_of_a_secret_is_refused() {
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
        // The same inside text: as JSON, as a form, as YAML.
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
fn harmless_values_pass_under_the_name_of_a_secret() {
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
