-- Types and metadata of audit events, in a database without the extension.
--
-- provides: functions/event_data.sql functions/ip_hash.sql
-- requires: plain/present.sql

-- Returns event_type. Refuses a type that is reserved for events of vetassist, in upper or lower case and with any marks
-- between its words. The client checks that it is not a secret, by the same rules as the extension.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_checked_event_type(event_type text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF event_type !~ '[^[:space:]]' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'event_type must not be blank',
            HINT = 'Name what happened, such as login_failed.';
    ELSIF length(event_type) > 50 THEN
        RAISE EXCEPTION USING ERRCODE = 'string_data_right_truncation', MESSAGE = 'event_type must not be longer than 50 characters',
            HINT = 'Name what happened, such as login_failed.';
    ELSIF lower(regexp_replace(event_type, '[^A-Za-z0-9]', '', 'g') COLLATE "C") = ANY (ARRAY(SELECT replace(n.name, '_', '') FROM unnest(ARRAY[
        'login', 'session_created', 'session_revoked', 'sessions_revoked', 'tokens_stored',
        'token_refreshed', 'token_refresh_failed', 'token_opened', 'tokens_disconnected', 'user_updated',
        'user_deactivated', 'user_activated', 'user_erased', 'audit_watched', 'everybody_signed_out',
        'keys_rotated', 'ip_hashes_upgraded', 'audit_purged', 'tier_granted', 'tier_revoked',
        'ring_accepted'
    ]) AS n (name))) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = 'event_type is reserved for events that vetassist writes',
            HINT = 'Choose another name.';
    END IF;
    RETURN event_type;
END
$$;

-- Refuses metadata that is longer than vetassist allows. The client checks that it holds no secret.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_check_event_data(event_data jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF octet_length(event_data::text) > 65536 THEN
        RAISE EXCEPTION USING ERRCODE = 'program_limit_exceeded', MESSAGE = 'event_data is longer than 64 kB',
            HINT = 'Pass short metadata only. Nothing was written.';
    END IF;
END
$$;
