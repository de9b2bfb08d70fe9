//! The audit trail: the guard that keeps it append-only, the two statements that it lets pass, and what
//! must not stand in it.

use core::cell::Cell;

use pgrx::{
    datum::{DatumWithOid, TimestampWithTimeZone},
    heap_tuple::{PgHeapTuple, PgHeapTupleError},
    iter::TableIterator,
    name, pg_extern, pg_sys, pg_trigger, search_path, spi, AllocatedByPostgres, PgLogLevel,
    PgSqlErrorCode, PgTrigger, Spi, WhoAllocated,
};
use serde_json::Value;
use vetassist_core::{metadata, IpHash, Suspicion};

use crate::{
    datum::Jsonb,
    errors::{report, Answer, Explain},
    settings,
    statements::{connected, failed},
};

thread_local! {
    /// Whether the statement that runs is one of this module's. No SQL can set it.
    static OPEN: Cell<bool> = const { Cell::new(false) };
}

/// Opens the trail for as long as it lives, also if the statement fails.
struct Opened;

impl Opened {
    fn new() -> Self {
        OPEN.set(true);
        Self
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        OPEN.set(false);
    }
}

/// Refuses UPDATE, DELETE and TRUNCATE, whoever asks.
#[pg_trigger]
fn vetassist_audit_guard<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, impl WhoAllocated>>, PgHeapTupleError> {
    let _ = trigger;
    if !OPEN.get() {
        report(
            PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
            "the audit trail is append-only",
            "vetassist_purge_audit() deletes what is older than the time that the trail is kept.",
        )
        .report(PgLogLevel::ERROR);
    }
    Ok(None::<PgHeapTuple<'a, AllocatedByPostgres>>)
}

/// The schema that the extension is in, quoted.
fn own_schema(client: &spi::SpiClient<'_>) -> Result<String, spi::Error> {
    let schema = client
        .select(
            "SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'vetassist'",
            Some(1),
            &[],
        )?
        .first()
        .get_one::<String>()?;
    Ok(schema.unwrap_or_default())
}

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

/// How long the JSON of an event's metadata may be, in bytes. What is made of it in memory is larger.
const MAX_EVENT_DATA: usize = 1 << 20;

/// Refuses metadata that carries what looks like a secret, and says where; never what.
#[pg_extern(immutable, strict, parallel_safe, sql = false)]
fn vetassist_check_event_data(event_data: Jsonb) -> Answer<()> {
    let text = event_data.into_text(MAX_EVENT_DATA)?.ok_or_else(|| {
        report(
            PgSqlErrorCode::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
            "event_data is longer than 1 MB",
            "The audit trail is for short metadata. Nothing was written.",
        )
    })?;
    let event_data = serde_json::from_str(&text).map_err(|_| {
        report(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            "event_data is nested more than 127 deep, or has a number past 1.8e308",
            "Such metadata cannot be looked through for secrets. Nothing was written.",
        )
    })?;
    let mut path = String::from("event_data");
    match suspect(&event_data, &mut path) {
        None => Ok(()),
        Some(suspicion) => Err(report(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("{path} {}", suspicion.as_str()),
            "The audit trail is for metadata that is no secret. Nothing was written.",
        )),
    }
}

/// The first suspicion, with the path to it; without one the path is as it was.
fn suspect(value: &Value, path: &mut String) -> Option<Suspicion> {
    let len = path.len();
    let found = match value {
        Value::String(text) => metadata::suspect_value(text),
        Value::Array(items) => items.iter().enumerate().find_map(|(index, item)| {
            path.truncate(len);
            *path += &format!("[{index}]");
            suspect(item, path)
        }),
        Value::Object(members) => members.iter().find_map(|(name, member)| {
            path.truncate(len);
            // A name may be a secret itself.
            if let Some(suspicion) = metadata::suspect_value(name) {
                *path += " has a name that";
                return Some(suspicion);
            }
            *path += ".";
            *path += name;
            let holds_text =
                matches!(member, Value::String(_) | Value::Array(_) | Value::Object(_));
            metadata::suspect_name(name, holds_text).or_else(|| suspect(member, path))
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    };
    if found.is_none() {
        path.truncate(len);
    }
    found
}

/// Whether new hashes of addresses are keyed.
#[pg_extern(stable, strict, parallel_safe, sql = false)]
fn vetassist_hashes_are_keyed() -> Answer<bool> {
    Ok(settings::ip_hash()? == settings::IpHashKind::keyed)
}

/// Whether a member of this name describes a device's address.
#[pg_extern(immutable, strict, parallel_safe, sql = false)]
fn vetassist_names_address(name: &str) -> bool {
    metadata::names_address(name)
}

/// The plain hash of an address that is written as text. Unlike `inet`'s, its error does not quote it.
#[pg_extern(immutable, strict, parallel_safe, sql = false)]
fn vetassist_hash_ip_text(address: &str) -> Answer<String> {
    Ok(IpHash::of_text(address).explain()?.as_str().to_owned())
}

/// Refuses to go on inside a transaction block, where a procedure cannot commit.
#[pg_extern(volatile, strict, parallel_unsafe, sql = false)]
fn vetassist_forbid_transaction_block(what: &str) -> Answer<()> {
    // SAFETY: reads the state of this backend's transaction.
    if unsafe { pg_sys::IsTransactionBlock() } {
        return Err(report(
            PgSqlErrorCode::ERRCODE_ACTIVE_SQL_TRANSACTION,
            format!("{what} cannot run inside a transaction block"),
            "It commits after each batch. Call it on its own, with autocommit.",
        ));
    }
    Ok(())
}
