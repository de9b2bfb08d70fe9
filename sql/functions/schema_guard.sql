-- The guard against commands that would replace objects of the extension by others.

-- The bodies of functions contain the name of the schema and of objects in it. After a rename, they would use any object
-- that has the old name. A superuser may still rename a table, because tools that rewrite a table swap it for a copy.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_guard_schema() RETURNS event_trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    own_schema CONSTANT oid := (SELECT e.extnamespace FROM pg_extension AS e WHERE e.extname = 'vetassist');
    command record;
BEGIN
    FOR command IN SELECT DISTINCT c.classid, c.objid FROM pg_event_trigger_ddl_commands() AS c LOOP
        IF command.classid = 'pg_namespace'::regclass AND command.objid = own_schema
           AND own_schema IS DISTINCT FROM to_regnamespace('@extschema@') THEN
            RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
                MESSAGE = 'the schema of the extension vetassist cannot be renamed',
                HINT = 'The functions of the extension contain the name. SELECT vetassist_detach(), DROP EXTENSION vetassist, rename the schema, then CREATE EXTENSION vetassist: it takes the tables over again.';
        END IF;
        IF EXISTS (
            SELECT FROM pg_depend AS d
            JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'vetassist'
            LEFT JOIN pg_class AS c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
            LEFT JOIN pg_proc AS p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
            WHERE d.classid = command.classid AND d.objid = command.objid AND d.deptype = 'e'
              AND d.refclassid = 'pg_extension'::regclass
              AND (c.relnamespace <> own_schema
                   OR p.pronamespace <> own_schema OR p.proname NOT LIKE 'vetassist!_%' ESCAPE '!')
        ) THEN
            RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
                MESSAGE = 'objects of the extension vetassist cannot be moved, and its functions cannot be renamed',
                HINT = 'The functions of the extension contain the names. SELECT vetassist_detach() makes its tables ordinary ones.';
        END IF;
    END LOOP;
END
$$;

CREATE EVENT TRIGGER vetassist_guard_schema ON ddl_command_end
WHEN TAG IN ('ALTER SCHEMA', 'ALTER TABLE', 'ALTER INDEX', 'ALTER SEQUENCE', 'ALTER VIEW', 'ALTER MATERIALIZED VIEW',
             'ALTER FOREIGN TABLE', 'ALTER FUNCTION', 'ALTER PROCEDURE', 'ALTER ROUTINE', 'ALTER AGGREGATE')
EXECUTE FUNCTION @extschema@.vetassist_guard_schema();
-- It fires even if session_replication_role is replica: roles that are not superusers may be allowed to set it.
ALTER EVENT TRIGGER vetassist_guard_schema ENABLE ALWAYS;
