-- Adoption of tables that a plain migration made.
--
-- requires: extension/owner.sql extension/lock_tables.sql functions/schema.sql

-- A database that ran the plain migration has the four tables already, with data. They become the extension's if they
-- are exactly what they must be, and belong to the installing role or to the one that vetassist.adopt_from names.
-- Otherwise nothing happens but an error that names every difference: what this script did before is rolled back.
DO $$
DECLARE
    own_schema CONSTANT oid := '@extschema@'::regnamespace;
    -- The library is loaded by now, so the value is one that a superuser gave.
    adopt_from CONSTANT text := nullif(current_setting('vetassist.adopt_from', true), '');
    owners oid[] := ARRAY[quote_ident(current_user)::regrole];
    found oid[];
    differences text[];
    plain_functions text;
    relation record;
BEGIN
    PERFORM set_config('vetassist_script.adopted_from', '', true);
    SELECT array_agg(c.oid) INTO found
    FROM pg_class AS c
    WHERE c.relnamespace = own_schema AND c.relname = ANY (ARRAY['@tables@']);
    IF found IS NULL THEN
        RETURN;
    END IF;

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
        SELECT 'pg_proc'::regclass, p.oid, f.signature, p.proowner
        FROM unnest(ARRAY['@plain_functions@']) AS f (signature)
        JOIN pg_proc AS p ON p.oid = to_regprocedure('@extschema@' || '.' || f.signature)
    ), lines (line) AS (
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
        -- Its owner sees all rows, and would see none afterwards.
        SELECT format('%s: row security, %s would see no rows', t.name, pg_get_userbyid(t.owner))
        FROM taken AS t
        JOIN pg_class AS c ON c.oid = t.objid AND c.relrowsecurity
        JOIN pg_roles AS r ON r.oid = t.owner AND NOT r.rolsuper AND NOT r.rolbypassrls
    )
    SELECT array_agg(l.line) INTO differences FROM lines AS l;

    -- Nobody else changes them from now on, nor the sequence, which goes along.
    FOR relation IN SELECT c.oid::regclass AS name FROM pg_class AS c WHERE c.oid = ANY (found) AND c.relkind IN ('r', 'p') LOOP
        EXECUTE format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE', relation.name);
        EXECUTE format('ALTER TABLE %s OWNER TO vetassist_owner', relation.name);
    END LOOP;

    -- Owner and rights are the extension's affair.
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
            HINT = 'Nothing was changed. Mend each difference, or install into another schema with CREATE EXTENSION vetassist SCHEMA <name>. Tables of another role are adopted where vetassist.adopt_from names it.';
    END IF;

    -- The functions of the plain file have the names that this script's take.
    DROP TRIGGER IF EXISTS vetassist_auth_audit_append_only ON @extschema@.vetassist_auth_audit;
    DROP TRIGGER IF EXISTS vetassist_auth_audit_append_only_rows ON @extschema@.vetassist_auth_audit;
    DROP TRIGGER IF EXISTS vetassist_auth_audit_id ON @extschema@.vetassist_auth_audit;
    SELECT string_agg(p.oid::regprocedure::text, ', ') INTO plain_functions
    FROM unnest(ARRAY['@plain_functions@']) AS f (signature)
    JOIN pg_proc AS p ON p.oid = to_regprocedure('@extschema@' || '.' || f.signature);
    IF plain_functions IS NOT NULL THEN
        EXECUTE format('DROP ROUTINE %s', plain_functions);
    END IF;

    FOR relation IN
        SELECT c.oid::regclass AS name, CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind
        FROM pg_class AS c
        WHERE c.oid = ANY (found) OR (c.relnamespace = own_schema AND c.relname = 'vetassist_auth_audit_id_seq')
    LOOP
        EXECUTE format('ALTER EXTENSION vetassist ADD %s %s', relation.kind, relation.name);
    END LOOP;
    IF adopt_from IS NOT NULL THEN
        PERFORM set_config('vetassist_script.adopted_from', adopt_from, true);
    END IF;
END
$$;
