//! Compares the extension's functions and event triggers with those that its script made.
//!
//! No event trigger stops a superuser who replaces a function. The library contains the text of the script, so it can
//! compare.

use std::collections::BTreeMap;

use pgrx::spi::SpiClient;

use crate::{
    errors::Result,
    statements::{failed, one},
    values::Text,
};

/// The statements of the script that make the functions and the event triggers.
const SOURCE: &str = include_str!(concat!(env!("OUT_DIR"), "/functions.sql"));

/// The name of the library in the catalog, for functions in C.
const LIBRARY: &str = "$libdir/vetassist";

/// Stands for the body of a function in SQL-standard form, which PostgreSQL does not keep as text.
const READ: &str = "RETURN";

/// A function or an event trigger.
#[derive(Debug, PartialEq, Eq)]
struct Definition {
    /// Everything except the body: language, rights, settings and so on.
    attributes: String,
    body: String,
}

/// The name of an object and its problem.
pub(super) type Changed = (String, &'static str);

/// Returns the objects of the extension that differ from those of the script. Returns nothing if another version is
/// installed, because the library does not have its script.
pub(super) fn changed(client: &SpiClient<'_>) -> Result<Vec<Changed>> {
    let mut changed = Vec::new();
    let own_version = "SELECT quote_ident(n.nspname) FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace
         WHERE e.extname = 'vetassist' AND e.extversion = $1";
    let own_version = client
        .select(own_version, Some(1), &[env!("CARGO_PKG_VERSION").into()])
        .and_then(|rows| rows.first().get_one::<Text<'_>>())
        .map_err(failed)?;
    let Some(schema) = own_version else { return Ok(changed) };
    let schema = schema.to_readable()?;
    for (query, kind, mut expected) in [
        (FUNCTIONS, "function", functions(&schema)),
        (EVENT_TRIGGERS, "event trigger", event_triggers()),
    ] {
        for row in client.select(query, None, &[]).map_err(failed)? {
            let text = |column| -> Result<String> {
                let text: Text<'_> = one(row.get(column))?;
                Ok(text.to_readable()?.into_owned())
            };
            let (object, name) = (text(1)?, text(2)?);
            let found = Definition { attributes: text(3)?, body: text(4)? };
            let of_this_name = expected.entry(name).or_default();
            let like =
                |is_like: &dyn Fn(&Definition) -> bool| of_this_name.iter().position(is_like);
            let nearest = like(&|made| *made == found)
                .or_else(|| like(&|made| made.body == found.body))
                .or_else(|| like(&|_| true));
            let problem = match nearest.map(|nearest| of_this_name.swap_remove(nearest)) {
                None => "was not made by vetassist",
                Some(made) if made == found => continue,
                Some(made) if made.body == found.body => {
                    "has other attributes than vetassist gave it"
                }
                Some(_) => "has another body than vetassist gave it",
            };
            changed.push((object, problem));
        }
        for (name, missing) in expected {
            changed.extend(missing.iter().map(|_| (format!("{kind} {name}"), "is missing")));
        }
    }
    Ok(changed)
}

/// Selects name and signature, name, attributes and body.
const FUNCTIONS: &str = "
    SELECT format('function %s(%s)', p.proname, oidvectortypes(p.proargtypes)), p.proname::text,
           concat_ws(' ', p.prokind, l.lanname, p.provolatile, p.proisstrict, p.proparallel, p.prosecdef, p.proleakproof,
                     array_to_string(p.proconfig, ' '), p.probin),
           CASE WHEN p.prosqlbody IS NULL THEN p.prosrc ELSE 'RETURN' END
    FROM pg_extension AS e
    JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
    JOIN pg_proc AS p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
    JOIN pg_language AS l ON l.oid = p.prolang
    WHERE e.extname = 'vetassist'
    ORDER BY 1";

/// Selects name with its kind, name, event and tags, and function.
const EVENT_TRIGGERS: &str = "
    SELECT 'event trigger ' || t.evtname, t.evtname::text,
           concat_ws(' ', t.evtevent, array_to_string(t.evttags, ' ')), p.proname::text
    FROM pg_extension AS e
    JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
    JOIN pg_event_trigger AS t ON d.classid = 'pg_event_trigger'::regclass AND t.oid = d.objid
    JOIN pg_proc AS p ON p.oid = t.evtfoid
    WHERE e.extname = 'vetassist'
    ORDER BY 1";

/// Returns the functions of the script by their names. Their bodies contain the given schema, which is quoted.
fn functions(schema: &str) -> BTreeMap<String, Vec<Definition>> {
    let mut made: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for statement in SOURCE.split("\nCREATE OR REPLACE ").skip(1) {
        let kind = if statement.starts_with("PROCEDURE") { 'p' } else { 'f' };
        let Some((head, rest)) = statement.split_once("\nLANGUAGE ") else { continue };
        let Some((options, body)) = rest.split_once('\n') else { continue };
        let name = head.split(['.', '(']).nth(1).unwrap_or_default().to_owned();
        let (body, library) = if body.starts_with("AS $$") {
            let body = body.split("$$").nth(1).unwrap_or_default();
            (body.replace("@extschema@", schema), "")
        } else if body.starts_with("AS '") {
            // A function in C has the library and the symbol in place of a body.
            (body.split('\'').nth(3).unwrap_or_default().to_owned(), LIBRARY)
        } else {
            // PostgreSQL does not keep a body in SQL-standard form as text. So only the form is compared.
            (READ.to_owned(), "")
        };
        let attributes = attributes(kind, options, library);
        made.entry(name).or_default().push(Definition { attributes, body });
    }
    made
}

/// Returns the attributes of a function in the form in which the query returns them.
fn attributes(kind: char, options: &str, library: &str) -> String {
    let (options, settings) = match options.split_once(" SET ") {
        Some((options, settings)) => (options, settings),
        None => (options, ""),
    };
    let has = |option: &str| options.split_ascii_whitespace().any(|word| word == option);
    let language = options.split_ascii_whitespace().next().unwrap_or_default();
    let volatility = if has("IMMUTABLE") {
        'i'
    } else if has("STABLE") {
        's'
    } else {
        'v'
    };
    let parallel = if has("SAFE") {
        's'
    } else if has("RESTRICTED") {
        'r'
    } else {
        'u'
    };
    let truth = |is_so| if is_so { 't' } else { 'f' };
    let (strict, definer) = (truth(has("STRICT")), truth(has("DEFINER")));
    let mut attributes = format!("{kind} {language} {volatility} {strict} {parallel} {definer} f");
    for setting in settings.split(" SET ").filter(|setting| !setting.is_empty()) {
        let setting = setting.split(" ROWS ").next().unwrap_or_default();
        attributes.push(' ');
        attributes += &setting.replacen(" = ", "=", 1);
    }
    if !library.is_empty() {
        attributes.push(' ');
        attributes += library;
    }
    attributes
}

/// Returns the event triggers of the script by their names.
fn event_triggers() -> BTreeMap<String, Vec<Definition>> {
    let mut made: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for statement in SOURCE.split("\nCREATE EVENT TRIGGER ").skip(1) {
        let Some((head, rest)) = statement.split_once("EXECUTE FUNCTION @extschema@.") else {
            continue;
        };
        let mut words = head.split_ascii_whitespace();
        let (name, event) = (words.next().unwrap_or_default(), words.nth(1).unwrap_or_default());
        let mut attributes = event.to_owned();
        for tag in head.split('\'').skip(1).step_by(2) {
            attributes.push(' ');
            attributes += tag;
        }
        let body = rest.split('(').next().unwrap_or_default().to_owned();
        made.entry(name.to_owned()).or_default().push(Definition { attributes, body });
    }
    made
}
