-- Adoption of tables that a plain migration made.
--
-- requires: extension/owner.sql extension/lock_tables.sql functions/schema.sql

-- A database that ran the plain migration already has the four tables, with data. The extension takes them over if they
-- match the schema exactly, and if they belong to the installing role or to the role that vetassist.adopt_from names.
-- Otherwise an error lists every difference, and the whole installation is rolled back.
DO $$
DECLARE
    own_schema CONSTANT oid := '@extschema@'::regnamespace;
    -- The library is already loaded, so only a superuser can have set the value.
    adopt_from CONSTANT text := nullif(current_setting('vetassist.adopt_from', true), '');
    owners oid[] := ARRAY[quote_ident(current_user)::regrole];
    found oid[];
    functions oid[];
    differences text[];
    relation record;
BEGIN
    PERFORM set_config('vetassist_script.adopted_from', '', true),
            set_config('vetassist_script.adopted_functions', '{}', true);
    SELECT array_agg(c.oid) INTO found
    FROM pg_class AS c
    WHERE c.relnamespace = own_schema AND c.relname = ANY (ARRAY['@tables@']);
    IF found IS NULL THEN
        RETURN;
    END IF;

    functions := ARRAY(SELECT p.oid::oid FROM pg_proc AS p
                       -- An array looks each signature up once. A join would do it again for every function of the database.
                       WHERE p.oid = ANY (ARRAY(SELECT to_regprocedure('@extschema@' || '.' || f.signature)::oid
                                               FROM unnest(ARRAY['@functions@']) AS f (signature))));

    IF adopt_from IS NOT NULL THEN
        IF to_regrole(quote_ident(adopt_from)) IS NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'undefined_object',
                MESSAGE = 'the role that vetassist.adopt_from names does not exist',
                HINT = 'Set it to the owner of the tables, or to nothing.';
        END IF;
        owners := owners || to_regrole(quote_ident(adopt_from))::oid;
    END IF;

    WITH taken (classid, objid, name, owner) AS (
        SELECT 'pg_class'::regclass, c.oid, c.relname::text, c.relowner
        FROM pg_class AS c
        WHERE c.oid = ANY (found) OR (c.relnamespace = own_schema AND c.relname = 'vetassist_auth_audit_id_seq')
        UNION ALL
        SELECT 'pg_proc'::regclass, p.oid, p.oid::regprocedure::text, p.proowner
        FROM pg_proc AS p
        -- This skips functions that the script itself has already made.
        WHERE p.oid = ANY (functions) AND NOT EXISTS (
            SELECT FROM pg_depend AS d JOIN pg_extension AS x ON x.oid = d.refobjid AND x.extname = 'vetassist'
            WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
    ), lines (line) AS (
        SELECT format('%s: takes other arguments than the function of vetassist', p.oid::regprocedure)
        FROM pg_proc AS p
        WHERE p.pronamespace = own_schema AND p.oid <> ALL (functions)
          AND EXISTS (SELECT FROM unnest(ARRAY['@functions@']) AS f (signature) WHERE split_part(f.signature, '(', 1) = p.proname)
          AND p.proowner = ANY (ARRAY(SELECT c.relowner FROM pg_class AS c WHERE c.oid = ANY (found)))
        UNION ALL
        SELECT format('%s: owner, expected %s, found %s', t.name,
                      (SELECT string_agg(pg_get_userbyid(o.owner), ' or ') FROM unnest(owners) AS o (owner)),
                      pg_get_userbyid(t.owner))
        FROM taken AS t
        WHERE t.owner <> ALL (owners)
        UNION ALL
        SELECT format('%s: belongs to extension %s', t.name, x.extname)
        FROM taken AS t
        JOIN pg_depend AS d ON d.classid = t.classid AND d.objid = t.objid AND d.deptype = 'e'
        JOIN pg_extension AS x ON x.oid = d.refobjid
        UNION ALL
        -- The owner sees all rows now, and would see none after the adoption.
        SELECT format('%s: row security, %s would see no rows', t.name, pg_get_userbyid(t.owner))
        FROM taken AS t
        JOIN pg_class AS c ON c.oid = t.objid AND c.relrowsecurity
        JOIN pg_roles AS r ON r.oid = t.owner AND NOT r.rolsuper AND NOT r.rolbypassrls
    )
    SELECT array_agg(l.line) INTO differences FROM lines AS l;

    -- From now on, no other role can change the tables or the sequence that belongs to one of them.
    FOR relation IN SELECT c.oid::regclass AS name FROM pg_class AS c WHERE c.oid = ANY (found) AND c.relkind IN ('r', 'p') LOOP
        EXECUTE format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE', relation.name);
        EXECUTE format('ALTER TABLE %s OWNER TO vetassist_owner', relation.name);
    END LOOP;

    -- The extension sets owner and rights itself, below.
    differences := differences || ARRAY(
        SELECT format('%s: %s', s.object, s.problem) || coalesce(', expected ' || s.expected, '')
               || coalesce(', found ' || s.found, '')
        FROM @extschema@.vetassist_check_schema() AS s
        WHERE s.problem <> 'owner' AND s.problem NOT LIKE 'rights of %');

    IF cardinality(differences) > 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('the existing tables in schema %s cannot be adopted', own_schema::regnamespace),
            DETAIL = (SELECT string_agg(d.line, E'\n' ORDER BY d.line) FROM unnest(differences) AS d (line)),
            HINT = 'Nothing was changed. Correct each difference, or install into another schema with CREATE EXTENSION vetassist SCHEMA <name>. To adopt the tables of another role, set vetassist.adopt_from to its name.';
    END IF;

    -- This script makes functions with the same names.
    DROP TRIGGER IF EXISTS vetassist_auth_audit_append_only ON @extschema@.vetassist_auth_audit;
    DROP TRIGGER IF EXISTS vetassist_auth_audit_append_only_rows ON @extschema@.vetassist_auth_audit;
    DROP TRIGGER IF EXISTS vetassist_auth_audit_id ON @extschema@.vetassist_auth_audit;
    DROP FUNCTION IF EXISTS @extschema@.vetassist_audit_guard();
    DROP FUNCTION IF EXISTS @extschema@.vetassist_audit_id();
    -- Only a plain installation needs these.
    DROP FUNCTION IF EXISTS @extschema@.vetassist_sign_out_step(integer);
    DROP FUNCTION IF EXISTS @extschema@.vetassist_note_sign_out(bigint);
    IF to_regclass('@extschema@' || '.vetassist_settings') IS NOT NULL THEN
        IF EXISTS (SELECT FROM @extschema@.vetassist_settings) THEN
            RAISE WARNING USING MESSAGE = 'the settings in vetassist_settings are no longer in force',
                DETAIL = (SELECT string_agg(format('vetassist.%s = %L', s.name, s.value), ', ' ORDER BY s.name)
                          FROM @extschema@.vetassist_settings AS s),
                HINT = 'Set them with ALTER SYSTEM or ALTER DATABASE.';
        END IF;
        DROP TABLE @extschema@.vetassist_settings;
    END IF;

    FOR relation IN
        SELECT c.oid::regclass::text AS name, CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind
        FROM pg_class AS c
        WHERE c.oid = ANY (found) OR (c.relnamespace = own_schema AND c.relname = 'vetassist_auth_audit_id_seq')
        UNION ALL
        -- The scripts of the functions replace the bodies later.
        SELECT p.oid::regprocedure::text, 'ROUTINE'
        FROM pg_proc AS p
        WHERE p.oid = ANY (functions) AND NOT EXISTS (
            SELECT FROM pg_depend AS d JOIN pg_extension AS x ON x.oid = d.refobjid AND x.extname = 'vetassist'
            WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
    LOOP
        EXECUTE format('ALTER EXTENSION vetassist ADD %s %s', relation.kind, relation.name);
        IF relation.kind = 'ROUTINE' THEN
            PERFORM set_config('vetassist_script.adopted_functions',
                               (current_setting('vetassist_script.adopted_functions')::oid[]
                                || relation.name::regprocedure::oid)::text, true);
        END IF;
    END LOOP;
    IF adopt_from IS NOT NULL THEN
        PERFORM set_config('vetassist_script.adopted_from', adopt_from, true);
    END IF;
END
$$;
