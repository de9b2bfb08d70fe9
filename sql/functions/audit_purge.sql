-- Shortening the audit trail.
--
-- requires: functions/audit_log_changes.sql

-- Shortens the trail, by no more than vetassist.audit_min_retention allows, and logs that it did.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_purge_audit(older_than interval, max_rows integer DEFAULT 10000) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- In UTC, as the caller's time zone is the caller's to choose.
    cutoff CONSTANT timestamptz := (statement_timestamp() AT TIME ZONE 'UTC' - older_than) AT TIME ZONE 'UTC';
    purged integer;
BEGIN
    IF older_than IS NULL OR max_rows IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'neither argument may be NULL',
            HINT = 'Nothing was purged.';
    ELSIF cutoff >= statement_timestamp() THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'older_than must be positive',
            HINT = 'It is how long the trail is kept, such as 2 years.';
    ELSIF max_rows < 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'max_rows must be at least 1',
            HINT = 'Call again until it returns 0.';
    END IF;
    purged := @extschema@.vetassist_purge_audit_batch(cutoff::timestamptz, max_rows::integer);
    IF purged < max_rows AND EXISTS (SELECT FROM @extschema@.vetassist_auth_audit AS a WHERE a.created_at < cutoff) THEN
        RAISE NOTICE USING MESSAGE = 'older rows are left that are not sealed, or that somebody else purges',
            HINT = 'CALL vetassist_seal_audit() first.';
    END IF;
    RETURN purged;
END
$$;
