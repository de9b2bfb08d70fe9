//! Measures the disk space that sealing takes.

use std::time::Instant;

use vetassist_server_tests::{
    audit_log::{seal, size},
    database,
};

/// The 176 bytes include the indexes.
#[test]
#[ignore = "takes seconds"]
fn sealing_a_row_takes_at_most_176_bytes() {
    // A million rows take a minute, and a row takes as many bytes.
    let rows: i64 = match std::env::var("VETASSIST_TEST_SEALED_ROWS") {
        Ok(rows) => rows.parse().unwrap(),
        Err(_) => 50_000,
    };
    let mut db = database();
    db.execute(
        "INSERT INTO vetassist_auth_audit (event_type, event_data, ip_hash, created_at)
         SELECT CASE n % 3 WHEN 0 THEN 'login' WHEN 1 THEN 'token_refreshed' ELSE 'login_failed' END,
                jsonb_build_object('by', 'vetassist_app', 'n', n), encode(sha256(int8send(n % 100000)), 'hex'),
                timestamptz '2025-01-01' + n * interval '17.123456 s'
         FROM generate_series(1, $1::bigint) AS n",
        &[&rows],
    )
    .unwrap();
    let began = Instant::now();
    seal(&mut db);
    let took = began.elapsed();
    assert_eq!(size(&mut db), rows);
    let bytes: i64 = db
        .query_one(
            "SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class AS c WHERE c.relname IN
                 ('vetassist_audit_leaves', 'vetassist_audit_nodes', 'vetassist_audit_head', 'vetassist_audit_pending', 'vetassist_audit_unsealable')",
            &[],
        )
        .unwrap()
        .get(0);
    println!(
        "{rows} rows in {:.1} s, {:.1} bytes a row",
        took.as_secs_f64(),
        bytes as f64 / rows as f64
    );
    assert!(bytes <= 176 * rows, "{bytes} bytes for {rows} rows");
}
