//! Words that may be in the place of a secret and are not secret. Each list is sorted.

/// Words for the state of a secret.
#[rustfmt::skip]
pub(super) const STATES: &[&str] = &[
    "absent", "accepted", "active", "added", "already", "and", "are", "authenticated",
    "bad", "blank", "blocked", "cached", "cancelled", "change", "changed", "cleared",
    "completed", "compromised", "confirmed", "consumed", "correct", "corrupt", "created",
    "declined", "deleted", "denied", "different", "disabled", "disconnected", "does", "due",
    "email", "empty", "enabled", "encrypted", "eof", "error", "existing", "exists", "expired",
    "expires", "expiring", "failed", "failure", "false", "filtered", "fine", "forgotten",
    "found", "fresh", "given", "good", "granted", "has", "hashed", "hidden", "ignored",
    "inactive", "incorrect", "initial", "invalid", "is", "issued", "locked", "long", "longer",
    "lost", "malformed", "masked", "match", "matched", "matches", "matching", "mfa",
    "mismatch", "mismatched", "missing", "moderate", "na", "never", "new", "nil", "no",
    "none", "not", "null", "off", "ok", "old", "omitted", "on", "optional", "otp", "passed",
    "pending", "present", "presented", "previous", "provided", "pwd", "ready", "received",
    "reconnect", "recorded", "redacted", "refreshed", "refreshing", "refused", "reissued",
    "rejected", "removed", "renewed", "replaced", "requested", "required", "reset", "retry",
    "reused", "revoked", "rotated", "rotating", "saved", "scrubbed", "sealed", "sent", "set",
    "short", "sms", "stale", "started", "stored", "strong", "submitted", "succeeded",
    "success", "superseded", "supplied", "suppressed", "timeout", "too", "true", "truncated",
    "try", "unavailable", "unchanged", "undefined", "unknown", "unset", "unsupported",
    "unused", "unverified", "updated", "used", "valid", "validated", "verified", "wait",
    "was", "weak", "withheld", "wrong", "yes",
];

/// Words for the kinds of secrets that programs present.
#[rustfmt::skip]
pub(super) const PRESENTED: &[&str] = &[
    "access", "auth", "authentication", "authorization", "basic", "bearer", "body", "cookie",
    "cookies", "create", "credentials", "delete", "dpop", "header", "id", "jwt", "list",
    "mac", "manage", "oauth", "oauth2", "oidc", "opaque", "query", "read", "refresh",
    "revoke", "rotate", "saml", "scheme", "session", "token", "tokens", "view", "write",
];

/// Error codes of OAuth (RFC 6749, 6750, 7009, 7591, 8628, 9449) and of OpenID Connect.
#[rustfmt::skip]
pub(super) const ERROR_CODES: &[&str] = &[
    "access_denied", "account_selection_required", "authorization_pending",
    "consent_required", "expired_token", "insufficient_scope",
    "insufficient_user_authentication", "interaction_required", "invalid_client",
    "invalid_client_metadata", "invalid_dpop_proof", "invalid_grant", "invalid_redirect_uri",
    "invalid_request", "invalid_request_object", "invalid_request_uri", "invalid_scope",
    "invalid_software_statement", "invalid_state", "invalid_target", "invalid_token",
    "login_required", "registration_not_supported", "request_not_supported",
    "request_uri_not_supported", "server_error", "slow_down", "temporarily_unavailable",
    "unapproved_software_statement", "unauthorized_client", "unsupported_grant_type",
    "unsupported_response_type", "unsupported_token_type", "use_dpop_nonce",
];

/// Words of letters and digits that are names of methods or versions.
#[rustfmt::skip]
pub(super) const METHODS: &[&str] = &[
    "2fa", "a256gcm", "aal1", "aal2", "aal3", "aes128", "aes256", "argon2", "argon2d",
    "argon2i", "argon2id", "ed25519", "es256", "es256k", "es384", "es512", "fido2", "hs256",
    "hs384", "hs512", "http2", "http3", "ial1", "ial2", "ial3", "ipv4", "ipv6", "loa1",
    "loa2", "loa3", "md5", "oauth1", "oauth2", "p256", "pbkdf2", "ps256", "ps384", "ps512",
    "rs256", "rs384", "rs512", "rsa2048", "rsa4096", "s256", "saml2", "sha1", "sha256",
    "sha384", "sha512", "tls12", "tls13", "u2f", "utf8", "x509",
];

/// Checks whether a sorted list has a word, in any case.
pub(super) fn has(list: &[&str], word: &str) -> bool {
    let lower = |text: &str, at: usize| text.as_bytes().get(at).map(u8::to_ascii_lowercase);
    list.binary_search_by(|known| {
        let same = (0..known.len()).find(|at| lower(known, *at) != lower(word, *at));
        let at = same.unwrap_or(known.len());
        lower(known, at).cmp(&lower(word, at))
    })
    .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_list_is_sorted_and_searched_without_case() {
        for list in [STATES, PRESENTED, ERROR_CODES, METHODS] {
            assert!(list.is_sorted_by(|a, b| a < b), "{list:?}");
            for word in list {
                assert!(has(list, word) && has(list, &word.to_ascii_uppercase()), "{word}");
                assert!(!has(list, &word[1..]) || list.contains(&&word[1..]), "{word}");
                assert!(!has(list, &alloc::format!("{word}\0")), "{word}");
            }
            assert!(!has(list, "") && !has(list, "zzz"));
        }
    }
}
