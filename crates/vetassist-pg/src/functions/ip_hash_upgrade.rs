//! The upgrade of the audit trail's plain address hashes to keyed ones.

use std::collections::HashMap;

use pgrx::{
    check_for_interrupts, iter::TableIterator, name, pg_extern, search_path, spi::SpiClient,
};
use vetassist_core::IpHash;

use super::{
    audit_guard::{announce, Change},
    ip_hash::keyed,
};
use crate::{
    errors::{Result, SqlResult},
    statements::{connected, failed, internal, one, own_schema},
};

/// Upgrades the plain hashes among the next `batch_size` rows after an id, and remembers that they are
/// keyed. Returns the last id looked at, and how many rows were looked at and upgraded.
#[pg_extern(volatile, strict, parallel_unsafe, sql = false)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)] // the columns
fn vetassist_upgrade_audit_batch(
    after: i64,
    batch_size: i32,
) -> SqlResult<
    TableIterator<'static, (name!(last, Option<i64>), name!(seen, i32), name!(upgraded, i32))>,
> {
    let row = connected(|client| {
        let schema = own_schema(client)?;
        let page = page(client, &schema, after, batch_size)?;
        let upgraded = upgrade(client, &schema, page.plain)?;
        Ok((page.last, page.seen, upgraded))
    })?;
    Ok(TableIterator::once(row))
}

/// What a batch looks at.
struct Page {
    /// The last id; none where there is no row left.
    last: Option<i64>,
    /// How many rows.
    seen: i32,
    /// The rows whose hash is plain, with it.
    plain: Vec<(i64, String)>,
}

fn page(client: &SpiClient<'_>, schema: &str, after: i64, batch_size: i32) -> Result<Page> {
    let statement = format!(
        "SELECT max(p.id), count(*)::int,
                coalesce(array_agg(p.id ORDER BY p.id) FILTER (WHERE p.is_plain), '{{}}'),
                coalesce(array_agg(p.ip_hash ORDER BY p.id) FILTER (WHERE p.is_plain), '{{}}')
         FROM (SELECT a.id, a.ip_hash::text, a.ip_hash ~ '^[0-9a-f]{{64}}$' AND NOT EXISTS (
                   SELECT FROM {schema}.vetassist_keyed_ip_hashes AS k WHERE k.ip_hash = a.ip_hash) AS is_plain
               FROM {schema}.vetassist_auth_audit AS a
               WHERE a.id > $1 AND a.ip_hash IS NOT NULL ORDER BY a.id LIMIT $2) AS p"
    );
    let rows =
        client.select(&statement, Some(1), &[after.into(), batch_size.into()]).map_err(failed)?;
    let row = rows.first();
    let ids: Vec<i64> = one(row.get(3))?;
    let hashes: Vec<String> = one(row.get(4))?;
    Ok(Page {
        last: row.get(1).map_err(failed)?,
        seen: one(row.get(2))?,
        plain: ids.into_iter().zip(hashes).collect(),
    })
}

/// Upgrades the hashes of these rows, and returns how many rows still had theirs.
fn upgrade(client: &mut SpiClient<'_>, schema: &str, plain: Vec<(i64, String)>) -> Result<i32> {
    if plain.is_empty() {
        return Ok(0);
    }
    let mut keyed_of: HashMap<String, String> = HashMap::new();
    for (_, hash) in &plain {
        check_for_interrupts!();
        if !keyed_of.contains_key(hash) {
            let keyed = keyed(&hash.parse::<IpHash>()?)?;
            keyed_of.insert(hash.clone(), keyed.as_str().to_owned());
        }
    }
    let marked: Vec<&str> = keyed_of.values().map(String::as_str).collect();
    // In order, so that two who mark the same hashes wait for one another and do not deadlock.
    let mark = format!(
        "INSERT INTO {schema}.vetassist_keyed_ip_hashes (ip_hash)
         SELECT m.ip_hash FROM unnest($1) AS m (ip_hash) ORDER BY m.ip_hash ON CONFLICT DO NOTHING"
    );
    client.update(&mark, None, &[marked.into()]).map_err(failed)?;

    let keyed: Vec<String> = plain.iter().map(|(_, hash)| keyed_of[hash].clone()).collect();
    let (ids, hashes): (Vec<i64>, Vec<String>) = plain.into_iter().unzip();
    let change = Change::Rehash(ids.iter().copied().zip(keyed.iter().cloned()).collect());
    // The hash is compared again when its row is locked: two upgrades at once do not upgrade twice.
    let update = format!(
        "UPDATE {schema}.vetassist_auth_audit AS a SET ip_hash = p.keyed
         FROM unnest($1, $2, $3) AS p (id, plain, keyed) WHERE a.id = p.id AND a.ip_hash = p.plain"
    );
    let upgraded = announce(change, || {
        client.update(&update, None, &[ids.into(), hashes.into(), keyed.into()])
    });
    i32::try_from(upgraded.map_err(failed)?.len())
        .map_err(|_| internal("too many rows were upgraded"))
}
