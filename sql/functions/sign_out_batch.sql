-- A batch of the procedure that ends every session.
--
-- requires: functions/sessions.sql

-- Ends at most batch_size active sessions, and returns how many it ended; 0 if none is left.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_sign_out_batch(batch_size integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ended integer;
BEGIN
    UPDATE @extschema@.vetassist_sessions AS s
    SET revoked_at = statement_timestamp()
    WHERE s.id = ANY (ARRAY(
        SELECT o.id FROM @extschema@.vetassist_sessions AS o
        WHERE o.revoked_at IS NULL AND o.expires_at > statement_timestamp()
        ORDER BY o.expires_at
        LIMIT batch_size));
    GET DIAGNOSTICS ended = ROW_COUNT;
    RETURN ended;
END
$$;
