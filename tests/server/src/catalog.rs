//! Reads everything that PostgreSQL's catalogs record of the extension's objects.

use postgres::Client;

use crate::queries::column_of;

/// Returns each attribute of each object of the extension and of its dependent objects, one per line. Two
/// installations are the same if their lines are the same.
#[must_use]
pub fn catalog(db: &mut Client) -> Vec<String> {
    let mut found = Vec::new();
    for query in QUERIES {
        let lines = column_of(db, &format!("{MEMBERS} {query} ORDER BY 1"));
        assert!(!lines.is_empty(), "{query}");
        found.extend(lines);
    }
    found
}

/// The extension's objects, and the relations that belong to its tables.
const MEMBERS: &str = "
    WITH extension AS (SELECT * FROM pg_extension WHERE extname = 'vetassist'),
    members AS (
        SELECT d.classid, d.objid FROM pg_depend d JOIN extension e ON e.oid = d.refobjid
        WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'),
    relations AS (
        SELECT c.* FROM pg_class c JOIN members m ON m.classid = 'pg_class'::regclass AND m.objid = c.oid
        UNION
        SELECT c.* FROM members m JOIN pg_index i ON i.indrelid = m.objid JOIN pg_class c ON c.oid = i.indexrelid
        WHERE m.classid = 'pg_class'::regclass)";

/// Lists an object's rights, sorted because the order of the grants does not matter.
macro_rules! acl {
    ($column:literal) => {
        concat!(
            "coalesce((SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(",
            $column,
            ") AS a), '-')"
        )
    };
}

const QUERIES: [&str; 12] = [
    "SELECT format('extension: version %s, schema %s, relocatable %s, owner %s', extversion, extnamespace::regnamespace, extrelocatable, extowner::regrole) FROM extension",
    "SELECT format('dumped: %s %s', t.id::regclass, t.condition) FROM extension, unnest(extconfig, extcondition) AS t (id, condition)",
    "SELECT format('member: %s', pg_describe_object(classid, objid, 0)) FROM members",
    concat!(
        "SELECT format('function: %s, owner %s, privileges %s, comment %s', pg_get_functiondef(p.oid), proowner::regrole, ",
        acl!("proacl"),
        ", obj_description(p.oid, 'pg_proc')) FROM members m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid"
    ),
    concat!(
        "SELECT format('relation: %s, kind %s, owner %s, privileges %s, options %s, row security %s %s, replica identity %s, comment %s', oid::regclass, relkind, relowner::regrole, ",
        acl!("relacl"),
        ", reloptions, relrowsecurity, relforcerowsecurity, relreplident, obj_description(oid, 'pg_class')) FROM relations"
    ),
    concat!(
        "SELECT format('column: %s.%s %s, number %s, type %s, not null %s, default %s, collation %s, storage %s, compression %s, statistics %s, privileges %s, comment %s',
             c.oid::regclass, a.attname, a.attidentity, (SELECT count(*) FROM pg_attribute b WHERE b.attrelid = a.attrelid AND b.attnum BETWEEN 1 AND a.attnum AND NOT b.attisdropped),
             format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attcollation::regcollation, a.attstorage, a.attcompression, a.attstattarget, ",
        acl!("a.attacl"),
        ", col_description(c.oid, a.attnum))
         FROM relations c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
         LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum"
    ),
    "SELECT format('constraint: %s %s, validated %s, comment %s', conrelid::regclass, pg_get_constraintdef(k.oid), convalidated, obj_description(k.oid, 'pg_constraint'))
     FROM pg_constraint k JOIN relations c ON c.oid = k.conrelid",
    "SELECT format('index: %s, primary %s, valid %s, clustered %s', pg_get_indexdef(indexrelid), indisprimary, indisvalid, indisclustered)
     FROM pg_index i JOIN relations c ON c.oid = i.indexrelid",
    "SELECT format('trigger: %s, enabled %s', pg_get_triggerdef(t.oid), tgenabled) FROM pg_trigger t JOIN relations c ON c.oid = t.tgrelid WHERE NOT tgisinternal",
    "SELECT format('event trigger: %s on %s for %s by %s, enabled %s, owner %s', evtname, evtevent, evttags, evtfoid::regproc, evtenabled, evtowner::regrole)
     FROM members m JOIN pg_event_trigger t ON m.classid = 'pg_event_trigger'::regclass AND m.objid = t.oid",
    "SELECT format('sequence: %s from %s by %s, %s to %s, cache %s, cycles %s', seqrelid::regclass, seqstart, seqincrement, seqmin, seqmax, seqcache, seqcycle)
     FROM pg_sequence s JOIN relations c ON c.oid = s.seqrelid",
    concat!(
        "SELECT format('at first: %s %s', pg_describe_object(p.classoid, p.objoid, p.objsubid), ",
        acl!("p.initprivs"),
        ") FROM pg_init_privs p JOIN members m ON m.classid = p.classoid AND m.objid = p.objoid WHERE p.privtype = 'e'"
    ),
];
