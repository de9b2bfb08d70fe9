//! Tests that a failure inside the library ends a statement and never a backend.

use std::fs;

use postgres::Client;
use vetassist_server_tests::{repository, sqlstate, KeyedServer, Server};

fn pid(db: &mut Client) -> i32 {
    db.query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0)
}

/// Rust panics if a superuser declares a function of the library with a wrong signature.
#[test]
fn a_panic_raises_an_error_and_the_backend_keeps_running() {
    let mut server = KeyedServer::start();
    let db = &mut server.db;
    db.batch_execute(
        "CREATE FUNCTION no_arguments() RETURNS bytea LANGUAGE c AS '$libdir/vetassist', 'vetassist_derive_user_key_wrapper';
         CREATE FUNCTION not_strict(bytea, uuid) RETURNS bytea LANGUAGE c AS '$libdir/vetassist', 'vetassist_derive_user_key_wrapper'",
    )
    .unwrap();
    let before = pid(db);
    for _ in 0..3 {
        for call in ["no_arguments()", "not_strict(sha256('k'), NULL)", "not_strict(NULL, NULL)"] {
            let error = db.simple_query(&format!("SELECT {call}")).unwrap_err();
            assert_eq!(sqlstate(&error), "XX000", "{call}: {error:?}");
            // The error can be caught in a subtransaction.
            let caught = format!(
                "DO $$ BEGIN PERFORM {call}; RAISE 'it did not fail'; EXCEPTION WHEN internal_error THEN NULL; END $$"
            );
            db.batch_execute(&caught).unwrap();
        }
        // The failed call released its state.
        let sealed = "SELECT vetassist_decrypt_token(vetassist_encrypt_token('a token', u), u) FROM gen_random_uuid() AS u";
        assert_eq!(db.query_one(sealed, &[]).unwrap().get::<_, &str>(0), "a token");
    }
    assert_eq!(pid(db), before);
    let log = server.log();
    assert!(log.contains("unboxing") || log.contains("None"), "{log}");
    assert!(!log.contains("terminated by signal"), "{log}");
}

/// The guard catches panics. The C library calls one function, `forked`, which does not panic.
#[test]
fn every_function_that_postgresql_calls_has_pg_guard() {
    let mut paths = vec![repository().join("crates/vetassist-pg/src")];
    let mut seen = 0;
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            paths.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let source = fs::read_to_string(path).unwrap();
        for item in syn::parse_file(&source).unwrap().items {
            let syn::Item::Fn(function) = item else { continue };
            let Some(abi) = &function.sig.abi else { continue };
            let name = function.sig.ident.to_string();
            let guarded = function.attrs.iter().any(|attr| attr.path().is_ident("pg_guard"));
            let unwinds = abi.name.as_ref().is_some_and(|name| name.value() == "C-unwind");
            assert!((guarded && unwinds) || name == "forked", "{name}");
            seen += 1;
        }
    }
    assert!(seen >= 5, "{seen}");
    let manifest = fs::read_to_string(repository().join("Cargo.toml")).unwrap();
    let release = manifest.split("[profile.release]").nth(1).unwrap();
    assert!(release.split("\n[").next().unwrap().contains("panic = \"unwind\""));
}

/// Limits the address space of the backend to its current size plus this number of bytes.
fn limit(server: &Server, db: &mut Client, more: u64) {
    let pid = pid(db);
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    let size: u64 = size.split_whitespace().next().unwrap().parse().unwrap();
    let limit = size * 1024 + more;
    server.run_as_server_user(&format!("prlimit --pid {pid} --as={limit}:{limit}"));
}

/// Rust aborts the process if an allocation fails; PostgreSQL fails the statement.
#[test]
#[ignore = "takes seconds"]
fn a_backend_that_is_out_of_memory_keeps_working() {
    const USER: &str = "'1266421b-a944-46cc-bc26-e3e89453b8cd'";
    let server = KeyedServer::start();
    // Text is copied in every encoding, whether it is converted or not.
    for name in ["utf8", "latin1", "sql_ascii"] {
        let create =
            format!("CREATE DATABASE {name} ENCODING '{name}' LOCALE 'C' TEMPLATE template0");
        server.connect().batch_execute(&create).unwrap();
        let mut db = server.connect_to(name);
        db.batch_execute("CREATE EXTENSION vetassist").unwrap();
        // First calls allocate memory that stays, before memory is limited.
        let seal = |len: u32| {
            format!("SELECT length(vetassist_encrypt_token(repeat('x', {len}), {USER}))")
        };
        let open = |len: u32| {
            format!("SELECT length(vetassist_decrypt_token(vetassist_encrypt_token(repeat('x', {len}), {USER}), {USER}))")
        };
        let metadata = |len: u32| {
            format!("SELECT vetassist_log_event('an event', NULL, jsonb_build_object('a', repeat(E'\\x01', {len})))")
        };
        for statement in [seal(10), open(10), metadata(10)] {
            db.simple_query(&statement).unwrap();
        }
        let before = pid(&mut db);
        limit(&server, &mut db, 60 << 20);
        let mut failed = 0;
        for len in [10_000, 20_000_000, 40_000_000, 60_000_000, 100_000_000] {
            for statement in [seal(len), open(len), metadata(len / 8)] {
                match db.simple_query(&statement) {
                    Ok(_) => {}
                    Err(error) => {
                        let state = sqlstate(&error);
                        assert!(["53200", "54000"].contains(&state), "{name} {len}: {error:?}");
                        failed += u32::from(state == "53200");
                    }
                }
            }
        }
        assert!(failed >= 4, "{name}: memory was not short");
        assert_eq!(pid(&mut db), before);
        db.simple_query(&open(1000)).unwrap();
    }
    assert!(!server.log().contains("terminated by signal"));
}
