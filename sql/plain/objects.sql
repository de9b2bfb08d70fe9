-- The objects of the plain installation.
--
-- provides: functions/objects.sql
-- requires: plain/present.sql tables/users.sql

-- Returns the objects whose names begin with vetassist_ and whose owner is that of the tables.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_objects() RETURNS TABLE (classid oid, objid oid)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    WITH own (schema, owner) AS (
        SELECT c.relnamespace, c.relowner FROM pg_class AS c
        WHERE c.relnamespace = '@extschema@'::regnamespace AND c.relname = 'vetassist_users'
    )
    SELECT 'pg_class'::regclass::oid, c.oid
    FROM own AS o
    JOIN pg_class AS c ON c.relnamespace = o.schema AND c.relowner = o.owner AND c.relkind IN ('r', 'S')
    WHERE c.relname LIKE 'vetassist!_%' ESCAPE '!'
    UNION ALL
    SELECT 'pg_proc'::regclass, p.oid
    FROM own AS o
    JOIN pg_proc AS p ON p.pronamespace = o.schema AND p.proowner = o.owner
    WHERE p.proname LIKE 'vetassist!_%' ESCAPE '!'
$$;
