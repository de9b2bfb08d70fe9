-- Erasing a user's rows of the audit trail.
--
-- requires: functions/audit_log_changes.sql

-- Clears event_data and ip_hash of a user's rows, and their salts. The rows stay, and so do the commitments: each row's
-- leaf still verifies. What says of the erasure who made it stays, too. Returns the number of rows.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_erase_audit(erased uuid) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- The plain installation's guard looks through a batch for each row.
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
