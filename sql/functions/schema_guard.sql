-- The guard against commands that put something else in the place of the extension's objects, or run code of somebody's
-- with their owner's rights.

-- The bodies of functions name the schema and what is in it. Were it renamed, they would call what stands there then; so
-- that is refused to everybody. A trigger, and a foreign key whose columns have a type of somebody's, run with the rights
-- of the tables' owner, and are for superusers.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_guard_schema() RETURNS event_trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    is_superuser CONSTANT boolean := (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user);
    own_schema oid;
    own_tables oid[];
    command record;
BEGIN
    SELECT e.extnamespace, array_agg(d.objid) FILTER (WHERE d.classid = 'pg_class'::regclass)
    INTO own_schema, own_tables
    FROM pg_extension AS e
    JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
    WHERE e.extname = 'vetassist'
    GROUP BY e.extnamespace;

    FOR command IN SELECT DISTINCT c.classid, c.objid FROM pg_event_trigger_ddl_commands() AS c LOOP
        IF command.classid = 'pg_namespace'::regclass AND command.objid = own_schema
           AND own_schema IS DISTINCT FROM to_regnamespace('@extschema@') THEN
            RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
                MESSAGE = 'the schema of the extension vetassist cannot be renamed',
                HINT = 'Its functions name it. SELECT vetassist_detach(), DROP EXTENSION vetassist, rename the schema, then CREATE EXTENSION vetassist takes the tables over again.';
        END IF;
        IF EXISTS (
            SELECT FROM pg_depend AS d
            LEFT JOIN pg_class AS c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
            LEFT JOIN pg_proc AS p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
            WHERE d.classid = command.classid AND d.objid = command.objid AND d.deptype = 'e'
              AND d.refclassid = 'pg_extension'::regclass
              AND d.refobjid = (SELECT e.oid FROM pg_extension AS e WHERE e.extname = 'vetassist')
              AND (c.relnamespace <> own_schema OR c.relname NOT LIKE 'vetassist!_%' ESCAPE '!'
                   OR p.pronamespace <> own_schema OR p.proname NOT LIKE 'vetassist!_%' ESCAPE '!')
        ) THEN
            RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
                MESSAGE = 'an object of the extension vetassist can be neither moved nor renamed',
                HINT = 'Its functions name it. SELECT vetassist_detach() makes its tables ordinary ones.';
        END IF;
        IF NOT is_superuser AND (
            EXISTS (SELECT FROM pg_trigger AS t
                    WHERE command.classid = 'pg_trigger'::regclass AND t.oid = command.objid
                      AND t.tgrelid = ANY (own_tables))
            OR EXISTS (
                SELECT FROM pg_constraint AS k
                CROSS JOIN LATERAL unnest(k.conkey, k.confkey) AS u (their_number, own_number)
                JOIN pg_attribute AS theirs ON theirs.attrelid = k.conrelid AND theirs.attnum = u.their_number
                JOIN pg_attribute AS own ON own.attrelid = k.confrelid AND own.attnum = u.own_number
                WHERE command.classid = 'pg_class'::regclass AND k.conrelid = command.objid AND k.contype = 'f'
                  AND k.confrelid = ANY (own_tables) AND theirs.atttypid <> own.atttypid)
        ) THEN
            RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
                MESSAGE = 'the command would run a function with the rights of vetassist_owner',
                HINT = 'Triggers on the tables of vetassist are for superusers. Give the columns of a foreign key the types of those that they refer to.';
        END IF;
    END LOOP;
END
$$;

CREATE EVENT TRIGGER vetassist_guard_schema ON ddl_command_end
WHEN TAG IN ('ALTER SCHEMA', 'ALTER TABLE', 'ALTER INDEX', 'ALTER SEQUENCE', 'ALTER VIEW', 'ALTER MATERIALIZED VIEW',
             'ALTER FOREIGN TABLE', 'ALTER FUNCTION', 'ALTER PROCEDURE', 'ALTER ROUTINE', 'ALTER AGGREGATE',
             'CREATE SCHEMA', 'CREATE TABLE', 'CREATE TRIGGER')
EXECUTE FUNCTION @extschema@.vetassist_guard_schema();
