-- Problems that an operator should know, in a database without the extension.
--
-- provides: functions/check.sql
-- requires: functions/rights_checks.sql functions/audit_log_checks.sql functions/refresh_checks.sql plain/audit_guard.sql

-- Returns every problem that an operator should know, except differences of the tables: a client compares those. It runs
-- as the owner of the tables.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_check() RETURNS TABLE (severity text, subject text, message text, hint text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
AS $$
    SELECT g.severity, g.subject, g.message, g.hint FROM @extschema@.vetassist_rights_checks() AS g
    UNION ALL
    SELECT 'error', 'vetassist_auth_audit', format('lacks its trigger %s, or it does not always fire', t.name),
           'Run the plain SQL file again. vetassist_verify_audit() shows rows that were changed in the meantime.'
    FROM (VALUES ('vetassist_auth_audit_append_only'), ('vetassist_auth_audit_append_only_rows')) AS t (name)
    WHERE NOT EXISTS (SELECT FROM pg_trigger AS g
                      WHERE g.tgrelid = to_regclass('@extschema@' || '.vetassist_auth_audit') AND g.tgname = t.name AND g.tgenabled = 'A')
    UNION ALL
    SELECT a.severity, a.subject, a.message, a.hint FROM @extschema@.vetassist_audit_log_checks() AS a
    UNION ALL
    SELECT r.severity, r.subject, r.message, r.hint FROM @extschema@.vetassist_refresh_checks() AS r
$$;
