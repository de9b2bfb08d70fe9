//! The guard against dropping the extension together with its data by surprise.
//!
//! It is an event trigger before the command, because the extension's own trigger is gone when those after
//! the command are called. Before it, PostgreSQL says what was commanded and not yet what that drops, so the
//! command is looked at here.

use core::ffi::CStr;

use pgrx::{pg_extern, pg_sys, spi, PgList, PgSqlErrorCode, Spi};

use crate::{
    errors::{Error, SqlResult},
    owner::as_role,
    settings,
};

const EXTENSION: &CStr = c"vetassist";
/// An extension too. What depends on it goes with it, and an extension goes with any of its objects.
const LANGUAGE: &CStr = c"plpgsql";

/// Refuses a command that would drop the extension while one of its tables has a row.
#[pg_extern(sql = false)]
fn vetassist_guard_drop(fcinfo: pg_sys::FunctionCallInfo) -> SqlResult<()> {
    // SAFETY: PostgreSQL passes the call's own information.
    let context = unsafe { (*fcinfo).context };
    if node_tag(context) != Some(pg_sys::NodeTag::T_EventTriggerData) {
        return Err(Error::new(
            PgSqlErrorCode::ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED,
            "vetassist_guard_drop() is called by its event trigger",
            "Do not call it.",
        )
        .into());
    }
    // SAFETY: its tag says what it is.
    let command = unsafe { (*context.cast::<pg_sys::EventTriggerData>()).parsetree };
    let found =
        drops_extension(command).and_then(|drops| if drops { table_with_rows() } else { Ok(None) });
    match found {
        Ok(None) => Ok(()),
        Ok(Some(_)) if settings::drop_with_data()? => Ok(()),
        Ok(Some(table)) => Err(Error::new(
            PgSqlErrorCode::ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST,
            format!("the command would destroy the rows of {table}"),
            "Have a superuser SELECT vetassist_detach() first, and the tables stay. To destroy them, SET vetassist.drop_with_data = on.",
        )
        .into()),
        Err(error) => Err(Error::new(
            PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
            format!("cannot see whether the command would destroy the tables of vetassist: {error}"),
            "Have a superuser SELECT vetassist_detach() first, and the tables stay.",
        )
        .into()),
    }
}

fn node_tag<T>(node: *mut T) -> Option<pg_sys::NodeTag> {
    // SAFETY: every node begins with its tag.
    (!node.is_null()).then(|| unsafe { (*node.cast::<pg_sys::Node>()).type_ })
}

/// Whether a command drops the extension: by its name, with its schema, with all that its owner has, or with the
/// language of most of its functions.
fn drops_extension(command: *mut pg_sys::Node) -> spi::Result<bool> {
    match node_tag(command) {
        Some(pg_sys::NodeTag::T_DropStmt) => {
            // SAFETY: its tag says what it is.
            let drop = unsafe { &*command.cast::<pg_sys::DropStmt>() };
            let cascades = drop.behavior == pg_sys::DropBehavior::DROP_CASCADE;
            match drop.removeType {
                pg_sys::ObjectType::OBJECT_EXTENSION => Ok(names(drop.objects)
                    .any(|name| name == EXTENSION || (cascades && name == LANGUAGE))),
                // Without CASCADE, a schema with something in it is not dropped.
                pg_sys::ObjectType::OBJECT_SCHEMA if cascades => {
                    let schemas = oids(SCHEMAS)?;
                    Ok(names(drop.objects).any(|name| {
                        // SAFETY: reads the catalog; 0 if there is none.
                        schemas.contains(&unsafe { pg_sys::get_namespace_oid(name.as_ptr(), true) })
                    }))
                }
                _ => Ok(false),
            }
        }
        Some(pg_sys::NodeTag::T_DropOwnedStmt) => {
            // SAFETY: its tag says what it is.
            let drop = unsafe { &*command.cast::<pg_sys::DropOwnedStmt>() };
            let cascades = drop.behavior == pg_sys::DropBehavior::DROP_CASCADE;
            // SAFETY: the grammar makes a list of roles of it.
            let roles = unsafe { PgList::<pg_sys::RoleSpec>::from_pg(drop.roles) };
            let owners = owners(cascades)?;
            let found = roles.iter_ptr().any(|role| {
                // SAFETY: looks the role up; 0 if there is none.
                owners.contains(&unsafe { pg_sys::get_rolespec_oid(role, true) })
            });
            Ok(found)
        }
        _ => Ok(false),
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

/// The schemas that something of the extension's is in: its own, and wherever a table was moved to.
const SCHEMAS: &str = "SELECT x.schema FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'vetassist',
     LATERAL (SELECT e.extnamespace UNION ALL
              SELECT relnamespace FROM pg_class WHERE oid = d.objid AND d.classid = 'pg_class'::regclass UNION ALL
              SELECT pronamespace FROM pg_proc WHERE oid = d.objid AND d.classid = 'pg_proc'::regclass) AS x (schema)
     WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'";

/// The roles with whose property the extension goes.
fn owners(cascades: bool) -> spi::Result<Vec<pg_sys::Oid>> {
    let names = if cascades { "'vetassist', 'plpgsql'" } else { "'vetassist'" };
    let mut owners =
        oids(&format!("SELECT extowner FROM pg_extension WHERE extname IN ({names})"))?;
    if cascades {
        owners
            .extend(oids(&format!("SELECT nspowner FROM pg_namespace WHERE oid IN ({SCHEMAS})"))?);
    }
    Ok(owners)
}

/// The first column of what a query of the catalogs returns.
fn oids(query: &str) -> spi::Result<Vec<pg_sys::Oid>> {
    Spi::connect(|client| {
        let rows = client.select(query, None, &[])?;
        rows.filter_map(|row| row.get::<pg_sys::Oid>(1).transpose()).collect()
    })
}

/// One of the tables that would go with the extension, if one has a row. Each is looked into as its owner: whoever may
/// drop the schema may not read it.
fn table_with_rows() -> spi::Result<Option<String>> {
    Spi::connect(|client| {
        let members = "SELECT d.objid::regclass::text, c.relowner FROM pg_depend d
             JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'vetassist'
             JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'r'
             WHERE d.refclassid = 'pg_extension'::regclass AND d.classid = 'pg_class'::regclass AND d.deptype = 'e'
             ORDER BY d.objid";
        for row in client.select(members, None, &[])? {
            // With its schema, and quoted: search_path is pg_catalog's.
            let (Some(table), Some(owner)) = (row.get::<String>(1)?, row.get(2)?) else { continue };
            let query = format!("SELECT EXISTS (SELECT FROM {table})");
            let has_row =
                as_role(owner, || client.select(&query, Some(1), &[])?.first().get_one::<bool>())?;
            if has_row == Some(true) {
                return Ok(Some(table));
            }
        }
        Ok(None)
    })
}
