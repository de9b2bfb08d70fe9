//! Measures rotation, beside a bare UPDATE of the same bytes in the same batches.

use std::{
    cell::{Cell, RefCell},
    time::Instant,
};

use anyhow::Result;
use postgres::Client;

use super::{family::FAMILY, memory};
use crate::{
    measure::{compared, in_turns, Case, Effort},
    report::Comparison,
    server::{execute, vacuum, Server},
};

/// Writes every token again, unchanged, and commits after each batch.
const BARE: &str = "
    CREATE PROCEDURE bare_update(batch_size integer) LANGUAGE plpgsql AS $$
    DECLARE
        after uuid := '00000000-0000-0000-0000-000000000000';
        page uuid[];
    BEGIN
        LOOP
            SELECT array_agg(p.user_id ORDER BY p.user_id) INTO page
            FROM (SELECT user_id FROM vetassist_va_tokens WHERE user_id > after ORDER BY user_id LIMIT batch_size) AS p;
            EXIT WHEN page IS NULL;
            UPDATE vetassist_va_tokens
            SET access_token_encrypted = access_token_encrypted || ''::bytea,
                refresh_token_encrypted = refresh_token_encrypted || ''::bytea
            WHERE user_id = ANY (page);
            COMMIT;
            after := page[cardinality(page)];
        END LOOP;
    END $$";

pub(super) fn run(server: &Server, effort: Effort) -> Result<Vec<Comparison>> {
    let rows = effort.of(50_000, 300);
    let mut db = server.database("bench_rotation")?;
    execute(&mut db, BARE)?;
    fill(&mut db, rows)?;
    let db = RefCell::new(db);
    let newest = Cell::new(1);
    let timed = |sql: &str| {
        let mut db = db.borrow_mut();
        // Each run begins with a table without dead rows, and with no buffers waiting to be written.
        execute(&mut db, "VACUUM FULL vetassist_va_tokens")?;
        execute(&mut db, "CHECKPOINT")?;
        let started = Instant::now();
        execute(&mut db, sql)?;
        Ok(started.elapsed().as_secs_f64() * 1e9 / rows as f64)
    };
    let turn = || {
        let old = newest.replace(3 - newest.get());
        server.ring(&[3 - old, old])?;
        execute(&mut db.borrow_mut(), "SELECT vetassist_reload_keys()")
    };
    let cases = vec![
        Case::new("rotation", || {
            turn()?;
            timed("CALL vetassist_rotate_tokens(1000)")
        }),
        Case::new("bare", || timed("CALL bare_update(1000)")),
    ];
    let times = in_turns(effort, cases)?;
    let rotation = ("vetassist_rotate_tokens", times.of("rotation"));
    let mut found = vec![compared(
        FAMILY,
        "sealing a row's two tokens again, 1000 at a time",
        rotation,
        ("a bare UPDATE", times.of("bare")),
        Some(1.5),
    )];
    server.ring(&[1])?;
    found.push(memory(server, effort)?);
    Ok(found)
}

/// Compares the backend's private memory at two sizes.
fn memory(server: &Server, effort: Effort) -> Result<Comparison> {
    let mut peaks = Vec::new();
    for rows in [effort.of(1_000_000, 400), effort.of(10_000, 200)] {
        let database = format!("bench_memory_{rows}");
        fill(&mut server.database(&database)?, rows)?;
        server.ring(&[2, 1])?;
        peaks
            .push(memory::peak(&mut server.connect(&database)?, "CALL vetassist_rotate_tokens()")?);
        server.ring(&[1])?;
    }
    Ok(Comparison {
        family: FAMILY.into(),
        what: "most private memory of a rotation".into(),
        ours: "1 million rows".into(),
        other: "10 thousand rows".into(),
        unit: "B".into(),
        target: Some(1.2),
        rounds: vec![[peaks[0], peaks[1]]],
    })
}

/// Creates users with two tokens of a kibibyte each.
fn fill(db: &mut Client, rows: usize) -> Result<()> {
    execute(
        db,
        &format!(
            "SET session_replication_role = replica;
             INSERT INTO vetassist_users (va_icn) SELECT 'user ' || i FROM generate_series(1, {rows}) AS i;
             INSERT INTO vetassist_va_tokens (user_id, access_token_encrypted, refresh_token_encrypted, expires_at)
             SELECT id, vetassist_encrypt_token(repeat('a', 1024), id), vetassist_encrypt_token(repeat('r', 1024), id),
                    now() + interval '1 hour'
             FROM vetassist_users;
             RESET session_replication_role"
        ),
    )?;
    vacuum(db, &["vetassist_users", "vetassist_va_tokens"])
}
