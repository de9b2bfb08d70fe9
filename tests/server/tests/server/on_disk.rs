//! Looks for tokens and keys in the files of the server: none may be there in the clear.

use std::{fs, path::Path};

use uuid::Uuid;
use vetassist_core::KeyRing;
use vetassist_server_tests::{hex_key, sqlstate, KeyedServer};

fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => files(&entry.path(), found),
            Ok(kind) if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
}

/// Returns the files of the data directory that hold one of these texts, in any encoding that a database writes.
fn holders(folder: &Path, markers: &[&str]) -> Vec<String> {
    let mut paths = Vec::new();
    files(folder, &mut paths);
    assert!(paths
        .iter()
        .any(|path| path.parent().is_some_and(|parent| parent.ends_with("pg_wal"))));
    let spellings: Vec<Vec<u8>> = markers
        .iter()
        .flat_map(|marker| {
            let utf16 = marker.bytes().flat_map(|byte| [byte, 0]).collect();
            [
                marker.as_bytes().to_vec(),
                utf16,
                hex::encode(marker).into(),
                hex::encode_upper(marker).into(),
            ]
        })
        .collect();
    let holds = |path: &&std::path::PathBuf| {
        let bytes = fs::read(path).unwrap_or_default();
        spellings.iter().any(|spelling| memchr::memmem::find(&bytes, spelling).is_some())
    };
    paths.iter().filter(holds).map(|path| path.display().to_string()).collect()
}

#[test]
#[ignore = "takes seconds"]
fn no_file_of_the_server_has_a_token_or_key_in_the_clear() {
    let mut server = KeyedServer::start_with(&[
        ("wal_level", "logical"),
        ("full_page_writes", "on"),
        ("work_mem", "64kB"),
    ]);
    let ring = hex_key(0x11);
    let db = &mut server.db;
    let login = db
        .prepare("SELECT vetassist_login($1, $2, now() + '1 h', $1, now() + '1 h', refresh_token => $3, device_info => '{\"ip\": \"198.51.100.23\"}', ip => '198.51.100.23')")
        .unwrap();
    for number in 0..300 {
        // Some tokens are longer than a page.
        let token =
            format!("MARKER-ACCESS-{number}").repeat(1 + 300 * usize::from(number % 10 == 0));
        let refresh = format!("MARKER-REFRESH-{number}");
        db.query(&login, &[&format!("ICN{number}"), &token, &refresh]).unwrap();
    }
    db.batch_execute(
        "SELECT vetassist_store_tokens(id, 'MARKER-ACCESS-NEW', now()) FROM vetassist_users;
         SELECT vetassist_erase_user(id) FROM vetassist_users WHERE va_icn LIKE 'ICN2%'",
    )
    .unwrap();
    server.set_ring(&format!("{}\n{ring}\n", hex_key(0x99)));
    let db = &mut server.db;
    db.batch_execute("CALL vetassist_rotate_tokens()").unwrap();
    // A query that opens tokens may write temporary files, so this one needs no sorting.
    let opened = "SELECT count(vetassist_access_token(id)) FROM vetassist_users";
    assert!(db.query_one(opened, &[]).unwrap().get::<_, i64>(0) > 100);
    for statement in [
        "CREATE TABLE clear AS SELECT 'MARKER-IN-THE-CLEAR'::text AS marker",
        "VACUUM FULL",
        "CHECKPOINT",
        "SELECT pg_switch_wal()",
    ] {
        db.batch_execute(statement).unwrap();
    }
    let folder = server.data_dir();
    // The search finds text that is stored in the clear, in the table and in the WAL.
    assert!(holders(&folder, &["MARKER-IN-THE-CLEAR"]).len() >= 2);
    let sought = ["MARKER-ACCESS", "MARKER-REFRESH", "198.51.100.23", &ring, &hex_key(0x99)];
    assert_eq!(holders(&folder, &sought), [""; 0]);
    for sought in ["MARKER-ACCESS", "MARKER-REFRESH", "198.51.100.23"] {
        assert!(!server.log().contains(sought), "{sought} is in the log");
    }
}

/// The client passes sealed bytes as literals, as psycopg2 does, and the server logs all statements.
#[test]
#[ignore = "takes seconds"]
fn tokens_and_keys_of_a_sealing_client_are_in_no_file_log_or_statistics() {
    let mut server = KeyedServer::start_with(&[
        ("wal_level", "logical"),
        ("log_statement", "all"),
        ("log_min_duration_statement", "0"),
        ("log_parameter_max_length_on_error", "-1"),
        ("track_activity_query_size", "1048576"),
    ]);
    let keys = [0x77, 0x88].map(hex_key);
    let [ring, rotated] = [0, 1].map(|key| KeyRing::parse(keys[key].as_bytes()).unwrap());
    let seal = |ring: &KeyRing, user: Uuid, token: &str| {
        format!("'\\x{}'::bytea", hex::encode(ring.user(user).seal_token(token).unwrap()))
    };
    let mut watcher = server.connect();
    let mut statistics = String::new();
    let mut run = |statement: &str| -> Result<Vec<String>, postgres::Error> {
        let found = server.db.simple_query(statement).map(|messages| {
            let rows = messages.iter().filter_map(|message| match message {
                postgres::SimpleQueryMessage::Row(row) => Some(row.get(0)?.to_owned()),
                _ => None,
            });
            rows.collect()
        });
        let queries = "SELECT string_agg(query, ' ') FROM pg_stat_activity";
        statistics += watcher.query_one(queries, &[]).unwrap().get::<_, &str>(0);
        found
    };
    for number in 0..6 {
        let user = Uuid::from_u128(number + 1);
        let [access, refresh, later] = ["ACCESS", "REFRESH", "LATER"]
            .map(|kind| seal(&ring, user, &format!("MARKER-OF-{kind}")));
        let login = format!("SELECT vetassist_login_sealed('{user}', 'ICN{number}', {access}, now(), 'jti {number}', now() + '1 h', {refresh})");
        run(&login).unwrap();
        assert_eq!(sqlstate(&run(&login).unwrap_err()), "23505");
        let lease = run(&format!("SELECT lease_id FROM vetassist_use_token_sealed('{user}')"))
            .unwrap()
            .remove(0);
        let finish =
            format!("SELECT vetassist_finish_refresh_sealed('{lease}', {later}, now(), {refresh})");
        assert_eq!(run(&finish).unwrap(), ["stored"]);
        let anew = seal(&rotated, user, "MARKER-OF-ANEW");
        let reseal = format!("SELECT vetassist_reseal_page('{{{user}}}', ARRAY[{later}], ARRAY[{anew}], ARRAY[{refresh}], ARRAY[{anew}])");
        assert_eq!(run(&reseal).unwrap(), [user.to_string()]);
        if number % 2 == 0 {
            run(&format!("SELECT vetassist_disconnect_sealed('{user}'); SELECT vetassist_erase_user('{user}')")).unwrap();
        }
    }
    for statement in
        ["CREATE TABLE clear AS SELECT 'MARKER-IN-THE-CLEAR'::text AS marker", "CHECKPOINT"]
    {
        run(statement).unwrap();
    }
    let clear = "MARKER-IN-THE-CLEAR";
    assert!(statistics.contains(clear) && server.log().contains(clear));
    let folder = server.data_dir();
    assert!(holders(&folder, &[clear]).len() >= 2);
    let sought = ["MARKER-OF", &keys[0], &keys[1]];
    assert_eq!(holders(&folder, &sought), [""; 0]);
    let log = server.log().to_lowercase();
    for sought in sought {
        for spelt in [sought.to_lowercase(), hex::encode(sought)] {
            assert!(
                !log.contains(&spelt) && !statistics.to_lowercase().contains(&spelt),
                "{sought}"
            );
        }
    }
}
