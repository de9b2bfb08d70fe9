//! Compares the SQL functions with the reference values of another implementation.

use serde_json::Value;
use uuid::Uuid;
use vetassist_server_tests::{sqlstate, vectors, KeyedServer};

fn text<'a>(case: &'a Value, field: &str) -> &'a str {
    case[field].as_str().unwrap()
}

fn bytes(case: &Value, field: &str) -> Vec<u8> {
    hex::decode(text(case, field)).unwrap()
}

fn user_id(case: &Value) -> Uuid {
    text(case, "user_id").parse().unwrap()
}

#[test]
fn each_vector_of_a_user_key_is_derived() {
    let mut db = vetassist_server_tests::database();
    for case in vectors("user_key") {
        let row = db
            .query_one(
                "SELECT vetassist_derive_user_key($1, $2)",
                &[&bytes(&case, "master"), &user_id(&case)],
            )
            .unwrap();
        assert_eq!(row.get::<_, Vec<u8>>(0), bytes(&case, "key"));
    }
}

#[test]
fn each_vector_of_a_sealed_value_opens_and_seals_again() {
    let mut db = vetassist_server_tests::database();
    for case in vectors("seal") {
        let (key, aad) = (bytes(&case, "key"), bytes(&case, "aad"));
        let plaintext = bytes(&case, "plaintext");
        let row = db
            .query_one(
                "SELECT vetassist_decrypt($1, $2, $3), s, vetassist_decrypt(s, $2, $3)
                 FROM vetassist_encrypt($4::bytea, $2, $3) AS s",
                &[&bytes(&case, "sealed"), &key, &aad, &plaintext],
            )
            .unwrap();
        assert_eq!(row.get::<_, Vec<u8>>(0), plaintext);
        assert_eq!(row.get::<_, Vec<u8>>(1).len(), plaintext.len() + 28);
        assert_eq!(row.get::<_, Vec<u8>>(2), plaintext);
    }
}

#[test]
fn each_vector_that_must_not_open_is_refused() {
    let mut db = vetassist_server_tests::database();
    for case in vectors("open_must_fail") {
        let sealed = bytes(&case, "sealed");
        let error = db
            .query_one(
                "SELECT vetassist_decrypt($1, $2, $3)",
                &[&sealed, &bytes(&case, "key"), &bytes(&case, "aad")],
            )
            .unwrap_err();
        let expected = if sealed.len() < 28 { "22P03" } else { "39000" };
        assert_eq!(sqlstate(&error), expected, "{}", text(&case, "why"));
    }
}

#[test]
fn each_vector_of_a_token_opens_for_its_user_only() {
    let mut server = KeyedServer::start();
    for case in vectors("token") {
        server.set_ring(text(&case, "master"));
        let row = server
            .db
            .query_one(
                "SELECT vetassist_decrypt_token($1, $2),
                        vetassist_decrypt_token(vetassist_encrypt_token($3, $2), $2)",
                &[&bytes(&case, "sealed"), &user_id(&case), &text(&case, "token")],
            )
            .unwrap();
        assert_eq!(row.get::<_, &str>(0), text(&case, "token"));
        assert_eq!(row.get::<_, &str>(1), text(&case, "token"));
        let error = server
            .db
            .query_one(
                "SELECT vetassist_decrypt_token($1, gen_random_uuid())",
                &[&bytes(&case, "sealed")],
            )
            .unwrap_err();
        assert_eq!(sqlstate(&error), "39000");
    }
}

#[test]
fn each_vector_of_an_ip_hash_and_a_fingerprint_matches() {
    let mut server = KeyedServer::start();
    for case in vectors("ip_hash") {
        server.set_ring(text(&case, "master"));
        let row = server
            .db
            .query_one(
                "SELECT vetassist_hash_ip($1::text::inet), vetassist_hash_ip_keyed($1::text::inet),
                        vetassist_upgrade_ip_hash(vetassist_hash_ip($1::text::inet))",
                &[&text(&case, "ip")],
            )
            .unwrap();
        assert_eq!(row.get::<_, &str>(0), text(&case, "sha256"));
        assert_eq!(row.get::<_, &str>(1), text(&case, "keyed"));
        assert_eq!(row.get::<_, &str>(2), text(&case, "keyed"));
    }
    for case in vectors("fingerprint") {
        server.set_ring(text(&case, "master"));
        let row = server.db.query_one("SELECT fingerprint FROM vetassist_keys()", &[]).unwrap();
        assert_eq!(row.get::<_, &str>(0), text(&case, "fingerprint"));
    }
}

#[test]
fn each_vector_of_a_malformed_address_is_refused() {
    let mut db = vetassist_server_tests::database();
    let mut taken = Vec::new();
    for case in vectors("ip_rejected") {
        let address = case.as_str().unwrap();
        match db.query_one("SELECT vetassist_hash_ip($1::text::inet)", &[&address]) {
            // The type inet refuses these, except a prefix, which the function refuses.
            Err(error) => {
                let expected = if address.contains("/24") || address.contains("/32") {
                    "22023"
                } else {
                    "22P02"
                };
                assert_eq!(sqlstate(&error), expected, "{address}");
            }
            Ok(_) => taken.push(address.to_owned()),
        }
    }
    // The type inet ignores a leading zero, so the function does not see it.
    assert_eq!(taken, ["203.0.113.07"]);
}
