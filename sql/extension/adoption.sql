-- Adoption of tables that a plain migration made.
--
-- requires: extension/make_way.sql functions/schema.sql

-- A database that ran the plain migration has the four tables already, with data. They become the
-- extension's if they are the installing role's and exactly what they must be. Otherwise nothing
-- happens but an error that names every difference: what this script did before is rolled back.
DO $$
DECLARE
    own_schema text;
    present text[];
    candidate record;
    differences text;
    refused text;
BEGIN
    SELECT n.nspname INTO own_schema
    FROM pg_extension e
    JOIN pg_namespace n ON n.oid = e.extnamespace
    WHERE e.extname = 'vetassist';

    -- Nobody may change a table between the look at it and its adoption.
    FOR candidate IN
        SELECT c.relname
        FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = own_schema AND c.relkind IN ('r', 'p')
          AND c.relname IN ('vetassist_users', 'vetassist_va_tokens', 'vetassist_sessions', 'vetassist_auth_audit')
        ORDER BY c.relname
    LOOP
        EXECUTE format('LOCK TABLE ONLY %I.%I IN ACCESS EXCLUSIVE MODE', own_schema, candidate.relname);
    END LOOP;

    SELECT array_agg(c.relname::text) INTO present
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = own_schema
      AND c.relname IN ('vetassist_users', 'vetassist_va_tokens', 'vetassist_sessions', 'vetassist_auth_audit');

    IF present IS NOT NULL THEN
        EXECUTE format($query$
            SELECT string_agg(line, E'\n' ORDER BY line)
            FROM (
                SELECT format('%%s: %%s', object, problem)
                       || coalesce(', expected ' || expected, '') || coalesce(', found ' || found, '')
                FROM %1$I.vetassist_check_schema()
                UNION ALL
                SELECT format('%%s: owner, expected %%s, found %%s', c.relname, current_user, pg_get_userbyid(c.relowner))
                FROM pg_class c
                WHERE c.relnamespace = to_regnamespace(%2$L)
                  AND c.relname IN ('vetassist_users', 'vetassist_va_tokens', 'vetassist_sessions', 'vetassist_auth_audit',
                                    'vetassist_auth_audit_id_seq', 'vetassist_keyed_ip_hashes')
                  AND pg_get_userbyid(c.relowner) <> current_user
                UNION ALL
                SELECT format('%%s: belongs to extension %%s', c.relname, x.extname)
                FROM pg_class c
                JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
                JOIN pg_extension x ON x.oid = d.refobjid
                WHERE c.relnamespace = to_regnamespace(%2$L)
                  AND c.relname IN ('vetassist_users', 'vetassist_va_tokens', 'vetassist_sessions', 'vetassist_auth_audit',
                                    'vetassist_auth_audit_id_seq', 'vetassist_keyed_ip_hashes')
            ) AS lines (line)
            $query$, own_schema, quote_ident(own_schema))
        INTO differences;

        IF differences IS NOT NULL THEN
            refused := 'the existing tables in schema ' || quote_ident(own_schema) || ' cannot be adopted';
            RAISE EXCEPTION USING
                ERRCODE = 'object_not_in_prerequisite_state',
                MESSAGE = refused,
                DETAIL = differences,
                HINT = 'Nothing was changed. Mend each difference, or install into another schema with CREATE EXTENSION vetassist SCHEMA <name>.';
        END IF;

        EXECUTE format('ALTER EXTENSION vetassist ADD TABLE %I.vetassist_users', own_schema);
        EXECUTE format('ALTER EXTENSION vetassist ADD TABLE %I.vetassist_va_tokens', own_schema);
        EXECUTE format('ALTER EXTENSION vetassist ADD TABLE %I.vetassist_sessions', own_schema);
        EXECUTE format('ALTER EXTENSION vetassist ADD SEQUENCE %I.vetassist_auth_audit_id_seq', own_schema);
        EXECUTE format('ALTER EXTENSION vetassist ADD TABLE %I.vetassist_auth_audit', own_schema);
        -- Left by vetassist_detach(). Without it, keyed hashes would be taken for plain ones.
        IF to_regclass(format('%I.vetassist_keyed_ip_hashes', own_schema)) IS NOT NULL THEN
            EXECUTE format('ALTER EXTENSION vetassist ADD TABLE %I.vetassist_keyed_ip_hashes', own_schema);
        END IF;
    END IF;
END
$$;
