//! Changes of the audit trail that its guard allows: purging rows and clearing them.

use pgrx::{datum::TimestampWithTimeZone, pg_extern, search_path, spi::SpiClient, PgSqlErrorCode};

use super::audit_guard::{announce, Change};
use crate::{
    errors::{Error, Result, SqlResult},
    settings,
    statements::{connected, failed, internal, is_current, one, own_schema},
};

/// Deletes a batch of rows that are older than the cutoff, oldest first, and writes an event. Refuses a cutoff that
/// `vetassist.audit_min_retention` does not allow.
#[pg_extern(volatile, strict, parallel_unsafe, sql = false)]
#[search_path(pg_catalog, pg_temp)]
fn vetassist_purge_audit_batch(cutoff: TimestampWithTimeZone, max_rows: i32) -> SqlResult<i32> {
    let retention = settings::audit_min_retention()?;
    connected(|client| {
        // The comparison is in UTC, because the caller can set the time zone.
        let is_young = client
            .select(
                "SELECT $1 > (statement_timestamp() AT TIME ZONE 'UTC' - $2) AT TIME ZONE 'UTC'",
                Some(1),
                &[cutoff.into(), retention.into()],
            )
            .and_then(|rows| rows.first().get_one::<bool>())
            .map_err(failed)?;
        if is_young != Some(false) {
            return Err(Error::new(
                PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
                "older_than is shorter than vetassist.audit_min_retention",
                "Pass a longer interval, or have a superuser change the setting. Nothing was purged.",
            ));
        }
        let schema = own_schema(client)?;
        let deleted = purge(client, &schema, cutoff, max_rows)?;
        if deleted > 0 {
            let statement = format!(
                "INSERT INTO {schema}.vetassist_auth_audit (event_type, event_data)
                 VALUES ('audit_purged', jsonb_build_object('by', session_user, 'count', $1,
                     'cutoff', to_char($2 AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')))"
            );
            client
                .update(&statement, None, &[deleted.into(), cutoff.into()])
                .map_err(failed)?;
        }
        Ok(deleted)
    })
    .map_err(Into::into)
}

/// The most rows that one statement deletes, and so the most that are announced to the guard together.
const PURGED_AT_ONCE: i32 = 10_000;

/// Deletes at most `max_rows` rows that the audit log has, the oldest first, and returns how many it deleted.
fn purge(
    client: &mut SpiClient<'_>,
    schema: &str,
    cutoff: TimestampWithTimeZone,
    max_rows: i32,
) -> Result<i32> {
    // Rows that another session purges are skipped. Versions before 0.3.0 have no audit log.
    let oldest = if is_current(client)? {
        format!("SELECT {schema}.vetassist_owe_purge($1::timestamptz, $2::integer)")
    } else {
        format!(
            "SELECT coalesce(array_agg(o.id), '{{}}') FROM (
                 SELECT a.id FROM {schema}.vetassist_auth_audit AS a
                 WHERE a.created_at < $1 ORDER BY a.created_at LIMIT $2 FOR UPDATE SKIP LOCKED) AS o"
        )
    };
    let delete = format!("DELETE FROM {schema}.vetassist_auth_audit AS a WHERE a.id = ANY ($1)");
    let mut deleted = 0;
    while deleted < max_rows {
        let at_once = PURGED_AT_ONCE.min(max_rows - deleted);
        let found = client.update(&oldest, Some(1), &[cutoff.into(), at_once.into()]);
        let ids: Vec<i64> = one(found.and_then(|rows| rows.first().get_one()))?;
        if ids.is_empty() {
            break;
        }
        let change = Change::Purge(ids.iter().copied().collect());
        deleted += change_rows(client, change, &delete, ids)?;
    }
    Ok(deleted)
}

/// Clears the metadata and the address hash of rows, and writes a line for the next seal.
#[pg_extern(volatile, strict, parallel_unsafe, sql = false)]
#[search_path(pg_catalog, pg_temp)]
fn vetassist_clear_audit_rows(ids: Vec<Option<i64>>) -> SqlResult<()> {
    let ids: Vec<i64> = ids.into_iter().flatten().collect();
    connected(|client| {
        let schema = own_schema(client)?;
        let lock = format!(
            "SELECT coalesce(array_agg(l.id), '{{}}') FROM (
                 SELECT a.id FROM {schema}.vetassist_auth_audit AS a WHERE a.id = ANY ($1) ORDER BY a.id FOR UPDATE) AS l"
        );
        let locked = client.update(&lock, Some(1), &[ids.into()]);
        let ids: Vec<i64> = one(locked.and_then(|rows| rows.first().get_one()))?;
        if ids.is_empty() {
            return Ok(());
        }
        let owe = format!("SELECT {schema}.vetassist_owe_erasure($1::bigint[])");
        client.update(&owe, None, &[ids.clone().into()]).map_err(failed)?;
        let clear = format!(
            "UPDATE {schema}.vetassist_auth_audit AS a SET event_data = NULL, ip_hash = NULL WHERE a.id = ANY ($1)"
        );
        let change = Change::Erase(ids.iter().copied().collect());
        change_rows(client, change, &clear, ids).map(|_| ())
    })
    .map_err(Into::into)
}

/// Announces a change of locked rows, runs its statement and returns the number of rows.
fn change_rows(
    client: &mut SpiClient<'_>,
    change: Change,
    statement: &str,
    ids: Vec<i64>,
) -> Result<i32> {
    let count = ids.len();
    let changed =
        announce(change, || client.update(statement, None, &[ids.into()])).map_err(failed)?.len();
    match i32::try_from(changed) {
        Ok(rows) if changed == count => Ok(rows),
        _ => Err(internal("rows that were locked were not changed")),
    }
}
