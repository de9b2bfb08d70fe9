-- Refuses to continue if another object has the name of an object that this script makes.
--
-- requires: extension/search_path.sql

-- The names come from the CREATE statements of this script. A function counts only if it has the same argument types.
-- extension/adoption.sql judges the tables that it takes over, their indexes and their sequence. It also judges the
-- functions of the plain file, which belong to the owner of the tables.
DO $$
DECLARE
    own_schema CONSTANT oid := '@extschema@'::regnamespace;
    adoptable CONSTANT oid[] := ARRAY(SELECT c.oid FROM pg_class AS c
                                      WHERE c.relnamespace = own_schema AND c.relname = ANY (ARRAY['@tables@']));
    in_the_way text;
BEGIN
    WITH members (classid, objid) AS (
        SELECT d.classid, d.objid
        FROM pg_depend AS d
        JOIN pg_extension AS x ON x.oid = d.refobjid AND x.extname = 'vetassist'
        WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
    ), named (classid, objid, owner) AS (
        SELECT 'pg_proc'::regclass, p.oid, p.proowner
        FROM pg_proc AS p
        -- An array looks each signature up once. A join would do it again for every function of the database.
        WHERE p.oid = ANY (ARRAY(SELECT to_regprocedure('@extschema@' || '.' || f.signature)::oid
                                FROM unnest(ARRAY['@functions@']) AS f (signature)))
          AND p.proowner <> ALL (ARRAY(SELECT c.relowner FROM pg_class AS c
                                         WHERE c.oid = ANY (adoptable) AND NOT EXISTS (SELECT FROM members AS m WHERE m.objid = c.oid)))
        UNION ALL
        SELECT 'pg_class'::regclass, c.oid, c.relowner
        FROM pg_class AS c
        WHERE c.relnamespace = own_schema AND c.relname = ANY (ARRAY['@relations@']) AND c.oid <> ALL (adoptable)
          AND NOT EXISTS (SELECT FROM pg_index AS i WHERE i.indexrelid = c.oid AND i.indrelid = ANY (adoptable))
          AND NOT (c.relkind = 'S' AND cardinality(adoptable) > 0)
        UNION ALL
        SELECT 'pg_type'::regclass, t.oid, t.typowner
        FROM pg_type AS t
        WHERE t.typnamespace = own_schema AND t.typname = ANY (ARRAY['@relations@']) AND t.typrelid = 0
        UNION ALL
        SELECT 'pg_event_trigger'::regclass, e.oid, e.evtowner
        FROM pg_event_trigger AS e
        WHERE e.evtname = ANY (ARRAY['@event_triggers@'])
    )
    SELECT string_agg(format('%s of %I', pg_describe_object(n.classid, n.objid, 0), pg_get_userbyid(n.owner)),
                      E'\n' ORDER BY n.classid, n.objid)
    INTO in_the_way
    FROM named AS n
    WHERE NOT EXISTS (SELECT FROM members AS m WHERE m.classid = n.classid AND m.objid = n.objid);

    IF in_the_way IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = 'objects that are not the extension''s have names that vetassist needs',
            DETAIL = in_the_way,
            HINT = 'Nothing was changed. Rename or drop them, or install into another schema with CREATE EXTENSION vetassist SCHEMA <name>.';
    END IF;
END
$$;
