-- Events that vetassist itself writes to the audit trail.
--
-- requires: tables/auth_audit.sql

-- Writes an event, with the session user in the member "by" of its event_data.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_write_event(
    event_type text,
    user_id uuid,
    event_data jsonb DEFAULT '{}',
    ip_hash text DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO @extschema@.vetassist_auth_audit (user_id, event_type, event_data, ip_hash)
    VALUES (vetassist_write_event.user_id, vetassist_write_event.event_type,
            jsonb_build_object('by', session_user) || jsonb_strip_nulls(vetassist_write_event.event_data),
            vetassist_write_event.ip_hash);
END
$$;
