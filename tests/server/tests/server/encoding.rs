//! Sealed text is UTF-8, whatever the encoding of the database.

use vetassist_server_tests::{database_with, sqlstate};

const KEY: &str = "decode(repeat('07', 32), 'hex')";

#[test]
fn latin1_text_is_sealed_as_utf8() {
    let mut db = database_with("ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
    let row = db
        .query_one(
            &format!(
                "SELECT encode(vetassist_decrypt(vetassist_encrypt('h\u{e9}'::text, {KEY}), {KEY}), 'hex'),
                        vetassist_decrypt_text(vetassist_encrypt('h\u{e9}'::text, {KEY}), {KEY}),
                        vetassist_decrypt_token(vetassist_encrypt_token('h\u{e9}', u), u)
                 FROM gen_random_uuid() AS u"
            ),
            &[],
        )
        .unwrap();
    assert_eq!(row.get::<_, &str>(0), "68c3a9");
    assert_eq!(row.get::<_, &str>(1), "h\u{e9}");
    assert_eq!(row.get::<_, &str>(2), "h\u{e9}");

    // A euro sign is text, but not in Latin 1. PostgreSQL's own error would quote its bytes.
    let error = db
        .simple_query(&format!(
            "SELECT vetassist_decrypt_text(vetassist_encrypt('\\xe282ac'::bytea, {KEY}), {KEY})"
        ))
        .unwrap_err();
    assert_eq!(sqlstate(&error), "22P05");
    assert!(!format!("{error:?}").contains("0xe2"), "{error:?}");
}

#[test]
fn what_is_no_text_in_sql_ascii_is_refused_without_quoting_it() {
    let mut db = database_with("ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0");
    let row = db
        .query_one(
            &format!(
                "SELECT vetassist_decrypt_text(vetassist_encrypt('plain'::text, {KEY}), {KEY})"
            ),
            &[],
        )
        .unwrap();
    assert_eq!(row.get::<_, &str>(0), "plain");
    let error = db
        .simple_query(&format!(
            "SELECT vetassist_encrypt(convert_from('\\xff41', 'SQL_ASCII'), {KEY})"
        ))
        .unwrap_err();
    assert_eq!(sqlstate(&error), "22P05");
    assert!(!format!("{error:?}").contains("0xff"), "{error:?}");
}
