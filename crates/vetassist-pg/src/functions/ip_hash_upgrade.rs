//! The upgrade of plain address hashes to keyed ones, in the audit trail and in the `device_info` of sessions. Another
//! backend may have stored addresses themselves in `device_info`; they become keyed hashes, too.
//!
//! A hash is keyed if and only if `vetassist_keyed_ip_hashes` has it. The transaction that stores a keyed hash also
//! writes it there. So each hash is upgraded exactly once, even if the procedure is interrupted.

use std::collections::{BTreeSet, HashMap, HashSet};

use pgrx::{
    check_for_interrupts, iter::TableIterator, name, pg_extern, pg_sys, search_path,
    spi::SpiClient, Uuid,
};
use vetassist_core::{device_info, IpHash};

use super::{
    audit_guard::{announce, Change},
    batches::{Batches, Progress},
    ip_hash::keyed,
};
use crate::{
    errors::{warn, Error, Result, SqlResult},
    keyring::with_ring,
    settings::{self, IpHashKind},
    statements::{connected, failed, internal, is_current, one, own_schema},
    values::Jsonb,
};

/// The most sessions that are in memory at a time, because the description of a device may be long.
const SESSIONS_AT_ONCE: usize = 100;

/// Upgrades the stored plain hashes, in batches.
#[pg_extern(sql = false)]
fn vetassist_upgrade_ip_hashes(
    batch_size: Option<i32>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> SqlResult<()> {
    const USUAL: &str = "Leave it out for its default, 10000.";
    let call = c"CALL vetassist_upgrade_ip_hashes()";
    let batches = Batches::begin(fcinfo, call, batch_size, USUAL)?;
    if settings::ip_hash()? != IpHashKind::keyed {
        warn(
            "vetassist.ip_hash is sha256: hashes of new addresses are still plain",
            "Set vetassist.ip_hash = keyed, then call this procedure again.",
        );
    }
    // Without a ring, the call fails here and not half-way.
    with_ring(|_, _| Ok(()))?;
    let schema = &batches.schema;
    let total = batches.run(|client| {
        let count = format!(
            "SELECT (SELECT count(*) FROM {schema}.vetassist_auth_audit AS a WHERE a.ip_hash IS NOT NULL)
                  + (SELECT count(*) FROM {schema}.vetassist_sessions AS s WHERE s.device_info IS NOT NULL)"
        );
        one(client.update(&count, Some(1), &[]).and_then(|rows| rows.first().get_one()))
    })?;
    let mut progress = Progress::new("hashes upgraded", total);

    let mut after = None;
    loop {
        let (page, upgraded) = batches.run(|client| {
            let page = page_of_trail(client, schema, after, batches.size)?;
            let upgraded = upgrade_trail(client, schema, &page.plain)?;
            Ok((page, upgraded))
        })?;
        progress.add(page.seen, upgraded);
        match page.last {
            Some(last) if page.seen == batches.size => after = Some(last),
            _ => break,
        }
    }
    let mut after = None;
    let mut unread = 0;
    loop {
        let (page, upgraded) = batches.run(|client| {
            let page = page_of_sessions(client, schema, after, batches.size)?;
            let mut upgraded = Upgraded::default();
            for sessions in page.suspects.chunks(SESSIONS_AT_ONCE) {
                // Each chunk has a connection of its own, which frees its memory at its end.
                connected(|client| upgrade_sessions(client, schema, sessions, &mut upgraded))?;
            }
            Ok((page, upgraded))
        })?;
        progress.add(page.seen, upgraded.hashes);
        unread += upgraded.unread;
        match page.last {
            Some(last) if page.seen == batches.size => after = Some(last),
            _ => break,
        }
    }
    progress.report();
    if unread > 0 {
        warn(
            format!("the device_info of {unread} sessions is too large or nested too deeply to be read, and was not changed"),
            "vetassist did not write it. Make it shorter, or purge the sessions when they have ended.",
        );
    }
    batches.run(|client| {
        let event = format!(
            "INSERT INTO {schema}.vetassist_auth_audit (event_type, event_data)
             VALUES ('ip_hashes_upgraded', jsonb_build_object('by', session_user, 'count', $1))"
        );
        client.update(&event, None, &[progress.changed().into()]).map(|_| ()).map_err(failed)
    })?;
    batches.end();
    Ok(())
}

/// A batch of the audit trail.
struct TrailPage {
    /// The last id, or none if no row is left.
    last: Option<i64>,
    /// The number of rows read.
    seen: i32,
    /// The ids of rows with a plain hash, with the hash.
    plain: Vec<(i64, String)>,
}

fn page_of_trail(
    client: &mut SpiClient<'_>,
    schema: &str,
    after: Option<i64>,
    size: i32,
) -> Result<TrailPage> {
    let statement = format!(
        "SELECT max(p.id), count(*)::int,
                coalesce(array_agg(p.id ORDER BY p.id) FILTER (WHERE p.is_plain), '{{}}'),
                coalesce(array_agg(p.ip_hash ORDER BY p.id) FILTER (WHERE p.is_plain), '{{}}')
         FROM (SELECT a.id, a.ip_hash::text, a.ip_hash ~ '^[0-9a-f]{{64}}$' AND NOT EXISTS (
                   SELECT FROM {schema}.vetassist_keyed_ip_hashes AS k WHERE k.ip_hash = a.ip_hash) AS is_plain
               FROM {schema}.vetassist_auth_audit AS a
               WHERE a.ip_hash IS NOT NULL AND ($1 IS NULL OR a.id > $1) ORDER BY a.id LIMIT $2) AS p"
    );
    let row =
        client.update(&statement, Some(1), &[after.into(), size.into()]).map_err(failed)?.first();
    let ids: Vec<i64> = one(row.get(3))?;
    let hashes: Vec<String> = one(row.get(4))?;
    Ok(TrailPage {
        last: row.get(1).map_err(failed)?,
        seen: one(row.get(2))?,
        plain: ids.into_iter().zip(hashes).collect(),
    })
}

/// Upgrades the hashes of these rows, and returns how many rows it changed. It skips rows whose hash has changed since.
fn upgrade_trail(client: &mut SpiClient<'_>, schema: &str, plain: &[(i64, String)]) -> Result<i32> {
    if plain.is_empty() {
        return Ok(0);
    }
    let mut keyed_of: HashMap<&str, IpHash> = HashMap::new();
    for (_, hash) in plain {
        check_for_interrupts!();
        if !keyed_of.contains_key(hash.as_str()) {
            keyed_of.insert(hash, keyed(&hash.parse()?)?);
        }
    }
    mark(client, schema, keyed_of.values().copied())?;
    // The hash is compared again once the row is locked, so that two upgrades at the same time do not upgrade it twice.
    let lock = format!(
        "SELECT coalesce(array_agg(l.id ORDER BY l.id), '{{}}') FROM (
             SELECT a.id FROM unnest($1, $2) AS p (id, plain)
             JOIN {schema}.vetassist_auth_audit AS a ON a.id = p.id AND a.ip_hash = p.plain
             ORDER BY a.id FOR UPDATE OF a) AS l"
    );
    let ids: Vec<i64> = plain.iter().map(|(id, _)| *id).collect();
    let hashes: Vec<&str> = plain.iter().map(|(_, hash)| hash.as_str()).collect();
    let locked = client.update(&lock, Some(1), &[ids.into(), hashes.into()]);
    let locked: HashSet<i64> =
        one::<Vec<i64>>(locked.and_then(|rows| rows.first().get_one()))?.into_iter().collect();
    if locked.is_empty() {
        return Ok(0);
    }
    let plain = plain.iter().filter(|(id, _)| locked.contains(id));
    let (ids, keyed): (Vec<i64>, Vec<String>) =
        plain.map(|(id, hash)| (*id, keyed_of[hash.as_str()].as_str().to_owned())).unzip();
    if is_current(client)? {
        let owe = format!("SELECT {schema}.vetassist_owe_rehash($1::bigint[])");
        client.update(&owe, None, &[ids.clone().into()]).map_err(failed)?;
    }
    let change = Change::Rehash(ids.iter().copied().zip(keyed.iter().cloned()).collect());
    let update = format!(
        "UPDATE {schema}.vetassist_auth_audit AS a SET ip_hash = p.keyed
         FROM unnest($1, $2) AS p (id, keyed) WHERE a.id = p.id"
    );
    let upgraded = announce(change, || client.update(&update, None, &[ids.into(), keyed.into()]));
    i32::try_from(upgraded.map_err(failed)?.len())
        .map_err(|_| internal("too many rows were upgraded"))
}

/// Registers hashes as keyed. It inserts them in order, so that two transactions with the same hashes do not deadlock.
fn mark(
    client: &mut SpiClient<'_>,
    schema: &str,
    keyed: impl Iterator<Item = IpHash>,
) -> Result<()> {
    let hashes: Vec<String> = keyed.map(|hash| hash.as_str().to_owned()).collect();
    let mark = format!(
        "INSERT INTO {schema}.vetassist_keyed_ip_hashes (ip_hash)
         SELECT m.ip_hash FROM unnest($1) AS m (ip_hash) ORDER BY m.ip_hash ON CONFLICT DO NOTHING"
    );
    client.update(&mark, None, &[hashes.into()]).map(|_| ()).map_err(failed)
}

/// A batch of sessions.
struct SessionPage {
    last: Option<Uuid>,
    seen: i32,
    /// The sessions whose `device_info` may hold a hash or an address.
    suspects: Vec<Uuid>,
}

fn page_of_sessions(
    client: &mut SpiClient<'_>,
    schema: &str,
    after: Option<Uuid>,
    size: i32,
) -> Result<SessionPage> {
    let statement = format!(
        "SELECT (array_agg(p.id ORDER BY p.id DESC))[1], count(*)::int,
                coalesce(array_agg(p.id ORDER BY p.id) FILTER (WHERE p.is_suspect), '{{}}')
         FROM (SELECT s.id, s.device_info::text ~ '[0-9a-f]{{64}}|[0-9]+[.][0-9]+[.][0-9]+[.][0-9]|:[0-9a-fA-F:.]' AS is_suspect
               FROM {schema}.vetassist_sessions AS s
               WHERE s.device_info IS NOT NULL AND ($1 IS NULL OR s.id > $1) ORDER BY s.id LIMIT $2) AS p"
    );
    let row =
        client.update(&statement, Some(1), &[after.into(), size.into()]).map_err(failed)?.first();
    Ok(SessionPage {
        last: row.get(1).map_err(failed)?,
        seen: one(row.get(2))?,
        suspects: one(row.get(3))?,
    })
}

/// The result for a batch of sessions.
#[derive(Default)]
struct Upgraded {
    /// The number of upgraded hashes.
    hashes: i32,
    /// The number of sessions whose `device_info` cannot be read.
    unread: usize,
}

/// Upgrades the hashes of these sessions, and hashes their addresses. It looks up the keyed hashes after it has locked the rows, because another session
/// may just have upgraded them.
fn upgrade_sessions(
    client: &mut SpiClient<'_>,
    schema: &str,
    sessions: &[Uuid],
    upgraded: &mut Upgraded,
) -> Result<()> {
    let lock = format!(
        "SELECT s.id, s.device_info FROM {schema}.vetassist_sessions AS s
         WHERE s.id = ANY ($1) AND s.device_info IS NOT NULL ORDER BY s.id FOR NO KEY UPDATE"
    );
    let mut devices = Vec::new();
    for row in client.update(&lock, None, &[sessions.to_vec().into()]).map_err(failed)? {
        check_for_interrupts!();
        let device: Jsonb<'_> = one(row.get(2))?;
        match device.to_value("device_info") {
            Ok(device) => devices.push((one(row.get::<Uuid>(1))?, device)),
            Err(_) => upgraded.unread += 1,
        }
    }
    let hashes: Vec<Vec<IpHash>> =
        devices.iter().map(|(_, device)| device_info::ip_hashes(device)).collect();
    let keyed_of = keyed_of(client, schema, hashes.iter().flatten())?;
    let mut of_addresses = BTreeSet::new();
    let (mut ids, mut infos) = (Vec::new(), Vec::new());
    for ((id, mut device), hashes) in devices.into_iter().zip(hashes) {
        check_for_interrupts!();
        let mut changed = hashes.iter().filter(|hash| keyed_of.contains_key(*hash)).count();
        device_info::replace_ip_hashes(&mut device, &mut |hash| keyed_of.get(hash).copied());
        let mut addresses = 0;
        let redacted = device_info::hash_addresses(device.clone(), &mut |address| {
            addresses += 1;
            let hash = keyed(&IpHash::of(address))?;
            of_addresses.insert(hash);
            Ok::<_, Error>(hash)
        })?;
        if addresses > 0 {
            changed += addresses;
            device = redacted;
        }
        if changed > 0 {
            ids.push(id);
            infos.push(Jsonb::from_value(&device)?);
            upgraded.hashes += i32::try_from(changed).unwrap_or(i32::MAX);
        }
    }
    mark(client, schema, keyed_of.values().copied().chain(of_addresses))?;
    let update = format!(
        "UPDATE {schema}.vetassist_sessions AS s SET device_info = u.device_info
         FROM unnest($1, $2) AS u (id, device_info) WHERE s.id = u.id"
    );
    client.update(&update, None, &[ids.into(), infos.into()]).map(|_| ()).map_err(failed)
}

/// Returns the keyed hash for each plain hash among these.
fn keyed_of<'a>(
    client: &mut SpiClient<'_>,
    schema: &str,
    hashes: impl Iterator<Item = &'a IpHash>,
) -> Result<HashMap<IpHash, IpHash>> {
    let hashes: BTreeSet<IpHash> = hashes.copied().collect();
    let texts: Vec<&str> = hashes.iter().map(IpHash::as_str).collect();
    let known = format!(
        "SELECT coalesce(array_agg(k.ip_hash::text), '{{}}') FROM {schema}.vetassist_keyed_ip_hashes AS k
         WHERE k.ip_hash = ANY ($1)"
    );
    let known = client.update(&known, Some(1), &[texts.into()]);
    let known: Vec<String> = one(known.and_then(|rows| rows.first().get_one()))?;
    let known: HashSet<&str> = known.iter().map(String::as_str).collect();
    let mut keyed_of = HashMap::new();
    for hash in hashes {
        check_for_interrupts!();
        if !known.contains(hash.as_str()) {
            keyed_of.insert(hash, keyed(&hash)?);
        }
    }
    Ok(keyed_of)
}

/// Upgrades the plain hashes in the next rows of the audit trail. Versions before 0.3.0 call it, whose procedure is in SQL.
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
        let page = page_of_trail(client, &schema, Some(after), batch_size)?;
        let upgraded = upgrade_trail(client, &schema, &page.plain)?;
        Ok((page.last, page.seen, upgraded))
    })?;
    Ok(TableIterator::once(row))
}
