-- Erasing a user's data in the audit trail.
--
-- requires: functions/audit_log_changes.sql

-- Clears event_data and ip_hash of a user's rows, and deletes their salts. The rows and the commitments stay, so each row's
-- leaf still verifies. The event of an earlier erasure keeps its event_data, which names the session user who erased.
-- Returns the number of rows.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_erase_audit(erased uuid) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- The guard of the plain installation searches the whole batch for each row.
    at_once CONSTANT integer := 1000;
    ids bigint[];
    done integer := 0;
BEGIN
    SELECT coalesce(array_agg(r.id ORDER BY r.id), '{}') INTO ids FROM (
        SELECT a.id FROM @extschema@.vetassist_auth_audit AS a
        WHERE a.user_id = erased AND (a.event_data IS NOT NULL OR a.ip_hash IS NOT NULL)
          AND NOT (a.event_type = 'user_erased' AND a.ip_hash IS NULL AND jsonb_typeof(a.event_data -> 'by') = 'string'
                   AND a.event_data = jsonb_build_object('by', a.event_data -> 'by'))
        ORDER BY a.id FOR UPDATE) AS r;
    WHILE done < cardinality(ids) LOOP
        PERFORM @extschema@.vetassist_clear_audit_rows(ids[done + 1 : done + at_once]::bigint[]);
        done := done + at_once;
    END LOOP;
    RETURN cardinality(ids);
END
$$;
