-- Problems that an operator should know.
--
-- requires: functions/schema.sql functions/tiers.sql functions/audit_log_checks.sql functions/rights_checks.sql
-- requires: functions/operation_checks.sql

-- Returns whether the library was loaded when the server started.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_is_preloaded() RETURNS boolean
LANGUAGE c STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'vetassist_is_preloaded_wrapper';

-- Returns every problem that an operator should know. It runs vetassist_checks() with the rights of the tables' owner, or
-- of a calling superuser, so that it also works if objects have a wrong owner.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_check() RETURNS TABLE (severity text, subject text, message text, hint text)
LANGUAGE c STABLE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS 'MODULE_PATHNAME', 'vetassist_check_wrapper';

-- Each check is a member of the union. The severity is error if something is wrong now, and warning if it may go wrong.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_checks() RETURNS TABLE (severity text, subject text, message text, hint text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    own_schema CONSTANT oid := (SELECT e.extnamespace FROM pg_extension AS e WHERE e.extname = 'vetassist');
BEGIN
    RETURN QUERY
        -- The tables and their indexes, triggers and so on must match the schema. vetassist_rights_checks() checks rights.
        SELECT 'error', s.object,
               s.problem || coalesce(', expected ' || s.expected, '') || coalesce(', found ' || s.found, ''),
               'Change it back: the extension needs its tables as it made them. Its documentation describes them under "Tables".'
        FROM @extschema@.vetassist_check_schema() AS s
        WHERE s.problem NOT LIKE 'rights of %'
        UNION ALL
        SELECT g.severity, g.subject, g.message, g.hint FROM @extschema@.vetassist_rights_checks() AS g
        UNION ALL
        SELECT 'warning', pg_describe_object('pg_proc'::regclass, f.oid, 0),
               format('has the name of a function of vetassist, and belongs to %s', pg_get_userbyid(f.proowner)),
               'An application may call it by mistake. Drop it.'
        FROM pg_proc AS f
        WHERE f.pronamespace = own_schema
          AND f.proname IN (SELECT p.proname FROM pg_proc AS p
                            JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
                            JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'vetassist')
          AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_proc'::regclass AND d.objid = f.oid AND d.deptype = 'e')
        UNION ALL
        -- pg_dump dumps a table that is not a member of the extension as a user's table. The next installation then fails
        -- because the table exists.
        SELECT 'error', c.relname::text, 'does not belong to the extension any more',
               format('ALTER EXTENSION vetassist ADD %s %s.', CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
                      c.oid::regclass)
        FROM pg_class AS c
        JOIN pg_roles AS r ON r.oid = c.relowner AND r.rolname = 'vetassist_owner'
        WHERE c.relnamespace = own_schema AND c.relkind IN ('r', 'S')
          AND NOT EXISTS (SELECT FROM pg_depend AS d
                          JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'vetassist'
                          WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
        UNION ALL
        -- vetassist_owner must have all rights on its own objects, and EXECUTE on the functions that its functions call.
        SELECT 'error', o.object, 'vetassist_owner lacks rights on it', format('GRANT ALL ON %s TO vetassist_owner.', o.object)
        FROM pg_extension AS e
        JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
        CROSS JOIN LATERAL (
            SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END || c.oid::regclass,
                   coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner)),
                   acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner)
            FROM pg_class AS c
            WHERE d.classid = 'pg_class'::regclass AND c.oid = d.objid
            UNION ALL
            SELECT 'FUNCTION ' || p.oid::regprocedure, coalesce(p.proacl, acldefault('f', p.proowner)),
                   acldefault('f', p.proowner)
            FROM pg_proc AS p
            WHERE d.classid = 'pg_proc'::regclass AND p.oid = d.objid
              AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
        ) AS o (object, acl, usual)
        WHERE e.extname = 'vetassist'
          AND EXISTS (SELECT FROM aclexplode(o.usual) AS u
                      WHERE u.grantee <> 0 AND NOT EXISTS (
                          SELECT FROM aclexplode(o.acl) AS g
                          WHERE g.privilege_type = u.privilege_type
                            AND (g.grantee = 0 OR pg_get_userbyid(g.grantee) = 'vetassist_owner')))
        UNION ALL
        -- No event trigger fires if this setting is off.
        SELECT 'warning', 'event_triggers', 'is off: no guard works except the triggers of the audit trail', 'Set it to on.'
        WHERE current_setting('event_triggers', true) = 'off'
        UNION ALL
        SELECT 'warning', 'event_triggers',
               format('%s may set it, and so switch the guards off',
                      CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE 'role ' || pg_get_userbyid(g.grantee) END),
               'REVOKE SET, ALTER SYSTEM ON PARAMETER event_triggers.'
        FROM pg_parameter_acl AS p
        CROSS JOIN LATERAL aclexplode(p.paracl) AS g
        LEFT JOIN pg_roles AS r ON r.oid = g.grantee
        WHERE p.parname = 'event_triggers' AND r.rolsuper IS NOT TRUE
        UNION ALL
        SELECT 'warning', 'shared_preload_libraries', 'does not contain vetassist',
               'Until a session loads the library, PostgreSQL shows the source of the key ring to every role. Add vetassist and restart the server.'
        WHERE NOT @extschema@.vetassist_is_preloaded()
        UNION ALL
        SELECT a.severity, a.subject, a.message, a.hint FROM @extschema@.vetassist_audit_log_checks() AS a
        UNION ALL
        SELECT o.severity, o.subject, o.message, o.hint FROM @extschema@.vetassist_operation_checks() AS o;
END
$$;
