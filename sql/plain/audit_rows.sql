-- Changes of the audit trail that its guard allows, in a database without the extension.
--
-- provides: functions/audit_rows.sql
-- requires: functions/audit_log_changes.sql functions/events.sql plain/audit_guard.sql plain/setting.sql

-- Clears event_data and ip_hash of rows that the caller has locked, and writes a line for the next seal. The guard allows
-- changes of the rows in the last line.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_clear_audit_rows(ids bigint[]) RETURNS void
LANGUAGE plpgsql STRICT SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@.vetassist_owe_erasure(ids::bigint[]);
    UPDATE @extschema@.vetassist_auth_audit AS a SET event_data = NULL, ip_hash = NULL WHERE a.id = ANY (ids);
END
$$;

-- Deletes a batch of sealed rows that are older than the cutoff, oldest first, and writes an event. Refuses a cutoff that
-- the setting audit_min_retention does not allow.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_purge_audit_batch(cutoff timestamptz, max_rows integer) RETURNS integer
LANGUAGE plpgsql STRICT SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    min_retention CONSTANT interval := @extschema@.vetassist_setting('audit_min_retention'::text)::interval;
    -- The guard searches the whole batch for each row.
    at_once CONSTANT integer := 1000;
    ids bigint[];
    deleted integer := 0;
BEGIN
    IF cutoff > (statement_timestamp() AT TIME ZONE 'UTC' - min_retention) AT TIME ZONE 'UTC' THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = 'older_than is shorter than the setting audit_min_retention',
            HINT = 'Pass a longer interval, or have the owner change it in vetassist_settings. Nothing was purged.';
    END IF;
    WHILE deleted < max_rows LOOP
        ids := @extschema@.vetassist_owe_purge(cutoff::timestamptz, least(at_once, max_rows - deleted)::integer);
        EXIT WHEN ids = '{}';
        DELETE FROM @extschema@.vetassist_auth_audit AS a WHERE a.id = ANY (ids);
        deleted := deleted + cardinality(ids);
    END LOOP;
    IF deleted > 0 THEN
        PERFORM @extschema@.vetassist_write_event('audit_purged'::text, NULL::uuid, jsonb_build_object(
            'count', deleted, 'cutoff', to_char(cutoff AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))::jsonb, NULL::text);
    END IF;
    RETURN deleted;
END
$$;
