//! The guard against dropping the extension together with its data by surprise.
//!
//! It is an event trigger before the command, because the extension's own trigger is gone when those after
//! the command are called. Before it, PostgreSQL says what was commanded and not yet what that drops, so the
//! command is looked at here.

use core::ffi::CStr;

use pgrx::{pg_extern, pg_sys, spi, PgList, PgSqlErrorCode, Spi};

use crate::{
    errors::{report, Outcome},
    settings,
};

const EXTENSION: &CStr = c"vetassist";

/// Refuses a command that would drop the extension while one of its tables has a row.
#[pg_extern(sql = "
CREATE FUNCTION vetassist_guard_drop() RETURNS event_trigger
LANGUAGE c SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';

CREATE EVENT TRIGGER vetassist_guard_drop ON ddl_command_start
WHEN TAG IN ('DROP EXTENSION', 'DROP OWNED', 'DROP SCHEMA')
EXECUTE FUNCTION @extschema@.vetassist_guard_drop();
")]
fn vetassist_guard_drop(fcinfo: pg_sys::FunctionCallInfo) -> Outcome<()> {
    // SAFETY: PostgreSQL passes the call's own information.
    let context = unsafe { (*fcinfo).context };
    if node_tag(context) != Some(pg_sys::NodeTag::T_EventTriggerData) {
        return Err(report(
            PgSqlErrorCode::ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED,
            "vetassist_guard_drop() is called by its event trigger",
            "Do not call it.",
        ));
    }
    // SAFETY: its tag says what it is.
    let command = unsafe { (*context.cast::<pg_sys::EventTriggerData>()).parsetree };
    if settings::drop_with_data() || !drops_extension(command) {
        return Ok(());
    }
    match table_with_rows() {
        Ok(None) => Ok(()),
        Ok(Some(table)) => Err(report(
            PgSqlErrorCode::ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST,
            format!("the command would destroy the rows of {table}"),
            "SELECT vetassist_detach() first, and the tables stay. To destroy them, SET vetassist.drop_with_data = on.",
        )),
        Err(error) => Err(report(
            PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
            format!("cannot see whether the tables have rows: {error}"),
            "SELECT vetassist_detach() first, and the tables stay.",
        )),
    }
}

fn node_tag<T>(node: *mut T) -> Option<pg_sys::NodeTag> {
    // SAFETY: every node begins with its tag.
    (!node.is_null()).then(|| unsafe { (*node.cast::<pg_sys::Node>()).type_ })
}

/// Whether a command drops the extension: by its name, with its schema, or with all that its owner has.
fn drops_extension(command: *mut pg_sys::Node) -> bool {
    match node_tag(command) {
        Some(pg_sys::NodeTag::T_DropStmt) => {
            // SAFETY: its tag says what it is.
            let drop = unsafe { &*command.cast::<pg_sys::DropStmt>() };
            match drop.removeType {
                pg_sys::ObjectType::OBJECT_EXTENSION => {
                    names(drop.objects).any(|name| name == EXTENSION)
                }
                // Without CASCADE, a schema with something in it is not dropped.
                pg_sys::ObjectType::OBJECT_SCHEMA => {
                    drop.behavior == pg_sys::DropBehavior::DROP_CASCADE
                        && names(drop.objects).any(is_own_schema)
                }
                _ => false,
            }
        }
        Some(pg_sys::NodeTag::T_DropOwnedStmt) => {
            // SAFETY: its tag says what it is.
            let roles = unsafe { (*command.cast::<pg_sys::DropOwnedStmt>()).roles };
            // SAFETY: the grammar makes a list of roles of it.
            let roles = unsafe { PgList::<pg_sys::RoleSpec>::from_pg(roles) };
            let owner = of_extension("extowner");
            let is_owner = |role: *mut pg_sys::RoleSpec| {
                // SAFETY: looks the role up; 0 if there is none.
                owner == Some(unsafe { pg_sys::get_rolespec_oid(role, true) })
            };
            let found = roles.iter_ptr().any(is_owner);
            found
        }
        _ => false,
    }
}

/// The strings of a list.
fn names<'a>(list: *mut pg_sys::List) -> impl Iterator<Item = &'a CStr> {
    // SAFETY: the grammar makes a list of strings of the names of extensions and of schemas.
    let strings = unsafe { PgList::<pg_sys::String>::from_pg(list) };
    let pointers: Vec<_> = strings.iter_ptr().collect();
    pointers
        .into_iter()
        .filter(|string| node_tag(*string) == Some(pg_sys::NodeTag::T_String))
        // SAFETY: its tag says what it is, and it lives as long as the command.
        .map(|string| unsafe { CStr::from_ptr((*string).sval) })
}

fn is_own_schema(name: &CStr) -> bool {
    // SAFETY: reads the catalog; 0 if there is none.
    let schema = unsafe { pg_sys::get_namespace_oid(name.as_ptr(), true) };
    of_extension("extnamespace") == Some(schema)
}

/// A column of the extension's row in the catalog.
fn of_extension(column: &str) -> Option<pg_sys::Oid> {
    let query = format!("SELECT {column} FROM pg_extension WHERE extname = 'vetassist'");
    Spi::get_one(&query).ok().flatten()
}

/// One of the tables that would go with the extension, if one has a row.
fn table_with_rows() -> spi::Result<Option<String>> {
    Spi::connect(|client| {
        let members = "SELECT d.objid::regclass::text FROM pg_depend d
             JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'vetassist'
             JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'r'
             WHERE d.refclassid = 'pg_extension'::regclass AND d.classid = 'pg_class'::regclass AND d.deptype = 'e'
             ORDER BY d.objid";
        for row in client.select(members, None, &[])? {
            // With its schema, and quoted: search_path is pg_catalog's.
            let Some(table) = row.get::<String>(1)? else { continue };
            let query = format!("SELECT EXISTS (SELECT FROM {table})");
            if client.select(&query, Some(1), &[])?.first().get_one::<bool>()? == Some(true) {
                return Ok(Some(table));
            }
        }
        Ok(None)
    })
}
