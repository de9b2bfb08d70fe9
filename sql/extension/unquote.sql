-- Removes unnecessary quotes from the name of the schema in the bodies of functions.
--
-- requires: functions/

-- PostgreSQL itself puts the schema's name into a script, with quotes if quote_all_identifiers is on. The functions would
-- work with the quotes, but their text would differ between installations.
DO $$
DECLARE
    own_schema CONSTANT text := quote_ident((SELECT n.nspname FROM pg_namespace AS n WHERE n.oid = '@extschema@'::regnamespace));
    definition text;
BEGIN
    IF own_schema = '@extschema@' THEN
        RETURN;
    END IF;
    FOR definition IN
        SELECT pg_get_functiondef(p.oid)
        FROM pg_extension AS e
        JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
        JOIN pg_proc AS p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
        WHERE e.extname = 'vetassist' AND strpos(p.prosrc, '@extschema@') > 0
    LOOP
        EXECUTE replace(definition, '@extschema@', own_schema);
    END LOOP;
END
$$;
