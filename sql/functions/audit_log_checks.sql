-- Problems of the audit log that an operator should know.
--
-- requires: functions/audit_log_tree.sql tables/audit_unsealable.sql

-- Returns rows in the form of vetassist_checks(). An audit trail without a row older than one day needs no seal yet.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_audit_log_checks()
RETURNS TABLE (severity text, subject text, message text, hint text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    head @extschema@.vetassist_audit_head%ROWTYPE;
    unsealable bigint;
BEGIN
    SELECT h.* INTO head FROM @extschema@.vetassist_audit_head AS h;
    SELECT count(*) INTO unsealable FROM @extschema@.vetassist_audit_unsealable AS u
    WHERE EXISTS (SELECT FROM @extschema@.vetassist_auth_audit AS a WHERE a.id = u.audit_id);
    RETURN QUERY
        SELECT 'warning', 'audit log', 'has never been sealed',
               'CALL vetassist_seal_audit() from a timer, such as every minute. Without a seal, changes of the trail cannot be detected.'
        WHERE head.origin IS NULL
          AND EXISTS (SELECT FROM @extschema@.vetassist_auth_audit AS a WHERE a.created_at < now() - interval '1 day')
        UNION ALL
        SELECT 'warning', 'audit log', coalesce(
                   'was last sealed at ' || to_char(head.sealed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'),
                   'has not been sealed since the new log began'),
               'CALL vetassist_seal_audit() from a timer, such as every minute.'
        WHERE head.origin IS NOT NULL AND coalesce(head.sealed_at < now() - interval '1 day', true)
        UNION ALL
        SELECT 'error', 'audit log', 'was sealed in another database before',
               'After a restore, or in a copy, SELECT vetassist_new_audit_log(reason): it begins a new log that holds the root of the old one.'
        FROM pg_control_system() AS s, pg_database AS d
        WHERE d.datname = current_database() AND (head.system_identifier, head.database) <> (s.system_identifier, d.oid)
        UNION ALL
        SELECT 'warning', 'audit log', format('lacks %s rows that cannot be encoded', unsealable),
               'SELECT * FROM vetassist_verify_audit() shows them, with the reason.'
        WHERE unsealable > 0;
END
$$;
