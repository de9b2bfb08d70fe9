-- The guard against code of other roles that would run with the rights of the tables' owner.

-- A trigger runs with the rights of the role that writes. The functions of vetassist write as the owner of the tables. A
-- foreign key may delete or update rows of another table when rows of vetassist go; then the triggers of that table run
-- with the same rights. PostgreSQL checks a foreign key with the rights of the owner of the referenced table. If its columns
-- have a type of another role, the check calls the function of a cast. All of these need rights that no tier grants, but
-- that a superuser may have granted.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_guard_code() RETURNS event_trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    own_tables CONSTANT oid[] := ARRAY(
        SELECT c.oid
        FROM pg_extension AS e
        JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
        JOIN pg_class AS c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid AND c.relkind = 'r'
        WHERE e.extname = 'vetassist');
    has_foreign_cast boolean;
    is_refused boolean;
BEGIN
    IF (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user) THEN
        RETURN;
    END IF;
    IF tg_event = 'ddl_command_start' OR tg_tag = 'CREATE CAST' THEN
        has_foreign_cast := EXISTS (
            SELECT FROM pg_cast AS c
            JOIN pg_proc AS p ON p.oid = c.castfunc
            JOIN pg_roles AS r ON r.oid = p.proowner AND NOT r.rolsuper
            WHERE c.castcontext = 'i' AND (c.casttarget = 'text'::regtype OR c.casttarget IN (
                SELECT a.atttypid FROM pg_attribute AS a WHERE a.attrelid = ANY (own_tables) AND a.attnum > 0)));
    END IF;

    IF tg_event = 'ddl_command_start' THEN
        -- ALTER TABLE checks existing rows while it runs, so a check after the command would be too late.
        is_refused := has_foreign_cast AND EXISTS (
            SELECT FROM unnest(own_tables) AS t (oid)
            WHERE has_any_column_privilege(current_user, t.oid, 'REFERENCES'));
    ELSE
        is_refused := EXISTS (
            SELECT FROM pg_event_trigger_ddl_commands() AS c
            WHERE c.classid = 'pg_trigger'::regclass
                  AND EXISTS (SELECT FROM pg_trigger AS t WHERE t.oid = c.objid AND t.tgrelid = ANY (own_tables))
               OR c.classid = 'pg_cast'::regclass AND has_foreign_cast
                  AND EXISTS (
                      SELECT FROM pg_class AS t
                      CROSS JOIN LATERAL (
                          SELECT t.relacl
                          UNION ALL
                          SELECT a.attacl FROM pg_attribute AS a WHERE a.attrelid = t.oid
                      ) AS r (acl)
                      CROSS JOIN LATERAL aclexplode(r.acl) AS g
                      WHERE t.oid = ANY (own_tables) AND g.privilege_type = 'REFERENCES' AND g.grantee <> t.relowner)
               OR c.classid = 'pg_class'::regclass AND EXISTS (
                      SELECT FROM pg_constraint AS k
                      CROSS JOIN LATERAL unnest(k.conkey, k.confkey) AS u (their_number, own_number)
                      JOIN pg_attribute AS theirs ON theirs.attrelid = k.conrelid AND theirs.attnum = u.their_number
                      JOIN pg_attribute AS own ON own.attrelid = k.confrelid AND own.attnum = u.own_number
                      WHERE k.conrelid = c.objid AND k.contype = 'f' AND k.confrelid = ANY (own_tables)
                        AND (theirs.atttypid <> own.atttypid OR k.confdeltype NOT IN ('a', 'r')
                             OR k.confupdtype NOT IN ('a', 'r'))));
    END IF;
    IF is_refused THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = 'the command might run a function with the rights of vetassist_owner',
            HINT = 'Only a superuser may create triggers on the tables of vetassist, foreign keys to them that cascade, set values or have columns of another type, and casts to the types of their columns.';
    END IF;
END
$$;

CREATE EVENT TRIGGER vetassist_guard_code ON ddl_command_end
WHEN TAG IN ('ALTER TABLE', 'CREATE CAST', 'CREATE SCHEMA', 'CREATE TABLE', 'CREATE TRIGGER')
EXECUTE FUNCTION @extschema@.vetassist_guard_code();
-- It fires even if session_replication_role is replica: roles that are not superusers may be allowed to set it.
ALTER EVENT TRIGGER vetassist_guard_code ENABLE ALWAYS;

CREATE EVENT TRIGGER vetassist_guard_alter_table ON ddl_command_start
WHEN TAG IN ('ALTER TABLE')
EXECUTE FUNCTION @extschema@.vetassist_guard_code();
ALTER EVENT TRIGGER vetassist_guard_alter_table ENABLE ALWAYS;
