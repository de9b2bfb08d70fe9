//! The guard against dropping the extension together with its data by mistake.
//!
//! It is an event trigger that fires before the command: when the triggers after the command fire, the extension's own
//! trigger is already dropped. Before the command, PostgreSQL tells only the command and not the objects that it will
//! drop, so this module analyses the command.

use core::ffi::CStr;

use pgrx::{pg_extern, pg_sys, spi::SpiHeapTupleData, PgList, PgSqlErrorCode};

use crate::{
    call::{self, node},
    errors::{Error, Result, SqlResult},
    owner::as_role,
    settings,
    statements::{connected, failed, one, qualified},
    values::{EventTrigger, Text},
};

const EXTENSION: &CStr = c"vetassist";
/// The language of most functions, which is an extension too. Dropping it with CASCADE drops its functions, and an extension
/// is dropped with any of its objects.
const LANGUAGE: &CStr = c"plpgsql";

/// Refuses a command that would drop the extension while one of its tables has a row.
#[pg_extern(sql = false)]
fn vetassist_guard_drop(fcinfo: pg_sys::FunctionCallInfo) -> SqlResult<EventTrigger> {
    let event: Option<&pg_sys::EventTriggerData> =
        call::context(fcinfo, pg_sys::NodeTag::T_EventTriggerData);
    let Some(event) = event else {
        return Err(Error::new(
            PgSqlErrorCode::ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED,
            "vetassist_guard_drop() can only be called by its event trigger",
            "Do not call it directly.",
        )
        .into());
    };
    if !drops_extension(event.parsetree)? {
        return Ok(EventTrigger);
    }
    match table_with_rows()? {
        Some(table) if !settings::drop_with_data()? => Err(Error::new(
            PgSqlErrorCode::ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST,
            format!("the command would destroy the rows of {table}"),
            "To keep the tables, have a superuser SELECT vetassist_detach() first. To destroy them, SET vetassist.drop_with_data = on.",
        )
        .into()),
        _ => Ok(EventTrigger),
    }
}

/// Returns whether a command drops the extension: by its name, with its schema, with all objects of its owner, or with the
/// language of most of its functions.
fn drops_extension(command: *mut pg_sys::Node) -> Result<bool> {
    let drop: Option<&pg_sys::DropStmt> = node(command, pg_sys::NodeTag::T_DropStmt);
    if let Some(drop) = drop {
        let cascades = drop.behavior == pg_sys::DropBehavior::DROP_CASCADE;
        return match drop.removeType {
            pg_sys::ObjectType::OBJECT_EXTENSION => {
                Ok(names(drop.objects)
                    .any(|name| name == EXTENSION || (cascades && name == LANGUAGE)))
            }
            // Without CASCADE, PostgreSQL does not drop a schema that has objects.
            pg_sys::ObjectType::OBJECT_SCHEMA if cascades => {
                let schemas = names_of_schemas()?;
                Ok(names(drop.objects).any(|name| schemas.iter().any(|s| s == name.to_bytes())))
            }
            _ => Ok(false),
        };
    }
    let drop: Option<&pg_sys::DropOwnedStmt> = node(command, pg_sys::NodeTag::T_DropOwnedStmt);
    let Some(drop) = drop else { return Ok(false) };
    let owners = owners(drop.behavior == pg_sys::DropBehavior::DROP_CASCADE)?;
    Ok(roles(drop.roles).iter().any(|role| owners.contains(role)))
}

/// Returns the strings of a list. The grammar makes such lists for the names of extensions and schemas.
#[allow(unsafe_code)]
fn names<'a>(list: *mut pg_sys::List) -> impl Iterator<Item = &'a CStr> {
    // SAFETY: the list belongs to the command, lives as long as the command, and is only read. A string ends with a NUL.
    let names: Vec<_> = unsafe {
        let strings = PgList::<pg_sys::String>::from_pg(list);
        let strings = strings.iter_ptr().filter_map(|s| node(s, pg_sys::NodeTag::T_String));
        strings.map(|string: &pg_sys::String| CStr::from_ptr(string.sval)).collect()
    };
    names.into_iter()
}

/// Returns the roles of a list, which the grammar makes for the names of roles. A role that does not exist is 0.
#[allow(unsafe_code)]
fn roles(list: *mut pg_sys::List) -> Vec<pg_sys::Oid> {
    // SAFETY: the grammar puts only descriptions of roles into this list. PostgreSQL looks each of them up in the catalog.
    unsafe {
        let roles = PgList::<pg_sys::RoleSpec>::from_pg(list);
        roles.iter_ptr().map(|role| pg_sys::get_rolespec_oid(role, true)).collect()
    }
}

/// Selects the schemas that have objects of the extension: its own schema, and any schema that a table was moved to.
const SCHEMAS: &str = "SELECT x.schema FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'vetassist',
     LATERAL (SELECT e.extnamespace UNION ALL
              SELECT relnamespace FROM pg_class WHERE oid = d.objid AND d.classid = 'pg_class'::regclass UNION ALL
              SELECT pronamespace FROM pg_proc WHERE oid = d.objid AND d.classid = 'pg_proc'::regclass) AS x (schema)
     WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'";

/// Returns the names of these schemas in the database's encoding, which a command has too.
fn names_of_schemas() -> Result<Vec<Vec<u8>>> {
    let query = format!("SELECT nspname::text FROM pg_namespace WHERE oid IN ({SCHEMAS})");
    connected(|client| {
        let rows = client.select(&query, None, &[]).map_err(failed)?;
        let name = |row: SpiHeapTupleData<'_>| {
            one(row.get(1)).map(|name: Text<'_>| name.as_bytes().to_vec())
        };
        rows.map(name).collect()
    })
}

/// Returns the roles whose DROP OWNED drops the extension.
fn owners(cascades: bool) -> Result<Vec<pg_sys::Oid>> {
    let names = if cascades { "'vetassist', 'plpgsql'" } else { "'vetassist'" };
    let mut owners =
        oids(&format!("SELECT extowner FROM pg_extension WHERE extname IN ({names})"))?;
    if cascades {
        owners
            .extend(oids(&format!("SELECT nspowner FROM pg_namespace WHERE oid IN ({SCHEMAS})"))?);
    }
    Ok(owners)
}

/// Runs a query of the catalogs and returns its first column.
fn oids(query: &str) -> Result<Vec<pg_sys::Oid>> {
    connected(|client| {
        let rows = client.select(query, None, &[]).map_err(failed)?;
        rows.filter_map(|row| row.get(1).map_err(failed).transpose()).collect()
    })
}

/// Returns the first table of the extension that has a row. It reads each table as the table's owner, because a role that
/// may drop the schema may have no right to read the table.
fn table_with_rows() -> Result<Option<String>> {
    connected(|client| {
        let members = "SELECT n.nspname::text, c.relname::text, c.relowner FROM pg_depend d
             JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'vetassist'
             JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'r'
             JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE d.refclassid = 'pg_extension'::regclass AND d.classid = 'pg_class'::regclass AND d.deptype = 'e'
             ORDER BY d.objid";
        for row in client.select(members, None, &[]).map_err(failed)? {
            let (schema, table): (Text<'_>, Text<'_>) = (one(row.get(1))?, one(row.get(2))?);
            let query = format!("SELECT EXISTS (SELECT FROM {})", qualified(schema, table)?);
            let has_row = as_role(one(row.get(3))?, || {
                one(client.select(&query, Some(1), &[]).and_then(|rows| rows.first().get_one()))
            })?;
            if has_row {
                return Ok(Some(format!("{}.{}", schema.to_readable()?, table.to_readable()?)));
            }
        }
        Ok(None)
    })
}
