-- Writes to the audit trail.
--
-- requires: tables/auth_audit.sql functions/event_data.sql functions/ip_hash.sql

CREATE OR REPLACE FUNCTION @extschema@.vetassist_log_event(
    event_type text,
    user_id uuid DEFAULT NULL,
    event_data jsonb DEFAULT NULL,
    ip inet DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    event_id bigint;
BEGIN
    IF event_type IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'event_type must not be NULL',
            HINT = 'Name what happened, such as login_failed.';
    END IF;
    event_type := @extschema@.vetassist_checked_event_type(event_type::text);
    IF jsonb_typeof(event_data) = 'object'
       AND EXISTS (SELECT FROM jsonb_object_keys(event_data) AS k (name) WHERE lower(k.name COLLATE "C") = 'by') THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = 'event_data.by is what vetassist says of its own events',
            HINT = 'Give the member another name, such as actor.';
    END IF;
    IF user_id IS NOT NULL
       AND NOT EXISTS (SELECT FROM @extschema@.vetassist_users AS u WHERE u.id = vetassist_log_event.user_id) THEN
        RAISE EXCEPTION USING ERRCODE = 'foreign_key_violation', MESSAGE = 'there is no such user',
            HINT = 'Pass NULL for an event that belongs to no user.';
    END IF;
    INSERT INTO @extschema@.vetassist_auth_audit (user_id, event_type, event_data, ip_hash)
    VALUES (vetassist_log_event.user_id, vetassist_log_event.event_type,
            @extschema@.vetassist_checked_event_data(vetassist_log_event.event_data::jsonb),
            @extschema@.vetassist_stored_ip_hash(ip::inet))
    RETURNING id INTO event_id;
    RETURN event_id;
END
$$;
