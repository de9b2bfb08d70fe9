use super::*;

#[test]
fn names_of_secrets_have_their_subject_and_aspect() {
    for (name, subject, expected) in [
        ("token", Presented, Itself),
        ("access_token", Presented, Itself),
        ("refreshToken", Presented, Itself),
        ("ID-Token", Presented, Itself),
        ("accesstoken", Presented, Itself),
        ("X-Auth-Token", Presented, Itself),
        ("tokens", Presented, Plural),
        ("token_value", Presented, Itself),
        ("tokenvalue", Presented, Itself),
        ("token2", Presented, Itself),
        ("client_secret", Presented, Itself),
        ("api_key", Presented, Itself),
        ("APIKey", Presented, Itself),
        ("private key", Presented, Itself),
        ("master_key", Presented, Itself),
        ("Authorization", Presented, Itself),
        ("bearer", Presented, Itself),
        ("jwt", Presented, Itself),
        ("Set-Cookie", Presented, Itself),
        ("credentials", Presented, Plural),
        ("to\u{301}ken_token", Presented, Itself),
        ("password", Typed, Itself),
        ("newPassword", Typed, Itself),
        ("passwd", Typed, Itself),
        ("passWord", Typed, Itself),
        ("user_pwd", Typed, Itself),
        ("pin", Typed, Itself),
        ("otp", Typed, Itself),
        ("one_time_code", Typed, Itself),
        ("mfaCode", Typed, Itself),
        ("SSN", Ssn, Itself),
        ("user_ssn", Ssn, Itself),
        ("userSsn", Ssn, Itself),
        ("userSSN", Ssn, Itself),
        ("veteran-ssn", Ssn, Itself),
        ("social_security_number", Ssn, Itself),
        ("SocialSecurityNumber", Ssn, Itself),
        ("socialsecuritynumber", Ssn, Itself),
        ("socialSecurity", Ssn, Itself),
        ("password_id", Typed, Id),
        ("jwt_id", Presented, Id),
        ("jwtid", Presented, Id),
        ("token_type", Presented, About),
        ("tokentype", Presented, About),
        ("tokenExpiresAt", Presented, Time),
        ("access_token_expires_in", Presented, Time),
        ("token_count", Presented, Count),
        ("passwordreset", Typed, About),
        ("password_reset", Typed, About),
        ("authorization_server", Presented, About),
        ("token_scope", Presented, Scope),
        ("token_hash", Presented, Hash),
        ("ssn_last4", Ssn, LastDigits),
        ("ssnLast4", Ssn, LastDigits),
        ("last_four_ssn", Ssn, LastDigits),
        ("has_refresh_token", Presented, Itself),
        ("pass", Typed, Itself),
        ("db_pass", Typed, Itself),
    ] {
        assert_eq!(Name::of(name), Some(Name { subject, aspect: expected }), "{name}");
    }
}

#[test]
fn other_names_are_not_names_of_secrets() {
    for name in [
        "",
        "reason",
        "session_id",
        "browser",
        "assigned",
        "lesson",
        "mission",
        "passed",
        "pass_rate",
        "passenger",
        "key_fingerprint",
        "\u{1f985}",
        "author",
        "tokenizer",
        "secretary",
        "passwordless",
        "forbearer",
        "spinner",
        "public_key",
        "idempotency_key",
        "error_code",
        "zip_code",
        "code",
    ] {
        assert_eq!(Name::of(name), None, "{name}");
    }
}

#[test]
fn a_member_inside_a_secret_has_its_own_aspect() {
    let tokens = Name::of("tokens").expect("a secret's name");
    assert_eq!(tokens.inside("id").aspect, Id);
    assert_eq!(tokens.inside("access").aspect, Itself);
    assert_eq!(tokens.inside("").aspect, Itself);
    let ssn = Name { subject: Ssn, aspect: Itself };
    assert_eq!(tokens.inside("ssn"), ssn);
    assert_eq!(ssn.inside("last4").aspect, LastDigits);
}
