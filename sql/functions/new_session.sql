-- Making a session, with an address that the server hashes.
--
-- requires: functions/sessions.sql functions/ip_hash.sql functions/device_info.sql

-- Makes a session of an existing user, such as for a second device.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_new_session(
    user_id uuid,
    jwt_id text,
    expires_at timestamptz,
    device_info jsonb DEFAULT NULL,
    ip inet DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- The hashes are already in their stored form, and keyed ones are registered. So the call says that they are not keyed.
    RETURN @extschema@.vetassist_new_session_sealed(
        user_id::uuid, jwt_id::text, expires_at::timestamptz, @extschema@.vetassist_hash_device_ips(device_info::jsonb)::jsonb,
        @extschema@.vetassist_stored_ip_hash(ip::inet)::text, false);
END
$$;
