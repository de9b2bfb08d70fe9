//! Tests values of every size and form of storage, and the memory of calls that fail.

use std::{
    fs,
    time::{Duration, Instant},
};

use postgres::Client;
use vetassist_server_tests::{sqlstate, KeyedServer};

/// The most bytes that a varlena holds: 1 GB minus one byte, minus its header.
const LARGEST: i64 = 0x3fff_ffff - 4;
const OVERHEAD: i64 = 28;
const USER: &str = "'1266421b-a944-46cc-bc26-e3e89453b8cd'::uuid";

fn fails(db: &mut Client, query: &str) -> String {
    sqlstate(&db.simple_query(query).unwrap_err()).to_owned()
}

fn is_cancelled(db: &mut Client, query: &str) -> bool {
    db.simple_query(query).is_err_and(|error| sqlstate(&error) == "57014")
}

#[test]
#[ignore = "takes seconds"]
fn the_largest_value_is_sealed_and_opened_and_one_byte_more_is_refused() {
    let mut server = KeyedServer::start();
    let db = &mut server.db;
    let token = LARGEST - OVERHEAD;
    // A value of this size does not fit into a row, not even of a subquery.
    let largest = format!("vetassist_encrypt_token(repeat('x', {token}), {USER})");
    let length = format!("SELECT length({largest})");
    let length: i32 = db.query_one(&length, &[]).unwrap().get(0);
    assert_eq!(i64::from(length), LARGEST);
    let same = format!("SELECT vetassist_decrypt_token({largest}, {USER}) = repeat('x', {token})");
    assert!(db.query_one(&same, &[]).unwrap().get::<_, bool>(0));
    for more in [1, OVERHEAD] {
        let query =
            format!("SELECT vetassist_encrypt_token(repeat('x', {}), {USER})", token + more);
        assert_eq!(fails(db, &query), "54000", "{more}");
    }
    let query = format!("SELECT vetassist_decrypt_token(repeat('x', {LARGEST})::bytea, {USER})");
    assert_eq!(fails(db, &query), "39000");
    // PostgreSQL itself refuses a longer value, and the backend keeps running.
    let query = format!("SELECT vetassist_encrypt_token(repeat('x', {}), {USER})", LARGEST + 1);
    assert_eq!(fails(db, &query), "54000");
    assert_eq!(fails(db, &format!("SELECT vetassist_decrypt_token('', {USER})")), "22P03");
    let empty =
        format!("SELECT vetassist_decrypt_token(vetassist_encrypt_token('', {USER}), {USER})");
    assert_eq!(db.query_one(&empty, &[]).unwrap().get::<_, &str>(0), "");
}

/// The header may be short or long; the value may be in line or out of line, compressed or not, whole or a slice of a
/// longer value.
#[test]
fn a_value_opens_however_it_is_stored() {
    let mut server = KeyedServer::start();
    let db = &mut server.db;
    for (storage, size, out_of_line) in [
        ("PLAIN", 5, false),
        ("PLAIN", 400, false),
        // 98 bytes of token make 126 bytes of content. One byte more needs a header of four bytes.
        ("MAIN", 98, false),
        ("MAIN", 99, false),
        ("EXTERNAL", 99, false),
        ("EXTERNAL", 100_000, true),
        ("EXTENDED", 100_000, true),
    ] {
        // The first column moves the others to an odd offset.
        db.batch_execute(&format!(
            "DROP TABLE IF EXISTS stored;
             CREATE TABLE stored (odd \"char\", plain text, sealed bytea, aad bytea, with_aad bytea, padded bytea);
             ALTER TABLE stored ALTER sealed SET STORAGE {storage}, ALTER padded SET STORAGE {storage}, ALTER with_aad SET STORAGE {storage};
             INSERT INTO stored SELECT 'x', plain, vetassist_encrypt_token(plain, {USER}), aad, vetassist_encrypt(plain, key, aad)
             FROM (SELECT repeat('tök', {size} / 4) || repeat('n', {size} % 4) AS plain, convert_to(repeat('aad', {size}), 'UTF8') AS aad, sha256('k') AS key) AS of;
             UPDATE stored SET padded = 'before'::bytea || sealed || 'after'::bytea"
        ))
        .unwrap();
        let row = db
            .query_one(
                &format!(
                    "SELECT vetassist_decrypt_token(sealed, {USER}) = plain,
                            vetassist_decrypt_text(with_aad, sha256('k'), aad) = plain,
                            vetassist_decrypt_token(substring(padded FROM 7 FOR length(sealed)), {USER}) = plain,
                            vetassist_decrypt_text(vetassist_encrypt(plain, sha256('k'), aad), sha256('k'), aad) = plain,
                            pg_relation_size(reltoastrelid) > 0 AND pg_column_size(sealed) >= length(sealed),
                            pg_column_size(aad) < length(aad) OR length(aad) < 2000,
                            pg_column_size(sealed) - length(sealed)
                     FROM stored, pg_class WHERE oid = 'stored'::regclass"
                ),
                &[],
            )
            .unwrap();
        for column in 0..4 {
            assert!(row.get::<_, bool>(column), "{storage} {size}: {column}");
        }
        assert_eq!(row.get::<_, bool>(4), out_of_line, "{storage} {size}: out of line");
        assert!(row.get::<_, bool>(5), "{storage} {size}: compressed");
        let header: i32 = row.get(6);
        match size {
            98 => assert_eq!(header, 1, "{storage} {size}: a short header"),
            99 => assert_eq!(header, 4, "{storage} {size}: a long header"),
            _ => {}
        }
    }
    // A compressed value that is not a sealed one is refused.
    db.batch_execute("CREATE TABLE zeros (v bytea); INSERT INTO zeros VALUES (decode(repeat('00', 100000), 'hex'))")
        .unwrap();
    let row = db.query_one("SELECT pg_column_size(v) < 5000 FROM zeros", &[]).unwrap();
    assert!(row.get::<_, bool>(0));
    assert_eq!(
        fails(db, &format!("SELECT vetassist_decrypt_token(v, {USER}) FROM zeros")),
        "39000"
    );
}

/// Returns the bytes in the backend's memory contexts, and its private resident memory.
fn held(db: &mut Client) -> (i64, u64) {
    let row = db
        .query_one(
            "SELECT pg_backend_pid(), sum(total_bytes)::bigint FROM pg_backend_memory_contexts",
            &[],
        )
        .unwrap();
    let statm = fs::read_to_string(format!("/proc/{}/statm", row.get::<_, i32>(0))).unwrap();
    let anonymous = |text: &str| {
        let pages: Vec<u64> = text.split_whitespace().map(|word| word.parse().unwrap()).collect();
        // Resident memory minus the memory that is shared with other processes.
        4096 * (pages[1] - pages[2])
    };
    (row.get(1), anonymous(&statm))
}

#[test]
#[ignore = "takes seconds"]
fn a_hundred_thousand_failed_calls_leak_no_memory() {
    let mut server = KeyedServer::start();
    let db = &mut server.db;
    let in_a_loop = |count: u32| {
        format!(
            "DO $$ DECLARE caught int := 0; sealed bytea := vetassist_encrypt_token(repeat('x', 2000), {USER}); BEGIN
                 FOR i IN 1..{count} LOOP BEGIN
                     CASE i % 4
                     WHEN 0 THEN PERFORM vetassist_decrypt_token('short', {USER});
                     WHEN 1 THEN PERFORM vetassist_decrypt_token(sealed, gen_random_uuid());
                     WHEN 2 THEN PERFORM vetassist_decrypt_token(set_byte(sealed, i % 2000, get_byte(sealed, i % 2000) # 1), {USER});
                     ELSE PERFORM vetassist_hash_ip('203.0.113.0/24'); END CASE;
                 EXCEPTION WHEN OTHERS THEN caught := caught + 1; END; END LOOP;
                 IF caught <> {count} THEN RAISE 'caught %', caught; END IF;
             END $$"
        )
    };
    let fail = |db: &mut Client, count: u32| {
        db.batch_execute(&in_a_loop(4 * count)).unwrap();
        for _ in 0..count {
            let error = db.simple_query("SELECT vetassist_decrypt_token(decode(repeat('5a', 2000), 'hex'), gen_random_uuid())");
            assert_eq!(sqlstate(&error.unwrap_err()), "39000");
        }
    };
    fail(db, 1000);
    let (contexts, resident) = held(db);
    fail(db, 20_000);
    let (contexts_after, resident_after) = held(db);
    // The smallest allocation takes 16 bytes, so a leak in every fourth failure would take 320 kB.
    assert!(contexts_after <= contexts + (64 << 10), "{contexts} -> {contexts_after}");
    assert!(resident_after <= resident + (256 << 10), "{resident} -> {resident_after}");
}

#[test]
#[ignore = "takes seconds"]
fn cancelled_calls_with_large_values_leak_no_memory() {
    let mut server = KeyedServer::start();
    let seal = format!("SELECT length(vetassist_decrypt_token(vetassist_encrypt_token(repeat('x', 60000000), {USER}), {USER}))");
    let token = server.db.cancel_token();
    let db = &mut server.db;
    db.simple_query(&seal).unwrap();
    let (contexts, resident) = held(db);
    let started = Instant::now();
    db.simple_query(&seal).unwrap();
    let whole = started.elapsed();
    let mut ended = 0;
    for round in 0..40 {
        // The cancellation arrives at different times of the call.
        let after = whole * (round % 20) / 20 + Duration::from_millis(1);
        if round % 2 == 0 {
            let milliseconds = after.as_millis();
            db.batch_execute(&format!("SET statement_timeout = {milliseconds}")).unwrap();
            ended += u32::from(is_cancelled(db, &seal));
            // This statement has the same timeout, so it may fail too.
            while db.batch_execute("RESET statement_timeout").is_err() {}
        } else {
            let token = token.clone();
            let canceller = std::thread::spawn(move || {
                std::thread::sleep(after);
                token.cancel_query(postgres::NoTls).unwrap();
            });
            let cancelled = is_cancelled(db, &seal);
            canceller.join().unwrap();
            ended += u32::from(cancelled);
            if !cancelled {
                // A late cancellation ends the next statement.
                let _ = db.simple_query("SELECT pg_sleep(0.5)");
            }
        }
    }
    assert!(ended >= 10, "only {ended} of 40 calls were cancelled");
    let (contexts_after, resident_after) = held(db);
    assert!(contexts_after <= contexts + (64 << 10), "{contexts} -> {contexts_after}");
    assert!(resident_after <= resident + (8 << 20), "{resident} -> {resident_after}");
}
