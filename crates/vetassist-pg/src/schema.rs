//! `vetassist_check_schema()`, and the tables in the order they depend on one another.

use pgrx::{
    datum::DatumWithOid, extension_sql_file, iter::TableIterator, name, pg_extern, pg_sys,
    search_path, spi, Spi,
};
use vetassist_core::schema::{compare, CatalogRow, Guards, CATALOG_QUERY};

/// How the live tables differ from what they must be; no row where they do not.
#[pg_extern(stable, strict, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)] // the columns
fn vetassist_check_schema() -> Result<
    TableIterator<
        'static,
        (
            name!(object, String),
            name!(problem, String),
            name!(expected, Option<String>),
            name!(found, Option<String>),
        ),
    >,
    spi::Error,
> {
    let rows = Spi::connect(|client| {
        let schema = client
            .select(
                "SELECT n.nspname::text FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'vetassist'",
                Some(1),
                &[],
            )?
            .first()
            .get_one::<String>()?;
        let mut rows = Vec::new();
        for row in client.select(CATALOG_QUERY, None, &[DatumWithOid::from(schema)])? {
            let text = |column| row.get::<String>(column).map(Option::unwrap_or_default);
            rows.push(CatalogRow { object: text(1)?, attribute: text(2)?, value: text(3)? });
        }
        Ok::<_, spi::Error>(rows)
    })?;
    // SAFETY: a variable of this process, set while a CREATE EXTENSION runs its script.
    let installing = unsafe { pg_sys::creating_extension };
    let guards = if installing { Guards::Allowed } else { Guards::Required };
    let differences =
        compare(&rows, guards).into_iter().map(|d| (d.object, d.problem, d.expected, d.found));
    Ok(TableIterator::new(differences))
}

extension_sql_file!("../../../sql/make_way.sql", name = "make_way", bootstrap);

// One after another, so that the script is the same at every build; each also needs those before it.
extension_sql_file!("../../../sql/adopt.sql", name = "adopt", requires = [vetassist_check_schema]);
extension_sql_file!("../../../sql/users.sql", name = "users", requires = ["adopt"]);
extension_sql_file!("../../../sql/va_tokens.sql", name = "va_tokens", requires = ["users"]);
extension_sql_file!("../../../sql/sessions.sql", name = "sessions", requires = ["va_tokens"]);
extension_sql_file!("../../../sql/auth_audit.sql", name = "auth_audit", requires = ["sessions"]);
extension_sql_file!(
    "../../../sql/keyed_ip_hashes.sql",
    name = "keyed_ip_hashes",
    requires = ["auth_audit"]
);
extension_sql_file!("../../../sql/dump.sql", name = "dump", requires = ["keyed_ip_hashes"]);
extension_sql_file!(
    "../../../sql/append_only.sql",
    name = "append_only",
    requires = ["dump", vetassist_audit_guard]
);
extension_sql_file!(
    "../../../sql/audit.sql",
    name = "audit",
    requires = [
        "append_only",
        vetassist_purge_audit_batch,
        vetassist_check_event_data,
        vetassist_hashes_are_keyed
    ]
);
extension_sql_file!("../../../sql/device_info.sql", name = "device_info", requires = ["audit"]);
extension_sql_file!("../../../sql/login.sql", name = "login", requires = ["device_info"]);
extension_sql_file!("../../../sql/tokens.sql", name = "tokens", requires = ["login"]);
extension_sql_file!(
    "../../../sql/session_functions.sql",
    name = "session_functions",
    requires = ["tokens"]
);
extension_sql_file!("../../../sql/erase.sql", name = "erase", requires = ["session_functions"]);
extension_sql_file!("../../../sql/rotation.sql", name = "rotation", requires = ["erase"]);
extension_sql_file!("../../../sql/ip_upgrade.sql", name = "ip_upgrade", requires = ["rotation"]);
extension_sql_file!("../../../sql/leaving.sql", name = "leaving", requires = ["ip_upgrade"]);
extension_sql_file!("../../../sql/grants.sql", name = "grants", requires = ["leaving"]);
extension_sql_file!("../../../sql/privileges.sql", name = "privileges", finalize);
