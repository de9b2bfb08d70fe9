//! The upgrade of the audit trail's plain address hashes to keyed ones.

use pgrx::{datum::DatumWithOid, iter::TableIterator, name, pg_extern, search_path, spi, Spi};

use super::audit_guard::Opened;
use crate::statements::own_schema;

/// Upgrades the plain hashes among the next `batch_size` rows after an id, and remembers that they are
/// keyed. Returns the last id looked at, and how many rows were looked at and upgraded.
#[pg_extern(volatile, strict, parallel_unsafe, sql = false)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)] // the columns
fn vetassist_upgrade_audit_batch(
    after: i64,
    batch_size: i32,
) -> Result<
    TableIterator<
        'static,
        (name!(last, Option<i64>), name!(seen, Option<i32>), name!(upgraded, Option<i32>)),
    >,
    spi::Error,
> {
    let row = Spi::connect_mut(|client| {
        let schema = own_schema(client)?;
        // The hash is compared again when its row is locked: two upgrades at once do not upgrade twice.
        let statement = format!(
            "WITH page AS MATERIALIZED (
                 SELECT a.id, a.ip_hash FROM {schema}.vetassist_auth_audit AS a
                 WHERE a.id > $1 AND a.ip_hash IS NOT NULL ORDER BY a.id LIMIT $2
             ), plain AS MATERIALIZED (
                 SELECT p.id, p.ip_hash, {schema}.vetassist_upgrade_ip_hash(p.ip_hash::text) AS keyed
                 FROM page AS p
                 WHERE p.ip_hash ~ '^[0-9a-f]{{64}}$'
                   AND NOT EXISTS (SELECT FROM {schema}.vetassist_keyed_ip_hashes AS k WHERE k.ip_hash = p.ip_hash)
             ), marked AS (
                 INSERT INTO {schema}.vetassist_keyed_ip_hashes (ip_hash)
                 SELECT DISTINCT p.keyed FROM plain AS p ORDER BY p.keyed ON CONFLICT DO NOTHING
             ), upgraded AS (
                 UPDATE {schema}.vetassist_auth_audit AS a SET ip_hash = p.keyed
                 FROM plain AS p WHERE a.id = p.id AND a.ip_hash = p.ip_hash
                 RETURNING 1
             )
             SELECT (SELECT max(id) FROM page), (SELECT count(*)::int FROM page), (SELECT count(*)::int FROM upgraded)"
        );
        let _opened = Opened::new();
        let arguments = [DatumWithOid::from(after), DatumWithOid::from(batch_size)];
        let table = client.update(&statement, Some(1), &arguments)?.first();
        Ok::<_, spi::Error>((table.get(1)?, table.get(2)?, table.get(3)?))
    })?;
    Ok(TableIterator::once(row))
}
