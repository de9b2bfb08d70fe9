//! The audit trail is shortened here.

use pgrx::{datum::TimestampWithTimeZone, pg_extern, search_path, spi::SpiClient, PgSqlErrorCode};

use super::audit_guard::{announce, Change};
use crate::{
    errors::{Error, Result, SqlResult},
    settings,
    statements::{connected, failed, internal, one, own_schema},
};

/// Deletes a batch of what is older than the cutoff, oldest first, and writes down that it did. Nothing is deleted that
/// is younger than `vetassist.audit_min_retention` allows.
#[pg_extern(volatile, strict, parallel_unsafe, sql = false)]
#[search_path(pg_catalog, pg_temp)]
fn vetassist_purge_audit_batch(cutoff: TimestampWithTimeZone, max_rows: i32) -> SqlResult<i32> {
    let retention = settings::audit_min_retention()?;
    connected(|client| {
        // In UTC, as the caller's time zone is the caller's to choose.
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

/// The most rows that are deleted at a time, and so named to the guard at once.
const PURGED_AT_ONCE: i32 = 10_000;

/// Deletes so many rows, the oldest first, and returns how many there were.
fn purge(
    client: &mut SpiClient<'_>,
    schema: &str,
    cutoff: TimestampWithTimeZone,
    max_rows: i32,
) -> Result<i32> {
    // Rows that somebody else purges are passed over.
    let oldest = format!(
        "SELECT coalesce(array_agg(o.id), '{{}}') FROM (
             SELECT a.id FROM {schema}.vetassist_auth_audit AS a
             WHERE a.created_at < $1 ORDER BY a.created_at LIMIT $2 FOR UPDATE SKIP LOCKED) AS o"
    );
    let delete = format!("DELETE FROM {schema}.vetassist_auth_audit AS a WHERE a.id = ANY ($1)");
    let mut deleted = 0;
    while deleted < max_rows {
        let at_once = PURGED_AT_ONCE.min(max_rows - deleted);
        let found = client.update(&oldest, Some(1), &[cutoff.into(), at_once.into()]);
        let ids: Vec<i64> = one(found.and_then(|rows| rows.first().get_one()))?;
        let count = i32::try_from(ids.len()).unwrap_or(i32::MAX);
        if count == 0 {
            break;
        }
        let change = Change::Purge(ids.iter().copied().collect());
        let gone =
            announce(change, || client.update(&delete, None, &[ids.into()])).map_err(failed)?.len();
        if i32::try_from(gone) != Ok(count) {
            return Err(internal("rows that were locked were not deleted"));
        }
        deleted += count;
    }
    Ok(deleted)
}
