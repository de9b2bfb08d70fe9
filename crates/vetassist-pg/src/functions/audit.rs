//! The audit trail is shortened here.

use pgrx::{
    datum::{DatumWithOid, TimestampWithTimeZone},
    pg_extern, search_path, spi, PgSqlErrorCode,
};

use super::audit_guard::Opened;
use crate::{
    errors::{report, Answer},
    settings,
    statements::{connected, failed, own_schema},
};

/// Deletes a batch of what is older than the cutoff, oldest first, and writes down that it did. Nothing is deleted that
/// is younger than `vetassist.audit_min_retention` allows.
#[pg_extern(volatile, strict, parallel_unsafe, sql = false)]
#[search_path(pg_catalog, pg_temp)]
fn vetassist_purge_audit_batch(cutoff: TimestampWithTimeZone, max_rows: i32) -> Answer<i32> {
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
            return Err(report(
                PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
                "older_than is shorter than vetassist.audit_min_retention",
                "Pass a longer interval, or have a superuser change the setting. Nothing was purged.",
            )
            .into());
        }
        let schema = own_schema(client).map_err(failed)?;
        let deleted = purge(client, &schema, cutoff, max_rows).map_err(failed)?;
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

/// Deletes a batch, and returns how many rows there were.
fn purge(
    client: &mut spi::SpiClient<'_>,
    schema: &str,
    cutoff: TimestampWithTimeZone,
    max_rows: i32,
) -> Result<i32, spi::Error> {
    let statement = format!(
        "DELETE FROM {schema}.vetassist_auth_audit AS a
         WHERE a.id = ANY (ARRAY(
             SELECT o.id FROM {schema}.vetassist_auth_audit AS o
             WHERE o.created_at < $1 ORDER BY o.created_at LIMIT $2 FOR UPDATE SKIP LOCKED))"
    );
    let _opened = Opened::new();
    let arguments = [DatumWithOid::from(cutoff), DatumWithOid::from(max_rows)];
    let deleted = client.update(&statement, None, &arguments)?.len();
    Ok(i32::try_from(deleted).unwrap_or(i32::MAX))
}
