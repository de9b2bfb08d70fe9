//! Tests that no nonce repeats, and that no value is sealed without randomness.

use std::{env, fs, io::Read, process::Command, thread};

use pg_scratch::{run, ALL_VARIABLE};
use postgres::Client;
use vetassist_server_tests::{hex_key, sqlstate, KeyedServer, Server};

const BACKENDS: usize = 8;
/// Each round starts new backends.
const ROUNDS: usize = 5;

type Nonce = [u8; 12];

/// Returns the nonce of one sealed value for each row. COPY sends a header of 19 bytes, for each row 6 bytes with the
/// number of columns and the length of the column, and a trailer of 2 bytes.
fn draw(db: &mut Client, rows: &str) -> Vec<Nonce> {
    let copy = format!(
        "COPY (SELECT substring(vetassist_encrypt_token('', u) FOR 12) FROM (SELECT gen_random_uuid() AS u) AS of, {rows}) TO STDOUT (FORMAT binary)"
    );
    let mut bytes = Vec::new();
    db.copy_out(&copy).unwrap().read_to_end(&mut bytes).unwrap();
    let rows = bytes[19..bytes.len() - 2].chunks_exact(18);
    assert!(rows.remainder().is_empty());
    rows.map(|row| row[6..].try_into().unwrap()).collect()
}

fn assert_distinct(mut nonces: Vec<Nonce>, expected: usize) {
    assert_eq!(nonces.len(), expected);
    nonces.sort_unstable();
    for pair in nonces.windows(2) {
        assert_ne!(pair[0], pair[1]);
    }
}

#[test]
#[ignore = "takes seconds"]
fn no_nonce_repeats_in_many_backends() {
    // Two million nonces take seconds, twenty million a minute.
    let total = if env::var_os(ALL_VARIABLE).is_some() { 20_000_000 } else { 2_000_000 };
    // The library is loaded before the backends are forked, so that they inherit its state.
    let server = Server::start(
        &[("shared_preload_libraries", "vetassist")],
        &[("VETASSIST_MASTER_KEY", &hex_key(0x55))],
    );
    drop(server.database());
    let each = total / BACKENDS / ROUNDS;
    let mut all = Vec::with_capacity(total);
    thread::scope(|scope| {
        let backends: Vec<_> = (0..BACKENDS)
            .map(|_| {
                scope.spawn(|| {
                    let round = |_| {
                        let mut db = server.connect_as("postgres");
                        draw(&mut db, &format!("generate_series(1, {each})"))
                    };
                    (0..ROUNDS).flat_map(round).collect::<Vec<_>>()
                })
            })
            .collect();
        for backend in backends {
            all.append(&mut backend.join().unwrap());
        }
    });
    assert_distinct(all, total);
}

#[test]
#[ignore = "takes seconds"]
fn no_nonce_repeats_in_parallel_workers() {
    let mut server = KeyedServer::start();
    let db = &mut server.db;
    db.batch_execute(
        "CREATE TABLE rows AS SELECT generate_series(1, 200000) AS i; ANALYZE rows;
         ALTER TABLE rows SET (parallel_workers = 4);
         SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
         SET max_parallel_workers_per_gather = 4; SET max_parallel_workers = 8",
    )
    .unwrap();
    let seal = "SELECT substring(vetassist_encrypt_token('', '1266421b-a944-46cc-bc26-e3e89453b8cd') FOR 12) AS nonce FROM rows";
    let plan: Vec<String> = db
        .query(&format!("EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) {seal}"), &[])
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    let launched = plan.iter().find_map(|line| line.trim().strip_prefix("Workers Launched: "));
    assert!(launched.is_some_and(|number| number != "0"), "{plan:?}");
    let row = db
        .query_one(&format!("SELECT count(*), count(DISTINCT nonce) FROM ({seal}) AS sealed"), &[])
        .unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (200_000, 200_000));
}

/// Replaces the C library's function, and fails while a file exists.
const NO_RANDOMNESS: &str = r#"
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
ssize_t getrandom(void *buffer, size_t length, unsigned flags) {
    const char *file = getenv("NO_RANDOMNESS");
    if (file && access(file, F_OK) == 0) { errno = EIO; return -1; }
    return syscall(SYS_getrandom, buffer, length, flags);
}
"#;

#[test]
#[ignore = "takes seconds"]
fn without_randomness_nothing_is_sealed() {
    let folder = env::temp_dir().join(format!("vetassist-random-{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    let (source, library) = (folder.join("random.c"), folder.join("random.so"));
    let switch = folder.join("off");
    fs::write(&source, NO_RANDOMNESS).unwrap();
    run(Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source)).unwrap();
    let server = Server::start(
        &[],
        &[
            ("VETASSIST_MASTER_KEY", &hex_key(0x55)),
            ("LD_PRELOAD", &library.to_string_lossy()),
            ("NO_RANDOMNESS", &switch.to_string_lossy()),
        ],
    );
    let mut db = server.database();
    let seal = "SELECT vetassist_encrypt_token('a token', '1266421b-a944-46cc-bc26-e3e89453b8cd')";
    let sealed: Vec<u8> = db.query_one(seal, &[]).unwrap().get(0);
    fs::write(&switch, "").unwrap();
    let mut nonces = vec![sealed[..12].to_vec()];
    let mut failed = 0;
    // The first seals use bytes that were drawn before. After them every seal fails.
    for _ in 0..200 {
        match db.query_one(seal, &[]) {
            Ok(row) => {
                assert_eq!(failed, 0, "a seal succeeded after one had failed");
                nonces.push(row.get::<_, Vec<u8>>(0)[..12].to_vec());
            }
            Err(error) => {
                assert!(!sqlstate(&error).starts_with("XX"), "{error:?}");
                failed += 1;
            }
        }
    }
    assert!(failed > 100, "only {failed} of 200 failed");
    nonces.sort();
    let drawn = nonces.len();
    nonces.dedup();
    assert_eq!(nonces.len(), drawn);
    assert!(db.query_one("SELECT vetassist_generate_key()", &[]).is_err());
    fs::remove_file(&switch).unwrap();
    db.query_one(seal, &[]).unwrap();
    fs::remove_dir_all(&folder).unwrap();
}
