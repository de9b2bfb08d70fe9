-- Refuses to continue if another role owns an object with the name of an object that this file makes.

-- That role could change the object at any time, and so control the calls or the stored data.
DO $plain$
DECLARE
    own_schema CONSTANT oid := '@extschema@'::regnamespace;
    runner CONSTANT oid := quote_ident(current_user)::regrole;
    in_the_way text;
BEGIN
    SELECT string_agg(format('%s of %I', pg_describe_object(o.classid, o.objid, 0), pg_get_userbyid(o.owner)),
                      E'\n' ORDER BY o.classid, o.objid)
    INTO in_the_way
    FROM (
        SELECT 'pg_proc'::regclass, p.oid, p.proowner
        FROM pg_proc AS p
        -- An array looks each signature up once. A join would do it again for every function of the database.
        WHERE p.oid = ANY (ARRAY(SELECT to_regprocedure('@extschema@' || '.' || f.signature)::oid
                                FROM unnest(ARRAY['@functions@']) AS f (signature)))
        UNION ALL
        SELECT 'pg_class'::regclass, c.oid, c.relowner
        FROM pg_class AS c
        WHERE c.relnamespace = own_schema AND c.relname = ANY (ARRAY['@relations@'])
        UNION ALL
        SELECT 'pg_type'::regclass, t.oid, t.typowner
        FROM pg_type AS t
        WHERE t.typnamespace = own_schema AND t.typname = ANY (ARRAY['@relations@']) AND t.typrelid = 0
    ) AS o (classid, objid, owner)
    WHERE o.owner <> runner;

    IF in_the_way IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = 'objects of other roles have names that vetassist needs',
            DETAIL = in_the_way,
            HINT = 'Nothing was changed. Run this as their owner, or rename or drop them, or choose another schema.';
    END IF;
END
$plain$;
