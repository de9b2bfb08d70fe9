//! The core's rows, written to a server and read from it.

use std::{error::Error as _, fmt::Debug};

use postgres::{
    types::{FromSqlOwned, ToSql},
    Client,
};
use serde::{de::DeserializeOwned, Serialize};
use serde_json::{json, Value};
use uuid::Uuid;
use vetassist_core::{
    schema::tables, AuthAudit, Fingerprint, IpHash, Json, KeyRing, MasterKey, OpenError, Sealed,
    Session, Timestamp, User, VaToken, OVERHEAD,
};
use vetassist_server_tests::{database, hex_key};

/// What the four kinds of rows have in common.
trait Row:
    FromSqlOwned + ToSql + Sync + Serialize + DeserializeOwned + PartialEq + Debug + Clone
{
    const TABLE: &'static str;

    /// With its JSON spelt in one way: the server spells it in its own.
    fn respelt(&self) -> Self {
        self.clone()
    }
}

fn respelt(json: Option<&Json>) -> Option<Json> {
    json.map(|json| json.read::<Value>().unwrap().into())
}

impl Row for User {
    const TABLE: &'static str = "vetassist_users";
}

impl Row for VaToken {
    const TABLE: &'static str = "vetassist_va_tokens";
}

impl Row for Session {
    const TABLE: &'static str = "vetassist_sessions";

    fn respelt(&self) -> Self {
        Self { device_info: respelt(self.device_info.as_ref()), ..self.clone() }
    }
}

impl Row for AuthAudit {
    const TABLE: &'static str = "vetassist_auth_audit";

    fn respelt(&self) -> Self {
        Self { event_data: respelt(self.event_data.as_ref()), ..self.clone() }
    }
}

/// The user that the other rows refer to.
const USER: Uuid = Uuid::from_u128(0x1bb0_44aa_ded1_40c7_8a88_433e_7490_3f95);

fn at(micros: i64) -> Timestamp {
    Timestamp::from_unix_micros(micros).unwrap()
}

/// As many characters as the column takes, of four bytes each.
fn full(characters: usize) -> String {
    "\u{1f985}".repeat(characters)
}

fn ring() -> KeyRing {
    // The shared server's.
    KeyRing::parse(hex_key(0x22).as_bytes()).unwrap()
}

fn seal(token: &str) -> Sealed {
    ring().user(USER).seal_token(token).unwrap().try_into().unwrap()
}

fn user() -> User {
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

fn users() -> Vec<User> {
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

fn token(access: &str, refresh: Option<&str>) -> VaToken {
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

fn va_tokens() -> Vec<VaToken> {
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

fn session(jwt_id: &str, device_info: Option<Json>) -> Session {
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

fn sessions() -> Vec<Session> {
    let large = json!({"agent": "\u{1f985}".repeat(1 << 18), "\u{6771}\u{4eac}": [null, true, -1.5, "\"\\\n"]});
    vec![
        session("a1d0c6e8-jti", Some(json!({"os": "iOS"}).into())),
        session(&full(64), Some(large.into())),
        Session { expires_at: Timestamp::NEG_INFINITY, ..session("", Some(json!({}).into())) },
        session("x", Some(json!([]).into())),
    ]
}

fn event(id: i64, address: &str) -> AuthAudit {
    AuthAudit {
        id,
        user_id: Some(USER),
        event_type: "login".into(),
        event_data: Some(json!({"new_user": true}).into()),
        ip_hash: Some(IpHash::of_text(address).unwrap()),
        created_at: Some(at(0)),
    }
}

fn events() -> Vec<AuthAudit> {
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

/// A database with the user that rows refer to, unless the table is that of the users.
fn database_for(table: &str) -> Client {
    let mut db = database();
    if table != User::TABLE {
        insert(&mut db, &user());
    }
    db
}

fn insert<T: Row>(db: &mut Client, row: &T) {
    let table = T::TABLE;
    let statement = format!("INSERT INTO {table} SELECT ($1::{table}).*");
    assert_eq!(db.execute(&statement, &[row]).unwrap(), 1);
}

fn read<T: Row>(db: &mut Client) -> T {
    db.query_one(&format!("SELECT r FROM {} AS r", T::TABLE), &[]).unwrap().get(0)
}

/// Writes a row and reads it, on the wire and as the server's own JSON, and hands the database over to be
/// asked what it holds.
fn round_trip<T: Row>(row: &T, mut ask: impl FnMut(&mut Client)) {
    let table = T::TABLE;
    let mut db = database_for(table);
    insert(&mut db, row);
    let stored: T = read(&mut db);
    assert_eq!(stored.respelt(), row.respelt(), "{table}");
    ask(&mut db);
    // RFC 3339 has no years outside of 0000 to 9999.
    let Ok(written) = serde_json::to_value(row) else { return };

    // The server's JSON is ours, whichever of the two writes it.
    let statement = format!("SELECT to_jsonb(r) FROM {table} AS r");
    let shown: Value = db.query_one(&statement, &[]).unwrap().get(0);
    assert_eq!(serde_json::from_value::<T>(shown).unwrap(), row.respelt(), "{table}");
    // The audit trail lets nobody delete.
    let mut db = database_for(table);
    let statement =
        format!("INSERT INTO {table} SELECT (jsonb_populate_record(NULL::{table}, $1)).*");
    db.execute(&statement, &[&written]).unwrap();
    assert_eq!(read::<T>(&mut db), stored, "{table}");
}

/// Every value comes back, and all at once so does every extreme.
fn all_round_trip<T: Row>(rows: &[T]) {
    assert!(!rows.is_empty());
    for row in rows {
        round_trip(row, |_| {});
    }
}

/// Every column that may be NULL, NULL alone; and those that may not refuse it.
fn nulls_round_trip<T: Row>(full: &T) {
    let table = tables().iter().find(|table| table.name == T::TABLE).unwrap();
    let columns = serde_json::to_value(full).unwrap();
    let columns = columns.as_object().unwrap();
    assert_eq!(columns.len(), table.columns.len());
    for column in table.columns {
        let name = column.name;
        let mut without = columns.clone();
        assert!(!without[name].is_null(), "{name} is NULL already");
        without[name] = Value::Null;
        let row = serde_json::from_value::<T>(without.into());
        assert_eq!(row.is_err(), column.not_null, "{}.{name}", T::TABLE);
        let Ok(row) = row else { continue };
        round_trip(&row, |db| {
            let statement = format!(
                "SELECT (SELECT count(*) FROM jsonb_each(to_jsonb(r)) WHERE value = 'null'), {name} IS NULL FROM {} AS r",
                T::TABLE
            );
            let found = db.query_one(&statement, &[]).unwrap();
            assert_eq!((found.get(0), found.get(1)), (1_i64, true), "{}.{name}", T::TABLE);
        });
    }
}

#[test]
fn users_come_back() {
    all_round_trip(&users());
    nulls_round_trip(&user());
}

#[test]
fn tokens_come_back_and_open_where_they_should() {
    // Sealed once: sealed again they would differ.
    let rows = va_tokens();
    all_round_trip(&rows);
    nulls_round_trip(&rows[0]);
    for (row, length) in rows.iter().zip([15, 3 << 20, 0]) {
        let mut db = database_for(VaToken::TABLE);
        insert(&mut db, row);
        // Sealed here, opened by the server.
        let found = db
                .query_one(
                    "SELECT vetassist_access_token(user_id), octet_length(access_token_encrypted) FROM vetassist_va_tokens",
                    &[],
                )
                .unwrap();
        assert_eq!(found.get::<_, i32>(1), length + i32::try_from(OVERHEAD).unwrap());
        // Sealed by the server, opened here.
        let opened = ring().user(USER).open_token(&row.access_token_encrypted).unwrap();
        assert_eq!(found.get::<_, &str>(0), opened);
        db.execute(
                "UPDATE vetassist_va_tokens SET access_token_encrypted = vetassist_encrypt_token($1, user_id)",
                &[&opened],
            )
            .unwrap();
        let stored: VaToken = read(&mut db);
        assert_ne!(stored.access_token_encrypted, row.access_token_encrypted);
        assert_eq!(ring().user(USER).open_token(&stored.access_token_encrypted).unwrap(), opened);
    }
}

#[test]
fn sessions_come_back() {
    all_round_trip(&sessions());
    nulls_round_trip(&sessions()[0]);
}

#[test]
fn events_come_back() {
    all_round_trip(&events());
    nulls_round_trip(&events()[0]);
    round_trip(&events()[1], |db| {
        let found = db
            .query_one("SELECT id::text, ip_hash = vetassist_hash_ip('2001:db8:0::1') FROM vetassist_auth_audit", &[])
            .unwrap();
        assert_eq!((found.get(0), found.get(1)), ("9223372036854775807", true));
    });
}

/// The server's word for each instant, so that reading and writing are not wrong alike.
#[test]
fn an_instant_is_what_the_server_calls_it() {
    let mut db = database();
    db.batch_execute("SET timezone = 'UTC'").unwrap();
    for (timestamp, text) in [
        (Timestamp::INFINITY, "infinity"),
        (Timestamp::NEG_INFINITY, "-infinity"),
        (Timestamp::MIN, "4714-11-24 00:00:00+00 BC"),
        (Timestamp::MAX, "294276-12-31 23:59:59.999999+00"),
        (at(0), "1970-01-01 00:00:00+00"),
        (at(-1), "1969-12-31 23:59:59.999999+00"),
        (at(946_684_800_000_000), "2000-01-01 00:00:00+00"),
        (at(1_772_366_400_000_001), "2026-03-01 12:00:00.000001+00"),
    ] {
        let row = db
            .query_one("SELECT $1::timestamptz::text, $2::text::timestamptz", &[&timestamp, &text])
            .unwrap();
        assert_eq!(row.get::<_, &str>(0), text);
        assert_eq!(row.get::<_, Timestamp>(1), timestamp, "{text}");
    }
}

/// Other zones, of whole minutes from UTC, are the same instants in the server's JSON.
#[test]
fn the_servers_json_is_read_in_any_zone() {
    let mut db = database_for(VaToken::TABLE);
    let row = token("x", None);
    insert(&mut db, &row);
    for zone in ["America/Chicago", "Asia/Kathmandu", "Pacific/Kiritimati"] {
        db.batch_execute(&format!("SET timezone = '{zone}'")).unwrap();
        let shown: Value =
            db.query_one("SELECT to_jsonb(r) FROM vetassist_va_tokens AS r", &[]).unwrap().get(0);
        assert!(!shown["expires_at"].as_str().unwrap().ends_with('Z'));
        assert_eq!(serde_json::from_value::<VaToken>(shown).unwrap(), row, "{zone}");
    }
}

#[test]
fn json_keeps_every_digit() {
    let mut db = database_for(Session::TABLE);
    let digits = "{\"n\": 12345678901234567890123456789.0123456789, \"e\": 1e400}";
    insert(&mut db, &session("x", Some(Json::from_text(digits))));
    let shown: &str = &db
        .query_one("SELECT device_info ->> 'n' FROM vetassist_sessions", &[])
        .unwrap()
        .get::<_, String>(0);
    assert_eq!(shown, "12345678901234567890123456789.0123456789");
    let stored = read::<Session>(&mut db).device_info.unwrap();
    assert!(stored.as_str().contains(shown), "{stored:?}");
    // Both of PostgreSQL's kinds, and a null that is none of SQL's.
    let row = db.query_one("SELECT 'null'::jsonb", &[]).unwrap();
    assert_eq!(row.get::<_, Option<Json>>(0), Some(Json::from_text("null")));
    let row = db
        .query_one("SELECT '{\"a\" : 1}'::json, $1::json::text", &[&Json::from_text("[ 1 ]")])
        .unwrap();
    assert_eq!(row.get::<_, Json>(0).as_str(), "{\"a\" : 1}");
    assert_eq!(row.get::<_, &str>(1), "[ 1 ]");
    let error = db.execute("SELECT $1::jsonb", &[&Json::from_text("{")]).unwrap_err();
    assert_eq!(vetassist_server_tests::sqlstate(&error), "22P02");
}

#[test]
fn columns_convert_by_themselves() {
    let mut db = database_for(VaToken::TABLE);
    let row = token("x", None);
    insert(&mut db, &row);
    insert(&mut db, &event(1, "203.0.113.7"));
    let found = db
        .query_one(
            "SELECT t.*, ip_hash FROM vetassist_va_tokens AS t, vetassist_auth_audit WHERE ip_hash = $1 AND access_token_encrypted = $2",
            &[&IpHash::of_text("203.0.113.7").unwrap(), &row.access_token_encrypted],
        )
        .unwrap();
    assert_eq!(found.get::<_, Sealed>("access_token_encrypted"), row.access_token_encrypted);
    assert_eq!(found.get::<_, Option<Sealed>>("refresh_token_encrypted"), None);
    assert_eq!(found.get::<_, Uuid>("user_id"), USER);
    let current = MasterKey::from_bytes(&[0x22; 32]).fingerprint();
    let shown: Fingerprint = db
        .query_one("SELECT fingerprint FROM vetassist_keys() WHERE fingerprint = $1", &[&current])
        .unwrap()
        .get(0);
    assert_eq!(shown, current);
}

/// The message of what the client could not make of a value.
fn refusal<T: FromSqlOwned + Debug>(db: &mut Client, value: &str) -> String {
    let row = db.query_one(&format!("SELECT {value}"), &[]).unwrap();
    let error = row.try_get::<_, T>(0).unwrap_err();
    error.source().unwrap().to_string()
}

#[test]
fn what_is_no_such_value_is_refused() {
    let mut db = database();
    let short = refusal::<Sealed>(&mut db, "decode(repeat('00', 27), 'hex')");
    assert_eq!(short, OpenError::TooShort(27).to_string());
    assert_eq!(refusal::<Sealed>(&mut db, "''::bytea"), OpenError::TooShort(0).to_string());
    assert!(refusal::<IpHash>(&mut db, "'203.0.113.7'::text").contains("64"));
    assert!(refusal::<IpHash>(&mut db, "upper(vetassist_hash_ip('203.0.113.7'))").contains("64"));
    assert!(refusal::<Fingerprint>(&mut db, "'0'::text").contains("16"));
    // Other types, although their bytes would do.
    for other in ["0::bigint", "'2026-03-01'::timestamp", "'x'::text"] {
        assert!(refusal::<Timestamp>(&mut db, other).contains("cannot convert"), "{other}");
    }
    assert!(refusal::<Sealed>(&mut db, "repeat('x', 28)::text").contains("cannot convert"));
    assert!(refusal::<Json>(&mut db, "'1'::text").contains("cannot convert"));
    assert!(refusal::<User>(&mut db, "NULL::vetassist_sessions").contains("cannot convert"));
    // A row that a broken migration left: one column too many.
    db.batch_execute(
        "ALTER TABLE vetassist_users ADD nickname text; INSERT INTO vetassist_users DEFAULT VALUES",
    )
    .unwrap();
    let row = db.query_one("SELECT u FROM vetassist_users AS u", &[]).unwrap();
    assert!(row.try_get::<_, User>(0).is_err());
}

/// What is in the database of before: NULL where the type has none.
#[test]
fn null_is_refused_where_no_column_has_it() {
    let mut db = database();
    db.batch_execute(
        "INSERT INTO vetassist_users (id) VALUES ('1bb044aa-ded1-40c7-8a88-433e74903f95');
         ALTER TABLE vetassist_va_tokens ALTER expires_at DROP NOT NULL;
         INSERT INTO vetassist_va_tokens (user_id, access_token_encrypted)
             SELECT id, vetassist_encrypt_token('x', id) FROM vetassist_users;",
    )
    .unwrap();
    let row = db.query_one("SELECT t FROM vetassist_va_tokens AS t", &[]).unwrap();
    assert!(row.try_get::<_, VaToken>(0).is_err());
}
