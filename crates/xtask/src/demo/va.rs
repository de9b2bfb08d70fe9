//! What VA.gov's OAuth server answers, made up on the spot: shaped like the real thing, signed with a
//! key that is thrown away.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use xtask::{Context, Error, Result};

/// The answer of the token endpoint.
pub(crate) struct TokenResponse {
    pub(crate) access_token: String,
    pub(crate) refresh_token: String,
    pub(crate) scope: String,
}

impl TokenResponse {
    /// As JSON, with the long token cut.
    pub(crate) fn abridged(&self) -> String {
        format!(
            "{{\n  \"access_token\": \"{}\",\n  \"refresh_token\": \"{}\",\n  \"token_type\": \"Bearer\",\n  \"scope\": \"{}\",\n  \"expires_in\": 3600\n}}",
            super::abridge(&self.access_token),
            self.refresh_token,
            self.scope
        )
    }
}

/// Makes one up: a signed JWT of about 1.2 kB, an opaque refresh token, the scopes of a claims service.
pub(crate) fn token_response() -> Result<TokenResponse> {
    let scope =
        "openid profile offline_access launch/patient claim.read claim.write veteran_status.read";
    let now = String::from_utf8_lossy(&filter("date", &["+%s"], b"")?).trim().to_owned();
    let expires = now.parse::<u64>().map_err(|_| Error::new("date prints no number"))? + 3600;
    let header = r#"{"alg":"RS256","kid":"demo-signing-key-1","typ":"JWT"}"#;
    let scopes = scope.replace(' ', r#"",""#);
    let id = random_base64url(24)?;
    let payload = format!(
        r#"{{"ver":1,"jti":"AT.{id}.{}","iss":"https://sandbox-api.va.gov/oauth2/claims/v1","aud":"https://sandbox-api.va.gov/services/claims","iat":{now},"exp":{expires},"cid":"{}","uid":"{}","scp":["{scopes}"],"auth_time":{now},"sub":"1012667145V762142","patient":"1012667145V762142","act":{{"icn":"1012667145V762142","type":"patient"}},"launch":{{"patient":"1012667145V762142"}}}}"#,
        random_base64url(12)?,
        random_base64url(15)?,
        random_base64url(15)?,
    );
    let signed = format!("{}.{}", base64url(header.as_bytes())?, base64url(payload.as_bytes())?);
    let key = filter(
        "openssl",
        &["genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
        b"",
    )
    .or_else(|_| filter("openssl", &["genrsa", "2048"], b""))?;
    let signature = sign(&key, signed.as_bytes())?;
    Ok(TokenResponse {
        access_token: format!("{signed}.{}", base64url(&signature)?),
        refresh_token: random_base64url(32)?,
        scope: scope.to_owned(),
    })
}

/// RS256. The key goes by way of a file that only we can read and that is gone when this returns.
fn sign(key: &[u8], message: &[u8]) -> Result<Vec<u8>> {
    // dd reads a byte at a time here, and so nothing of the message that follows the key.
    let script = "umask 077; key=$(mktemp); trap 'rm -f \"$key\"' EXIT
        dd bs=1 count=\"$1\" of=\"$key\" 2>/dev/null; openssl dgst -sha256 -sign \"$key\"";
    let input = [key, message].concat();
    filter("sh", &["-c", script, "sh", &key.len().to_string()], &input)
}

fn random_base64url(bytes: usize) -> Result<String> {
    base64url(&filter("openssl", &["rand", &bytes.to_string()], b"")?)
}

fn base64url(bytes: &[u8]) -> Result<String> {
    let encoded = filter("openssl", &["base64", "-A"], bytes)?;
    let encoded = String::from_utf8_lossy(&encoded);
    Ok(encoded.trim().trim_end_matches('=').replace('+', "-").replace('/', "_"))
}

/// A program's output for an input.
fn filter(program: &str, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context(format!("cannot start {program}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read its input closes it.
        let _ = stdin.write_all(input);
    }
    let output = child.wait_with_output().context(format!("cannot wait for {program}"))?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(Error::new(format!("{program} failed ({})", output.status)))
    }
}
