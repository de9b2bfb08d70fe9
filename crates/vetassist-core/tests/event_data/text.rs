//! Tests secrets in text, and text that mentions secrets without holding one.

use vetassist_core::Suspicion;

use crate::{member, verdict, Problems};

fn jwt() -> String {
    ["eyJhbGciOiJSUzI1NiJ9", "eyJzdWIiOiIxIn0", "c2lnbmF0dXJl"].join(".")
}

/// Names that say nothing about the value.
const NEUTRAL: [&str; 5] = ["note", "error", "detail", "user_agent", "x"];

/// Returns texts that are secrets in any place, each with the reason of its refusal.
pub(crate) fn secrets() -> Vec<(String, Suspicion)> {
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
        (concat!("-----BEGIN ", "PRIVATE KEY-----\nMC4CAQ"), Suspicion::PrivateKey),
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
        // JSON and similar syntax.
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
fn a_secret_is_refused_as_a_value_and_as_a_name() {
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
        // As text inside JSON inside text, as errors quote responses of a server.
        let nested = serde_json::json!({ "body": secret }).to_string();
        problems.is_refused(&member("error", &format!("502: {nested}")), None);
        let nested = serde_json::json!({ "body": nested }).to_string();
        problems.is_refused(&member("error", &format!("502: {nested}")), None);
    }
}

#[test]
fn text_that_mentions_secrets_passes() {
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
