//! The audit trail is shortened here.

use pgrx::{
    datum::{DatumWithOid, TimestampWithTimeZone},
    pg_extern, search_path, spi, Spi,
};

use super::audit_guard::Opened;
use crate::statements::own_schema;

/// Deletes a batch of what is older than the cutoff, oldest first.
#[pg_extern(volatile, strict, parallel_unsafe, sql = false)]
#[search_path(pg_catalog, pg_temp)]
fn vetassist_purge_audit_batch(
    cutoff: TimestampWithTimeZone,
    max_rows: i32,
) -> Result<i32, spi::Error> {
    let deleted = Spi::connect_mut(|client| {
        let schema = own_schema(client)?;
        let statement = format!(
            "DELETE FROM {schema}.vetassist_auth_audit AS a
             WHERE a.id = ANY (ARRAY(
                 SELECT o.id FROM {schema}.vetassist_auth_audit AS o
                 WHERE o.created_at < $1 ORDER BY o.created_at LIMIT $2 FOR UPDATE SKIP LOCKED))"
        );
        let _opened = Opened::new();
        let arguments = [DatumWithOid::from(cutoff), DatumWithOid::from(max_rows)];
        Ok::<_, spi::Error>(client.update(&statement, None, &arguments)?.len())
    })?;
    Ok(i32::try_from(deleted).unwrap_or(i32::MAX))
}
