//! Rotating keys: reseals every token that the current key did not seal. No plaintext leaves this module.

use std::time::{Duration, Instant};

use pgrx::{datum::DatumWithOid, pg_extern, pg_sys, spi::SpiClient, Uuid as PgUuid};
use vetassist_core::{opened_len, Reseal};

use super::{
    batches::{Batches, Progress},
    known_keys,
};
use crate::{
    errors::{warn, Result, SqlResult},
    keyring::{self, with_ring},
    statements::{failed, one},
    values::{Bytea, Bytes, Uuid, WipedBytea},
};

/// The longest wait for rows that other transactions have locked.
const PATIENCE: Duration = Duration::from_secs(30);

/// The most users that warnings name because no key opens their tokens.
const MOST_NAMED: usize = 100;

/// Reseals the tokens that the current key did not seal, in batches.
#[pg_extern(sql = false)]
fn vetassist_rotate_tokens(
    batch_size: Option<i32>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> SqlResult<()> {
    const USUAL: &str = "Leave it out for its default, 1000.";
    let call = c"CALL vetassist_rotate_tokens()";
    let batches = Batches::begin(fcinfo, call, batch_size, USUAL)?;
    // Without a ring, the call fails here and not half-way.
    with_ring(|_, _| Ok(()))?;
    let schema = &batches.schema;
    let total = batches.run(|client| {
        let count = format!("SELECT count(*) FROM {schema}.vetassist_va_tokens");
        one(client.select(&count, Some(1), &[]).and_then(|rows| rows.first().get_one()))
    })?;
    let mut progress = Progress::new("of them resealed", total);
    let mut rotation = Rotation::default();

    let mut after = None;
    loop {
        let batch =
            batches.run(|client| rotate(client, schema, Rows::After(after, batches.size)))?;
        progress.add(batch.seen, batch.rotated);
        rotation.add(&batch);
        after = batch.last;
        if batch.seen < batches.size {
            break;
        }
    }
    // Rows that other transactions had locked are tried again.
    let began = Instant::now();
    while !rotation.held.is_empty() && began.elapsed() < PATIENCE {
        let at_once = rotation.held.len().min(usize::try_from(batches.size).unwrap_or(1));
        let again: Vec<_> = rotation.held.drain(..at_once).collect();
        let batch = batches.run(|client| {
            client.select("SELECT pg_sleep(0.1)", None, &[]).map_err(failed)?;
            rotate(client, schema, Rows::These(again))
        })?;
        progress.add(0, batch.rotated);
        rotation.add(&batch);
    }
    progress.report();
    rotation.warn();
    let (held, unopened) = (rotation.held.len(), rotation.unopened);
    batches.run(|client| {
        if progress.changed() > 0 {
            known_keys::note(client)?;
        }
        let event = format!(
            "INSERT INTO {schema}.vetassist_auth_audit (event_type, event_data) VALUES ('keys_rotated',
                 jsonb_build_object('by', session_user, 'count', $1, 'held', $2, 'unopened', $3))"
        );
        let counts = [progress.changed(), as_i64(held), as_i64(unopened)];
        client.update(&event, None, &counts.map(DatumWithOid::from)).map(|_| ()).map_err(failed)
    })?;
    batches.end();
    Ok(())
}

fn as_i64(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The result of all batches so far, besides their progress.
#[derive(Default)]
struct Rotation {
    /// The users whose row another transaction has locked.
    held: Vec<PgUuid>,
    /// The number of rows that were not changed because no key of the ring opens one of their tokens.
    unopened: usize,
}

impl Rotation {
    fn add(&mut self, batch: &Batch) {
        self.held.extend(&batch.held);
        let left = MOST_NAMED.saturating_sub(self.unopened);
        for user in batch.unopened.iter().take(left) {
            warn(
                format!("no key of the ring opens the tokens of user {user}"),
                "The row was not changed. Put the key that sealed it back into the ring, or let the user sign in again.",
            );
        }
        self.unopened += batch.unopened.len();
    }

    /// Warns of rows that were not rotated.
    fn warn(&self) {
        if self.unopened > 0 {
            warn(
                format!(
                    "{} rows were not changed because no key of the ring opens them",
                    self.unopened
                ),
                "SELECT * FROM vetassist_rotation_status() shows their users.",
            );
        }
        if !self.held.is_empty() {
            warn(
                format!("{} rows are still locked by other transactions", self.held.len()),
                "Call vetassist_rotate_tokens() again when they have ended.",
            );
        }
    }
}

/// The rows of a batch.
enum Rows {
    /// At most this many rows, after this user.
    After(Option<PgUuid>, i32),
    /// The rows of these users.
    These(Vec<PgUuid>),
}

/// The result of a batch.
struct Batch {
    seen: i32,
    /// The last user, or none if there is no row.
    last: Option<PgUuid>,
    rotated: i32,
    held: Vec<PgUuid>,
    unopened: Vec<PgUuid>,
}

/// Reseals the tokens of some rows that the current key did not seal.
fn rotate(client: &mut SpiClient<'_>, schema: &str, rows: Rows) -> Result<Batch> {
    let (which, arguments): (&str, [DatumWithOid<'_>; 2]) = match rows {
        Rows::After(user, how_many) => (
            "$1 IS NULL OR t.user_id > $1 ORDER BY t.user_id LIMIT $2 OFFSET 0",
            [user.into(), how_many.into()],
        ),
        Rows::These(users) => {
            ("t.user_id = ANY ($1) LIMIT $2 OFFSET 0", [users.into(), DatumWithOid::null::<i32>()])
        }
    };
    // A ctid belongs to one version of a row. If a sign-in changed the row before it was locked, there is a newer version
    // with another ctid. That version stays as it is, and the row is tried again. `||` reads a value that is stored outside
    // its row once, and not for each use of it; OFFSET 0 keeps each expression from being evaluated more than once.
    let statement = format!(
        "WITH judged AS MATERIALIZED (
             SELECT l.place, l.user_id, l.new_access, l.new_refresh,
                    {schema}.vetassist_tokens_digest(l.access, l.refresh) AS old,
                    {schema}.vetassist_tokens_digest(l.new_access, l.new_refresh) AS new,
                    CASE WHEN l.new_access IS NULL OR (l.new_refresh IS NULL AND l.refresh IS NOT NULL) THEN 'unopened'
                         WHEN l.new_access = l.access AND l.new_refresh IS NOT DISTINCT FROM l.refresh THEN 'current'
                         ELSE 'held' END AS outcome
             FROM (SELECT s.place, s.user_id, s.access, s.refresh,
                          {schema}.vetassist_reseal_token(s.access::bytea, s.user_id::uuid) AS new_access,
                          {schema}.vetassist_reseal_token(s.refresh::bytea, s.user_id::uuid) AS new_refresh
                   FROM (SELECT t.ctid AS place, t.user_id, t.access_token_encrypted || ''::bytea AS access,
                                t.refresh_token_encrypted || ''::bytea AS refresh
                         FROM {schema}.vetassist_va_tokens AS t WHERE {which}) AS s OFFSET 0) AS l
         ), locked AS MATERIALIZED (
             SELECT t.ctid AS place FROM {schema}.vetassist_va_tokens AS t
             WHERE t.ctid = ANY (ARRAY(SELECT j.place FROM judged AS j WHERE j.outcome = 'held'))
             FOR UPDATE SKIP LOCKED
         ), rotated AS (
             UPDATE {schema}.vetassist_va_tokens AS t
             SET access_token_encrypted = j.new_access, refresh_token_encrypted = j.new_refresh
             FROM locked AS l JOIN judged AS j ON j.place = l.place
             WHERE t.ctid = l.place
             RETURNING t.user_id, j.old, j.new
         )
         SELECT count(*)::int, (array_agg(j.user_id ORDER BY j.user_id DESC))[1], count(r.user_id)::int,
                coalesce(array_agg(j.user_id ORDER BY j.user_id) FILTER (WHERE j.outcome = 'held' AND r.user_id IS NULL), '{{}}'),
                coalesce(array_agg(j.user_id ORDER BY j.user_id) FILTER (WHERE j.outcome = 'unopened'), '{{}}'),
                coalesce(array_agg(r.user_id) FILTER (WHERE r.user_id IS NOT NULL), '{{}}'),
                coalesce(array_agg(r.old) FILTER (WHERE r.user_id IS NOT NULL), '{{}}'),
                coalesce(array_agg(r.new) FILTER (WHERE r.user_id IS NOT NULL), '{{}}')
         FROM judged AS j LEFT JOIN rotated AS r ON r.user_id = j.user_id"
    );
    let rows = client.update(&statement, Some(1), &arguments).map_err(failed)?.first();
    let rotated: Vec<PgUuid> = one(rows.get(6))?;
    let (old, new): (Vec<String>, Vec<String>) = (one(rows.get(7))?, one(rows.get(8))?);
    if !rotated.is_empty() {
        // A new statement sees leases that were taken before the rows were locked.
        let follow = format!("SELECT {schema}.vetassist_follow_reseal($1, $2, $3)");
        let changed = [rotated.into(), old.into(), new.into()];
        client.update(&follow, None, &changed).map_err(failed)?;
    }
    Ok(Batch {
        seen: one(rows.get(1))?,
        last: rows.get(2).map_err(failed)?,
        rotated: one(rows.get(3))?,
        held: one(rows.get(4))?,
        unopened: one(rows.get(5))?,
    })
}

/// Returns a user's token sealed under the current key: the same bytes if the current key sealed them, new bytes if another
/// key of the ring did, and NULL if no key opens it.
#[pg_extern(volatile, strict, parallel_safe, sql = false)]
fn vetassist_rotate_token(sealed: Bytes<'_>, user_id: Uuid) -> SqlResult<Option<Bytea>> {
    let sealed = sealed.as_slice();
    let (outcome, mut resealed) = reseal(sealed, user_id)?;
    if outcome == Reseal::Current {
        resealed.as_mut_slice().copy_from_slice(sealed);
    }
    Ok((outcome != Reseal::Unopened).then_some(resealed))
}

/// Returns a user's token resealed under the current key. Returns NULL if the current key sealed it already, or if no key of
/// the ring opens it. Versions before 0.3.0 call it.
#[pg_extern(volatile, strict, parallel_safe, sql = false)]
fn vetassist_reseal_token(sealed: Bytes<'_>, user_id: Uuid) -> SqlResult<Option<Bytea>> {
    let (outcome, resealed) = reseal(sealed.as_slice(), user_id)?;
    Ok((outcome == Reseal::Resealed).then_some(resealed))
}

/// Opens a token once, and reseals it if the current key did not seal it.
fn reseal(sealed: &[u8], user_id: Uuid) -> Result<(Reseal, Bytea)> {
    let mut resealed = Bytea::zeroed(sealed.len())?;
    let outcome = with_ring(|session, _| {
        Ok(session.reseal_token_into(
            user_id.0,
            sealed,
            resealed.as_mut_slice(),
            keyring::forks(),
        )?)
    })?;
    Ok((outcome, resealed))
}

/// Returns the position, from 1, of the key that sealed a user's token; 0 if no key of the ring did.
#[pg_extern(stable, strict, parallel_safe, sql = false)]
fn vetassist_token_key(sealed: Bytes<'_>, user_id: Uuid) -> SqlResult<i32> {
    let sealed = sealed.as_slice();
    let position = with_ring(|session, _| {
        let Ok(len) = opened_len(sealed) else { return Ok(None) };
        let mut token = WipedBytea(Bytea::zeroed(len)?);
        Ok(session.token_key(user_id.0, sealed, token.0.as_mut_slice())?)
    })?;
    Ok(position.map_or(0, |position| i32::try_from(position).unwrap_or(i32::MAX).saturating_add(1)))
}
