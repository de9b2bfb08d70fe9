-- Purging old rows of the audit trail.
--
-- requires: functions/audit_log_changes.sql functions/intervals.sql

-- Deletes old rows of the trail, as far as vetassist.audit_min_retention allows, and writes an event.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_purge_audit(older_than interval, max_rows integer DEFAULT 10000) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    cutoff timestamptz;
    purged integer;
BEGIN
    IF older_than IS NULL OR max_rows IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'neither argument may be NULL',
            HINT = 'Nothing was purged.';
    END IF;
    older_than := @extschema@.vetassist_checked_interval(older_than::interval, 'older_than'::text);
    -- The cutoff is computed in UTC, because the caller can set the time zone.
    cutoff := (statement_timestamp() AT TIME ZONE 'UTC' - older_than) AT TIME ZONE 'UTC';
    IF cutoff >= statement_timestamp() THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'older_than must be positive',
            HINT = 'Rows older than this are deleted. Pass an interval such as 2 years.';
    ELSIF max_rows < 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'max_rows must be at least 1',
            HINT = 'Call again until it returns 0.';
    END IF;
    purged := @extschema@.vetassist_purge_audit_batch(cutoff::timestamptz, max_rows::integer);
    IF purged < max_rows AND EXISTS (SELECT FROM @extschema@.vetassist_auth_audit AS a WHERE a.created_at < cutoff) THEN
        RAISE NOTICE USING MESSAGE = 'some older rows were not purged: they are not sealed, or another session purges them',
            HINT = 'CALL vetassist_seal_audit(), then call this function again.';
    END IF;
    RETURN purged;
END
$$;
