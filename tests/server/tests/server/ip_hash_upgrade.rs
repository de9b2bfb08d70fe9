//! Tests the upgrade of plain address hashes: each is upgraded once, and nothing else changes.

use std::thread;

use vetassist_server_tests::{column_of, KeyedServer};

/// Inserts sessions with these values of device_info.
fn sessions(server: &mut KeyedServer, devices: &[&str]) {
    server.db.batch_execute("INSERT INTO vetassist_users (va_icn) VALUES ('ICN1')").unwrap();
    for (number, device) in devices.iter().enumerate() {
        server
            .db
            .execute(
                "INSERT INTO vetassist_sessions (user_id, jwt_id, expires_at, device_info)
                 SELECT id, $1, now(), $2::text::jsonb FROM vetassist_users",
                &[&number.to_string(), device],
            )
            .unwrap();
    }
}

fn hash(server: &mut KeyedServer, function: &str) -> String {
    column_of(&mut server.db, &format!("SELECT {function}('203.0.113.7')")).remove(0)
}

#[test]
fn only_address_hashes_in_device_info_are_replaced() {
    let mut server = KeyedServer::start();
    let plain = hash(&mut server, "vetassist_hash_ip");
    let keyed = hash(&mut server, "vetassist_hash_ip_keyed");
    let devices = [
        r#"{"ip_hash": "@", "os": "x"}"#,
        // The same digits under names that are not of address hashes.
        r#"{"build": "@", "note": "seen \"@\"", "nested": {"client_ip_hash": "@", "commit": "@"}}"#,
        r#"{"a": [{"ip_hash": ["@", "@"]}], "n": 12345678901234567890123456789.0123456789, "e": 1e300}"#,
        r#"{"ip_hash": "no hash", "text": "\u00e9\n\"\\"}"#,
        "[]",
        "null",
    ];
    let stored: Vec<String> = devices.iter().map(|device| device.replace('@', &plain)).collect();
    sessions(&mut server, &stored.iter().map(String::as_str).collect::<Vec<_>>());
    server.db.batch_execute("SET vetassist.ip_hash = keyed").unwrap();
    for _ in 0..2 {
        server.db.batch_execute("CALL vetassist_upgrade_ip_hashes(2)").unwrap();
        let expected = [
            r#"{"ip_hash": "K", "os": "x"}"#,
            r#"{"build": "@", "note": "seen \"@\"", "nested": {"client_ip_hash": "K", "commit": "@"}}"#,
            r#"{"a": [{"ip_hash": ["K", "K"]}], "n": 12345678901234567890123456789.0123456789, "e": 1e300}"#,
            devices[3],
            devices[4],
            devices[5],
        ];
        for (number, expected) in expected.iter().enumerate() {
            let expected = expected.replace('@', &plain).replace('K', &keyed);
            let same = server
                .db
                .query_one(
                    "SELECT device_info = $1::text::jsonb, device_info::text FROM vetassist_sessions WHERE jwt_id = $2",
                    &[&expected, &number.to_string()],
                )
                .unwrap();
            assert!(same.get::<_, bool>(0), "{}", same.get::<_, String>(1));
        }
    }
    let known = column_of(&mut server.db, "SELECT ip_hash FROM vetassist_keyed_ip_hashes");
    assert_eq!(known, [keyed]);
}

/// Another backend stored these addresses, as a database that is adopted has them.
#[test]
fn addresses_in_device_info_become_keyed_hashes() {
    let mut server = KeyedServer::start();
    let plain = hash(&mut server, "vetassist_hash_ip");
    let devices = [
        r#"{"ip": "203.0.113.7", "os": "x"}"#,
        r#"{"nested": {"client_ip": ["2001:DB8:0:0::1", "::ffff:203.0.113.7"]}, "x": [{"remote_addr": "203.0.113.7:443"}]}"#,
        r#"{"forwarded_for": "203.0.113.7, 2001:db8::1", "seen": "2001:db8::1"}"#,
        r#"{"ip": "203.0.113.7", "ip_hash": "@"}"#,
        // Without an address, nothing is changed: no version, no time, no name of a missing address.
        r#"{"ip": "unknown", "user_agent": "x/1.2.3.4 (build 5)", "version": "10.0.19045.2", "at": "12:30:45"}"#,
        r#"{"ip": "unknown", "client_ip_hash": "@"}"#,
    ];
    let stored: Vec<String> = devices.iter().map(|device| device.replace('@', &plain)).collect();
    sessions(&mut server, &stored.iter().map(String::as_str).collect::<Vec<_>>());
    let of = |address: &str| format!("SELECT vetassist_hash_ip_keyed('{address}')");
    let keyed = column_of(&mut server.db, &of("203.0.113.7")).remove(0);
    let other = column_of(&mut server.db, &of("2001:db8::1")).remove(0);
    let expected = [
        r#"{"ip_hash": "K", "os": "x"}"#,
        r#"{"nested": {"ip_hash": ["L", "K"]}, "x": [{"ip_hash": "K"}]}"#,
        r#"{"ip_hash": ["K", "L"], "seen_ip_hash": "L"}"#,
        r#"{"ip_hash": "K", "ip_ip_hash": "K"}"#,
        devices[4],
        r#"{"ip": "unknown", "client_ip_hash": "K"}"#,
    ];
    let devices = "SELECT device_info::text FROM vetassist_sessions ORDER BY jwt_id::int";
    for call in 0..2 {
        // The setting is only about new hashes.
        let kind = ["sha256", "keyed"][call];
        server.db.batch_execute(&format!("SET vetassist.ip_hash = {kind}")).unwrap();
        server.db.batch_execute("CALL vetassist_upgrade_ip_hashes(4)").unwrap();
        for (found, expected) in column_of(&mut server.db, devices).iter().zip(expected) {
            let expected = expected.replace('K', &keyed).replace('L', &other);
            let same = "SELECT ($1::text::jsonb = $2::text::jsonb)::text";
            let same: String = server.db.query_one(same, &[found, &expected]).unwrap().get(0);
            assert_eq!(same, "true", "call {call}: {found}\n{expected}");
        }
    }
    let mut known = column_of(&mut server.db, "SELECT ip_hash FROM vetassist_keyed_ip_hashes");
    known.sort();
    let mut made = [keyed, other];
    made.sort();
    assert_eq!(known, made);
    let counts = "SELECT event_data ->> 'count' FROM vetassist_auth_audit WHERE event_type = 'ip_hashes_upgraded' ORDER BY id";
    assert_eq!(column_of(&mut server.db, counts), ["10", "0"]);
}

/// Another backend may have written it. The core does not read device_info that is so large or so deep.
#[test]
fn device_info_that_is_too_large_is_reported_and_unchanged() {
    let mut server = KeyedServer::start();
    let plain = hash(&mut server, "vetassist_hash_ip");
    let large = format!(r#"{{"ip_hash": "{plain}", "x": "{}"}}"#, "y".repeat(100_000));
    let deep = format!(r#"{{"ip_hash": "{plain}", "x": {}{}}}"#, "[".repeat(100), "]".repeat(100));
    let small = format!(r#"{{"ip_hash": "{plain}"}}"#);
    sessions(&mut server, &[&large, &small, &deep, &small]);
    server.db.batch_execute("ALTER DATABASE postgres SET vetassist.ip_hash = keyed").unwrap();
    let call = ["-X", "-d", "postgres", "-c", "CALL vetassist_upgrade_ip_hashes()"];
    let output = server.client("psql").args(call).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.contains("WARNING:  the device_info of 2 sessions is too large or nested too deeply"),
        "{told}"
    );
    assert!(told.contains("NOTICE:  4 of 4 rows done, 2 hashes upgraded, "), "{told}");
    let left = format!("SELECT jwt_id FROM vetassist_sessions WHERE device_info ->> 'ip_hash' = '{plain}' ORDER BY 1");
    assert_eq!(column_of(&mut server.db, &left), ["0", "2"]);
}

#[test]
fn rows_of_every_id_are_upgraded() {
    let mut server = KeyedServer::start();
    server
        .db
        .batch_execute(
            "INSERT INTO vetassist_auth_audit (id, event_type, ip_hash)
             SELECT i, 'seen', vetassist_hash_ip('203.0.113.7')
             FROM unnest(ARRAY[-9223372036854775808, -1, 0, 1000, 1001, 9223372036854775807]) AS i",
        )
        .unwrap();
    for batch in [1, 2, 6] {
        server.db.batch_execute(&format!("CALL vetassist_upgrade_ip_hashes({batch})")).unwrap();
        let keyed = "SELECT count(*)::text FROM vetassist_auth_audit WHERE ip_hash = vetassist_hash_ip_keyed('203.0.113.7')";
        assert_eq!(column_of(&mut server.db, keyed), ["6"]);
    }
}

/// The sign-ins store keyed hashes of the same addresses.
#[test]
fn concurrent_upgrades_and_sign_ins_upgrade_each_hash_once() {
    let mut server = KeyedServer::start();
    server.db.batch_execute("ALTER DATABASE postgres SET vetassist.ip_hash = keyed").unwrap();
    server
        .db
        .batch_execute(
            "INSERT INTO vetassist_users (va_icn) VALUES ('ICN1');
             INSERT INTO vetassist_auth_audit (event_type, ip_hash)
             SELECT 'seen', vetassist_hash_ip('10.0.0.0'::inet + n % 300) FROM generate_series(1, 5000) AS n;
             INSERT INTO vetassist_sessions (user_id, jwt_id, expires_at, device_info)
             SELECT id, n, now(), jsonb_build_object('ip_hash', vetassist_hash_ip('10.0.0.0'::inet + n % 300))
             FROM vetassist_users, generate_series(1, 3000) AS n",
        )
        .unwrap();
    thread::scope(|scope| {
        for batch in [37, 53, 71] {
            let mut db = server.connect();
            scope.spawn(move || {
                db.batch_execute(&format!("CALL vetassist_upgrade_ip_hashes({batch})")).unwrap();
            });
        }
        let mut db = server.connect();
        scope.spawn(move || {
            for n in 0..300 {
                let ip = format!("10.0.{}.{}", n / 256, n % 256);
                let device = format!(r#"{{"ip": "{ip}"}}"#);
                db.batch_execute(&format!(
                    "SELECT vetassist_login('ICN {n}', 'a', now(), 'login {n}', now(), device_info => '{device}', ip => '{ip}')"
                ))
                .unwrap();
            }
        });
    });
    let counts = column_of(
        &mut server.db,
        "WITH keyed AS MATERIALIZED (SELECT vetassist_hash_ip_keyed('10.0.0.0'::inet + n) AS hash FROM generate_series(0, 299) AS n)
         SELECT concat_ws(' ',
             (SELECT count(*) FROM vetassist_auth_audit WHERE ip_hash IN (SELECT hash FROM keyed)),
             (SELECT count(*) FROM vetassist_sessions WHERE device_info ->> 'ip_hash' IN (SELECT hash FROM keyed)),
             (SELECT count(*) FROM vetassist_keyed_ip_hashes), (SELECT count(*) FROM vetassist_keyed_ip_hashes WHERE ip_hash IN (SELECT hash FROM keyed)))",
    );
    assert_eq!(counts, ["5300 3300 300 300"]);
}
