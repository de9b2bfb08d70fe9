-- Grants the former owner of adopted tables the rights that its backend and its dump need. They last until
-- vetassist_revoke() takes them.
--
-- requires: extension/adoption.sql extension/rights.sql

DO $$
DECLARE
    former_owner CONSTANT text := nullif(current_setting('vetassist_script.adopted_from', true), '');
    granted record;
BEGIN
    IF former_owner IS NULL OR former_owner = current_user THEN
        RETURN;
    END IF;
    FOR granted IN
        SELECT c.oid::regclass AS name,
               CASE WHEN c.relkind = 'S' THEN 'USAGE, SELECT ON SEQUENCE'
                    WHEN c.relname IN ('vetassist_users', 'vetassist_va_tokens', 'vetassist_sessions')
                        THEN 'SELECT, INSERT, UPDATE, DELETE ON TABLE'
                    WHEN c.relname = 'vetassist_auth_audit' THEN 'SELECT, INSERT ON TABLE'
                    ELSE 'SELECT ON TABLE' END AS rights
        FROM pg_extension AS e
        JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
        JOIN pg_class AS c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
        WHERE e.extname = 'vetassist'
    LOOP
        PERFORM @extschema@.vetassist_grant_dumped(
            format('GRANT %s %s TO %I', granted.rights, granted.name, former_owner)::text);
    END LOOP;
END
$$;
