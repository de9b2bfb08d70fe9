-- Logging an event, with the server's hash of the address.
--
-- requires: tables/auth_audit.sql functions/log_event.sql functions/event_data.sql functions/ip_hash.sql

CREATE OR REPLACE FUNCTION @extschema@.vetassist_log_event(
    event_type text,
    user_id uuid DEFAULT NULL,
    event_data jsonb DEFAULT NULL,
    ip inet DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN @extschema@.vetassist_add_event(
        event_type::text, user_id::uuid, @extschema@.vetassist_checked_event_data(event_data::jsonb)::jsonb,
        @extschema@.vetassist_stored_ip_hash(ip::inet)::text);
END
$$;
