-- The guard against commands that put something else in the place of the extension's objects.

-- The bodies of functions name the schema and what is in it. Were it renamed, they would call what stands there then. A
-- superuser may rename a table, as those do who rewrite one and swap it for the other.
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
                HINT = 'Its functions name it. SELECT vetassist_detach(), DROP EXTENSION vetassist, rename the schema, then CREATE EXTENSION vetassist takes the tables over again.';
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
                MESSAGE = 'an object of the extension vetassist cannot be moved, nor a function of it renamed',
                HINT = 'Its functions name it. SELECT vetassist_detach() makes its tables ordinary ones.';
        END IF;
    END LOOP;
END
$$;

CREATE EVENT TRIGGER vetassist_guard_schema ON ddl_command_end
WHEN TAG IN ('ALTER SCHEMA', 'ALTER TABLE', 'ALTER INDEX', 'ALTER SEQUENCE', 'ALTER VIEW', 'ALTER MATERIALIZED VIEW',
             'ALTER FOREIGN TABLE', 'ALTER FUNCTION', 'ALTER PROCEDURE', 'ALTER ROUTINE', 'ALTER AGGREGATE')
EXECUTE FUNCTION @extschema@.vetassist_guard_schema();
-- Also where session_replication_role is replica, which others than a superuser may be allowed to set.
ALTER EVENT TRIGGER vetassist_guard_schema ENABLE ALWAYS;
