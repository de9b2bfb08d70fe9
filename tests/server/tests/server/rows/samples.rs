//! Rows of each table, with usual and extreme values.

use serde_json::json;
use uuid::Uuid;
use vetassist_core::{AuthAudit, IpHash, Json, KeyRing, Sealed, Session, Timestamp, User, VaToken};
use vetassist_server_tests::hex_key;

/// The user that the other rows refer to.
pub(super) const USER: Uuid = Uuid::from_u128(0x1bb0_44aa_ded1_40c7_8a88_433e_7490_3f95);

pub(super) fn at(micros: i64) -> Timestamp {
    Timestamp::from_unix_micros(micros).unwrap()
}

/// Returns this number of characters of four bytes each.
pub(super) fn full(characters: usize) -> String {
    "\u{1f985}".repeat(characters)
}

pub(super) fn ring() -> KeyRing {
    // The ring of the shared server.
    KeyRing::parse(hex_key(0x22).as_bytes()).unwrap()
}

pub(super) fn seal(token: &str) -> Sealed {
    ring().user(USER).seal_token(token).unwrap().try_into().unwrap()
}

pub(super) fn user() -> User {
    User {
        id: USER,
        va_icn: Some("1012667145V762142".into()),
        va_veteran_status: Some("confirmed".into()),
        email: Some("tamara.ellis@example.com".into()),
        first_name: Some("Tamara".into()),
        last_name: Some("Ellis".into()),
        is_active: Some(true),
        created_at: Some(at(0)),
        updated_at: Some(at(1)),
        last_login_at: Some(at(-1)),
    }
}

pub(super) fn users() -> Vec<User> {
    vec![
        user(),
        User {
            id: Uuid::nil(),
            va_icn: Some(full(50)),
            va_veteran_status: Some(full(20)),
            email: Some(full(255)),
            first_name: Some(full(100)),
            last_name: Some(
                "\u{645}\u{62d}\u{645}\u{62f} \u{6771}\u{4eac} e\u{301} \u{202e}\t\n'\\".into(),
            ),
            is_active: Some(false),
            created_at: Some(Timestamp::MIN),
            updated_at: Some(Timestamp::MAX),
            last_login_at: Some(Timestamp::INFINITY),
        },
        User {
            id: Uuid::max(),
            va_icn: Some(String::new()),
            va_veteran_status: Some(String::new()),
            email: Some(String::new()),
            first_name: Some(String::new()),
            last_name: Some(String::new()),
            is_active: None,
            created_at: Some(Timestamp::NEG_INFINITY),
            updated_at: None,
            last_login_at: None,
        },
    ]
}

pub(super) fn token(access: &str, refresh: Option<&str>) -> VaToken {
    VaToken {
        id: Uuid::from_u128(1),
        user_id: USER,
        access_token_encrypted: seal(access),
        refresh_token_encrypted: refresh.map(seal),
        token_type: Some("Bearer".into()),
        scope: Some("openid profile offline_access".into()),
        expires_at: at(4_102_444_800_000_000),
        created_at: Some(at(0)),
        refreshed_at: Some(at(999_999)),
    }
}

pub(super) fn va_tokens() -> Vec<VaToken> {
    let large = "\u{6771}".repeat(1 << 20);
    vec![
        token("an access token", Some("a refresh token")),
        VaToken {
            token_type: Some(full(20)),
            scope: Some(full(500)),
            expires_at: Timestamp::INFINITY,
            created_at: Some(Timestamp::NEG_INFINITY),
            refreshed_at: Some(Timestamp::MAX),
            ..token(&large, Some(&large))
        },
        VaToken {
            token_type: Some(String::new()),
            scope: Some(String::new()),
            expires_at: Timestamp::MIN,
            ..token("", Some(""))
        },
    ]
}

pub(super) fn session(jwt_id: &str, device_info: Option<Json>) -> Session {
    Session {
        id: Uuid::from_u128(2),
        user_id: USER,
        jwt_id: jwt_id.into(),
        device_info,
        created_at: Some(at(0)),
        expires_at: at(4_102_444_800_000_000),
        revoked_at: Some(at(1)),
    }
}

pub(super) fn sessions() -> Vec<Session> {
    let large = json!({"agent": "\u{1f985}".repeat(1 << 18), "\u{6771}\u{4eac}": [null, true, -1.5, "\"\\\n"]});
    vec![
        session("a1d0c6e8-jti", Some(json!({"os": "iOS"}).into())),
        session(&full(64), Some(large.into())),
        Session { expires_at: Timestamp::NEG_INFINITY, ..session("", Some(json!({}).into())) },
        session("x", Some(json!([]).into())),
    ]
}

pub(super) fn event(id: i64, address: &str) -> AuthAudit {
    AuthAudit {
        id,
        user_id: Some(USER),
        event_type: "login".into(),
        event_data: Some(json!({"new_user": true}).into()),
        ip_hash: Some(IpHash::of_text(address).unwrap()),
        created_at: Some(at(0)),
    }
}

pub(super) fn events() -> Vec<AuthAudit> {
    let keyed = ring().upgrade_ip_hash(&IpHash::of_text("2001:db8::1").unwrap());
    vec![
        event(1, "203.0.113.7"),
        event(i64::MAX, "2001:db8::1"),
        AuthAudit { ip_hash: Some(keyed), event_type: full(50), ..event(i64::MIN, "::") },
        AuthAudit { event_type: String::new(), ..event(0, "::ffff:203.0.113.7") },
        AuthAudit {
            event_data: Some(json!({"text": "x".repeat(1 << 20)}).into()),
            ..event(-1, "::1")
        },
    ]
}
