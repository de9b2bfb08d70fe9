-- Logging an event of an application.
--
-- requires: tables/auth_audit.sql functions/event_data.sql functions/sealed.sql

-- Logs an event whose address the client has hashed. Its metadata must not hold an address.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_log_event_sealed(
    event_type text,
    user_id uuid DEFAULT NULL,
    event_data jsonb DEFAULT NULL,
    ip_hash text DEFAULT NULL,
    ip_hash_is_keyed boolean DEFAULT true
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@.vetassist_refuse_addresses(event_data::jsonb, 'event_data'::text);
    PERFORM @extschema@.vetassist_check_event_data(event_data::jsonb);
    PERFORM @extschema@.vetassist_register_ip_hashes(ip_hash::text, ip_hash_is_keyed::boolean, event_data::jsonb);
    RETURN @extschema@.vetassist_add_event(event_type::text, user_id::uuid, event_data::jsonb, ip_hash::text);
END
$$;

-- Adds an event of an application to the trail. The caller has checked the metadata and hashed the address.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_add_event(
    event_type text, user_id uuid, event_data jsonb, ip_hash text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
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
            MESSAGE = 'event_data must not have a member "by"',
            HINT = 'In "by", vetassist stores the session user of its own events. Give the member another name, such as actor.';
    END IF;
    IF user_id IS NOT NULL
       AND NOT EXISTS (SELECT FROM @extschema@.vetassist_users AS u WHERE u.id = vetassist_add_event.user_id) THEN
        RAISE EXCEPTION USING ERRCODE = 'foreign_key_violation', MESSAGE = 'there is no such user',
            HINT = 'Pass NULL for an event that belongs to no user.';
    END IF;
    INSERT INTO @extschema@.vetassist_auth_audit (user_id, event_type, event_data, ip_hash)
    VALUES (vetassist_add_event.user_id, vetassist_add_event.event_type, vetassist_add_event.event_data,
            vetassist_add_event.ip_hash)
    RETURNING id INTO event_id;
    RETURN event_id;
END
$$;
