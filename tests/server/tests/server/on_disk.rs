//! Looks for tokens and keys in the files of the server: none may be there in the clear.

use std::{fs, path::Path};

use vetassist_server_tests::{hex_key, KeyedServer};

fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => files(&entry.path(), found),
            Ok(kind) if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
}

/// The files of the data directory that hold one of these texts, in any spelling that a database writes.
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
        spellings.iter().any(|spelling| {
            bytes
                .windows(spelling.len())
                .any(|window| window[0] == spelling[0] && window == spelling)
        })
    };
    paths.iter().filter(holds).map(|path| path.display().to_string()).collect()
}

#[test]
fn tokens_and_keys_reach_no_file() {
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
        // Longer than what goes into a page, too.
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
    // Opened, and sorted where there is too little memory for it: that is the query's own doing.
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
    // That what is there is found, in the table and in the log of its writing.
    assert!(holders(&folder, &["MARKER-IN-THE-CLEAR"]).len() >= 2);
    let sought = ["MARKER-ACCESS", "MARKER-REFRESH", "198.51.100.23", &ring, &hex_key(0x99)];
    assert_eq!(holders(&folder, &sought), [""; 0]);
    for sought in ["MARKER-ACCESS", "MARKER-REFRESH", "198.51.100.23"] {
        assert!(!server.log().contains(sought), "{sought} is in the log");
    }
}
