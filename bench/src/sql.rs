//! Measures the functions in SQL: the time for each row, less the time of the scan.

use std::{cell::RefCell, time::Instant};

use anyhow::{anyhow, Result};
use postgres::Client;
use vetassist_core::{Key, NoncePool, Uuid, OVERHEAD};

use crate::{
    measure::{compared, difference, in_turns, Case, Effort, Times},
    report::Comparison,
    server::{execute, identity_library, sql_error, vacuum, Server},
};

const FAMILY: &str = "sql";
/// The user of all rows of the table `one_user`.
const ONE: &str = "'1bb044aa-ded1-40c7-8a88-433e74903f95'";
/// The target for the time of a derivation, in nanoseconds.
const DERIVATION: f64 = 350.0;

/// The sizes of payloads, their labels, and the numbers of rows of a query.
const SIZES: [(usize, &str, usize); 4] = [
    (32, "32 B", 100_000),
    (1024, "1 KiB", 60_000),
    (4096, "4 KiB", 20_000),
    (65_536, "64 KiB", 1500),
];

/// Queries on the tables `texts`, `bytes`, `cbc`, `sealed` and `one_user`. Each table has a payload `x`, and a user
/// `u` if the query needs one.
const QUERIES: [(&str, &str); 12] = [
    // These fetch the payload from where it is stored, as every function does.
    ("scan texts", "SELECT count(ascii(x)) FROM texts"),
    ("scan bytes", "SELECT count(get_byte(x, 0)) FROM bytes"),
    ("scan cbc", "SELECT count(get_byte(x, 0)) FROM cbc"),
    ("scan sealed", "SELECT count(get_byte(x, 0)) FROM sealed"),
    ("encrypt_token", "SELECT count(vetassist_encrypt_token(x, u)) FROM texts"),
    ("decrypt_token", "SELECT count(vetassist_decrypt_token(x, u)) FROM sealed"),
    ("encrypt_iv", "SELECT count(encrypt_iv(x, {key}, {iv}, 'aes-cbc')) FROM bytes"),
    ("encrypt_iv + hmac", "SELECT count(hmac(encrypt_iv(x, {key}, {iv}, 'aes-cbc'), {key}, 'sha256')) FROM bytes"),
    ("decrypt_iv", "SELECT count(decrypt_iv(x, {key}, {iv}, 'aes-cbc')) FROM cbc"),
    ("decrypt_iv + hmac", "SELECT count(hmac(x, {key}, 'sha256')), count(decrypt_iv(x, {key}, {iv}, 'aes-cbc')) FROM cbc"),
    ("pgp_sym_encrypt", "SELECT count(pgp_sym_encrypt(x, {key})) FROM (SELECT x FROM texts LIMIT {few}) AS t"),
    ("pgp_sym_decrypt", "SELECT count(pgp_sym_decrypt(x, {key})) FROM pgp"),
];

const TABLES: [&str; 6] = ["texts", "bytes", "cbc", "sealed", "one_user", "pgp"];

/// Queries on the same tables that measure the parts of a call.
const PARTS: [(&str, &str); 4] = [
    ("scan one", "SELECT count(get_byte(x, 0)) FROM one_user"),
    ("encrypt_token, one user", "SELECT count(vetassist_encrypt_token(x, {one})) FROM texts"),
    ("decrypt_token, one user", "SELECT count(vetassist_decrypt_token(x, {one})) FROM one_user"),
    ("identity", "SELECT count(identity(x)) FROM bytes"),
];
/// The largest size whose parts are reported. For larger payloads the noise exceeds the parts.
const LARGEST_WITH_PARTS: usize = 4096;

/// The number of rows for the slowest queries.
const FEW: usize = 200;

pub(crate) fn run(server: &Server, effort: Effort) -> Result<Vec<Comparison>> {
    let db = Db(RefCell::new(server.database("bench_sql")?));
    let library = identity_library()?;
    db.execute(&format!(
        "CREATE EXTENSION pgcrypto;
         CREATE FUNCTION identity(bytea) RETURNS bytea LANGUAGE c STRICT VOLATILE PARALLEL SAFE
         AS '{library}', 'identity_wrapper'"
    ))?;
    let mut found = Vec::new();
    for (size, label, rows) in SIZES {
        let rows = effort.of(rows, 2 * FEW);
        db.fill(size, rows)?;
        // The queries must outlive the cases.
        let has_parts = size <= LARGEST_WITH_PARTS;
        let parts = PARTS.iter().filter(|_| has_parts);
        let queries: Vec<_> =
            QUERIES.iter().chain(parts).map(|(name, query)| (*name, bound(query))).collect();
        let mut cases: Vec<_> = queries
            .iter()
            .map(|(name, query)| {
                let rows = if name.starts_with("pgp") { FEW } else { rows };
                let db = &db;
                Case::new(name, move || db.nanoseconds(query, rows))
            })
            .collect();
        if has_parts {
            cases.extend(in_process(effort, size)?);
        }
        let times = in_turns(effort, cases)?;
        found.extend(tokens(&times, size, label));
        if has_parts {
            found.extend(parts_of_calls(&times, label));
        }
    }
    found.extend(addresses(&db, effort)?);
    found.extend(old_keys(server, &db, effort)?);
    Ok(found)
}

fn bound(query: &str) -> String {
    query
        .replace("{one}", ONE)
        .replace("{key}", "'0123456789abcdef0123456789abcdef'")
        .replace("{iv}", "'0123456789abcdef'")
        .replace("{few}", &FEW.to_string())
}

/// A connection that several cases share.
struct Db(RefCell<Client>);

impl Db {
    fn execute(&self, sql: &str) -> Result<()> {
        execute(&mut self.0.borrow_mut(), sql)
    }

    /// Returns the time of a row of a query.
    fn nanoseconds(&self, query: &str, rows: usize) -> Result<f64> {
        let started = Instant::now();
        self.0.borrow_mut().query(query, &[]).map_err(sql_error)?;
        Ok(started.elapsed().as_secs_f64() * 1e9 / rows as f64)
    }

    fn fill(&self, size: usize, rows: usize) -> Result<()> {
        // Text of this length that does not repeat.
        let text = format!("substr(repeat(md5(i::text), {}), 1, {size})", size / 32 + 1);
        // Payloads are stored uncompressed.
        let external: String = TABLES
            .iter()
            .map(|table| format!("ALTER TABLE {table} ALTER x SET STORAGE external;"))
            .collect();
        self.execute(&bound(&format!(
            "DROP TABLE IF EXISTS {};
             CREATE UNLOGGED TABLE texts (u uuid, x text);
             CREATE UNLOGGED TABLE bytes (x bytea);
             CREATE UNLOGGED TABLE cbc (x bytea);
             CREATE UNLOGGED TABLE sealed (u uuid, x bytea);
             CREATE UNLOGGED TABLE one_user (x bytea);
             CREATE UNLOGGED TABLE pgp (x bytea);
             {external}
             INSERT INTO texts SELECT gen_random_uuid(), {text} FROM generate_series(1, {rows}) AS i;
             INSERT INTO bytes SELECT convert_to(x, 'UTF8') FROM texts;
             INSERT INTO cbc SELECT encrypt_iv(x, {{key}}, {{iv}}, 'aes-cbc') FROM bytes;
             INSERT INTO sealed SELECT u, vetassist_encrypt_token(x, u) FROM texts;
             INSERT INTO one_user SELECT vetassist_encrypt_token(x, {{one}}) FROM texts;
             INSERT INTO pgp SELECT pgp_sym_encrypt(x, {{key}}) FROM texts LIMIT {{few}}",
            TABLES.join(", "),
        )))?;
        vacuum(&mut self.0.borrow_mut(), &TABLES)
    }
}

/// Returns the cases of the core's work, in this process.
fn in_process<'a>(effort: Effort, size: usize) -> Result<[Case<'a>; 2]> {
    let plaintext = vec![7; size];
    let one: Uuid = ONE.trim_matches('\'').parse().map_err(|_| anyhow!("{ONE} is no UUID"))?;
    let user_key = || -> Key { Server::master_key().derive_user_key(&one) };
    let key = user_key();
    let sealed = key.seal(&plaintext, b"").map_err(|error| anyhow!("{error}"))?;
    let (mut pool, mut target) = (NoncePool::new(), vec![0; size + OVERHEAD]);
    let seal = move || {
        let nonce = pool.draw(0).expect("the system gives randomness");
        key.seal_into(nonce, &plaintext, b"", &mut target).expect("the buffer fits");
    };
    let (key, mut opened) = (user_key(), vec![0; size]);
    let open = move || key.open_into(&sealed, b"", &mut opened).expect("it opens");
    Ok([Case::call("core seal", effort, seal), Case::call("core open", effort, open)])
}

/// Compares the functions of vetassist with those of pgcrypto.
fn tokens(times: &Times, size: usize, label: &str) -> Vec<Comparison> {
    // The targets beside pgcrypto are for 1 KiB.
    let at = |target: f64| (size == 1024).then_some(target);
    let mut found = Vec::new();
    let encrypt = times.less("encrypt_token", "scan texts");
    let decrypt = times.less("decrypt_token", "scan sealed");
    let pairs = [
        ("encrypt_token", &encrypt, "encrypt_iv", "scan bytes", at(0.75)),
        ("encrypt_token", &encrypt, "encrypt_iv + hmac", "scan bytes", at(0.45)),
        ("encrypt_token", &encrypt, "pgp_sym_encrypt", "scan texts", at(0.01)),
        ("decrypt_token", &decrypt, "decrypt_iv", "scan cbc", at(0.75)),
        ("decrypt_token", &decrypt, "decrypt_iv + hmac", "scan cbc", at(0.45)),
        ("decrypt_token", &decrypt, "pgp_sym_decrypt", "scan sealed", at(0.01)),
    ];
    for (name, ours, other, scan, target) in pairs {
        let theirs = times.less(other, scan);
        found.push(compared(FAMILY, label, (name, ours.clone()), (other, theirs), target));
    }
    found
}

/// Compares the cost of deriving a user's key, and of a call beside the core's work.
fn parts_of_calls(times: &Times, label: &str) -> Vec<Comparison> {
    let mut found = Vec::new();
    for (name, scan, one_scan, core) in [
        ("encrypt_token", "scan texts", "scan texts", "core seal"),
        ("decrypt_token", "scan sealed", "scan one", "core open"),
    ] {
        let one = times.less(&format!("{name}, one user"), one_scan);
        let another = times.less(name, scan);
        let derived = difference(&another, &one);
        let allowed = vec![DERIVATION; derived.len()];
        let what = format!("{label}: deriving a user's key in {name}");
        found.push(compared(
            FAMILY,
            &what,
            ("random users less one user", derived),
            ("allowed", allowed),
            Some(1.0),
        ));
        let overhead = difference(&one, &times.of(core));
        let identity = times.less("identity", "scan bytes");
        let what = format!("{label}: {name} less the core's work in process");
        found.push(compared(
            FAMILY,
            &what,
            ("one user", overhead),
            ("a pgrx identity function", identity),
            Some(2.0),
        ));
    }
    found
}

fn addresses(db: &Db, effort: Effort) -> Result<Vec<Comparison>> {
    let rows = effort.of(200_000, 1000);
    db.execute(&format!(
        "CREATE UNLOGGED TABLE addresses AS
         SELECT CASE WHEN i % 4 = 0 THEN '2001:db8::'::inet ELSE '10.0.0.0'::inet END + i AS ip
         FROM generate_series(1, {rows}) AS i"
    ))?;
    vacuum(&mut db.0.borrow_mut(), &["addresses"])?;
    let query = |name, expression: &str| {
        let query = format!("SELECT count({expression}) FROM addresses");
        Case::new(name, move || db.nanoseconds(&query, rows))
    };
    let times = in_turns(
        effort,
        vec![
            query("scan", "family(ip)"),
            query("ours", "vetassist_hash_ip(ip)"),
            query("keyed", "vetassist_hash_ip_keyed(ip)"),
            query("sha256", "encode(sha256(convert_to(host(ip), 'UTF8')), 'hex')"),
        ],
    )?;
    let sha256 =
        ("encode(sha256(convert_to(host(ip), 'UTF8')), 'hex')", times.less("sha256", "scan"));
    let ours = ("vetassist_hash_ip", times.less("ours", "scan"));
    let keyed = ("vetassist_hash_ip_keyed", times.less("keyed", "scan"));
    Ok(vec![
        compared(FAMILY, "an address", ours, sha256.clone(), Some(0.8)),
        compared(FAMILY, "an address", keyed, sha256, None),
    ])
}

/// Compares opening with the only key of a ring and with the last of sixteen keys.
fn old_keys(server: &Server, db: &Db, effort: Effort) -> Result<Vec<Comparison>> {
    let rows = effort.of(60_000, 400);
    db.fill(1024, rows)?;
    let sixteen: Vec<u8> = (2..=16).chain([1]).collect();
    // The time for reading the ring is not measured.
    let open = |name, ring: Vec<u8>, query: &'static str| {
        Case::new(name, move || {
            server.ring(&ring)?;
            db.execute("SELECT vetassist_reload_keys()")?;
            db.nanoseconds(&bound(query), rows)
        })
    };
    let query = |name: &str| {
        QUERIES
            .iter()
            .chain(&PARTS)
            .find(|(known, _)| *known == name)
            .map_or("", |(_, query)| *query)
    };
    let cases = vec![
        Case::new("scan sealed", || db.nanoseconds(query("scan sealed"), rows)),
        Case::new("scan one", || db.nanoseconds(query("scan one"), rows)),
        open("newest", vec![1], query("decrypt_token")),
        open("oldest", sixteen.clone(), query("decrypt_token")),
        open("newest, one user", vec![1], query("decrypt_token, one user")),
        open("oldest, one user", sixteen, query("decrypt_token, one user")),
    ];
    let times = in_turns(effort, cases)?;
    server.ring(&[1])?;
    db.execute("SELECT vetassist_reload_keys()")?;
    let pair = |oldest, newest, scan, what| {
        let ours = ("the oldest of 16 keys", times.less(oldest, scan));
        compared(FAMILY, what, ours, ("the only key", times.less(newest, scan)), None)
    };
    Ok(vec![
        pair("oldest", "newest", "scan sealed", "1 KiB: opening for random users"),
        pair("oldest, one user", "newest, one user", "scan one", "1 KiB: opening for one user"),
    ])
}
