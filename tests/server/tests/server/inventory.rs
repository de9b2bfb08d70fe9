//! The extension holds these objects and no others.

use vetassist_server_tests::{compare_with_golden, database};

#[test]
fn the_objects_are_those_on_the_list() {
    let mut db = database();
    let rows = db
        .query(
            "SELECT pg_describe_object(classid, objid, objsubid) ||
                    coalesce((SELECT format(' [%s %s%s%s]',
                        CASE provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END,
                        CASE proparallel WHEN 's' THEN 'parallel safe' WHEN 'r' THEN 'parallel restricted' ELSE 'parallel unsafe' END,
                        CASE WHEN prosecdef THEN ' security definer' END,
                        CASE WHEN EXISTS (SELECT FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) WHERE grantee = 0)
                             THEN ' public' END)
                        FROM pg_proc p WHERE p.oid = objid AND classid = 'pg_proc'::regclass), '')
             FROM pg_depend
             WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
               AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'vetassist')
             ORDER BY 1",
            &[],
        )
        .unwrap();
    let found: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    compare_with_golden("inventory.txt", &(found.join("\n") + "\n"));
}
