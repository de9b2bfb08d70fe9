-- Signing in with tokens that the client has sealed.
--
-- requires: functions/users.sql functions/sealed_tokens.sql functions/sessions.sql functions/events.sql

-- Signs a veteran in, in one statement: it stores the user, both tokens, the session and the audit row, or nothing. user_id
-- is the id that the tokens were sealed for. If the ICN now belongs to another id, nothing is stored, and the row has that
-- id and no session.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_login_sealed(
    INOUT user_id uuid,
    va_icn text,
    access_token bytea,
    token_expires_at timestamptz,
    jwt_id text,
    session_expires_at timestamptz,
    refresh_token bytea DEFAULT NULL,
    veteran_status text DEFAULT NULL,
    email text DEFAULT NULL,
    first_name text DEFAULT NULL,
    last_name text DEFAULT NULL,
    token_type text DEFAULT NULL,
    scope text DEFAULT NULL,
    device_info jsonb DEFAULT NULL,
    ip_hash text DEFAULT NULL,
    ip_hash_is_keyed boolean DEFAULT true,
    OUT session_id uuid
) RETURNS SETOF record
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 1
AS $$
#variable_conflict use_column
DECLARE
    wanted CONSTANT uuid := vetassist_login_sealed.user_id;
    at CONSTANT timestamptz := now();
    person record;
BEGIN
    IF wanted IS NULL OR num_nulls(access_token, token_expires_at, vetassist_login_sealed.jwt_id, session_expires_at) > 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'a required argument is NULL',
            HINT = 'The first six arguments are required.';
    END IF;
    va_icn := @extschema@.vetassist_checked_icn(vetassist_login_sealed.va_icn::text);
    PERFORM @extschema@.vetassist_check_lengths(
        veteran_status::text, vetassist_login_sealed.email::text, vetassist_login_sealed.first_name::text,
        vetassist_login_sealed.last_name::text, vetassist_login_sealed.token_type::text, vetassist_login_sealed.scope::text);
    PERFORM @extschema@.vetassist_refuse_addresses(vetassist_login_sealed.device_info::jsonb, 'device_info'::text);
    INSERT INTO @extschema@.vetassist_users AS u
        (id, va_icn, va_veteran_status, email, first_name, last_name, created_at, updated_at, last_login_at)
    VALUES (wanted, vetassist_login_sealed.va_icn, veteran_status, vetassist_login_sealed.email,
            vetassist_login_sealed.first_name, vetassist_login_sealed.last_name, at, at, at)
    ON CONFLICT DO NOTHING
    RETURNING u.id, u.is_active, true AS is_new INTO person;
    IF NOT FOUND THEN
        UPDATE @extschema@.vetassist_users AS u
        SET va_veteran_status = coalesce(veteran_status, u.va_veteran_status),
            email = coalesce(vetassist_login_sealed.email, u.email),
            first_name = coalesce(vetassist_login_sealed.first_name, u.first_name),
            last_name = coalesce(vetassist_login_sealed.last_name, u.last_name),
            updated_at = CASE WHEN (u.va_veteran_status, u.email, u.first_name, u.last_name) IS DISTINCT FROM
                    (coalesce(veteran_status, u.va_veteran_status), coalesce(vetassist_login_sealed.email, u.email),
                     coalesce(vetassist_login_sealed.first_name, u.first_name), coalesce(vetassist_login_sealed.last_name, u.last_name))
                THEN at ELSE u.updated_at END,
            last_login_at = at
        WHERE u.id = wanted AND u.va_icn = vetassist_login_sealed.va_icn
        RETURNING u.id, u.is_active, false AS is_new INTO person;
        IF NOT FOUND THEN
            user_id := (SELECT u.id FROM @extschema@.vetassist_users AS u WHERE u.va_icn = vetassist_login_sealed.va_icn);
            IF user_id IS NULL THEN
                RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'user_id belongs to another account',
                    HINT = 'Pass the id that vetassist_find_user() returns for the ICN, or a new id if it returns NULL.';
            END IF;
            RETURN NEXT;
            RETURN;
        END IF;
    END IF;
    user_id := @extschema@.vetassist_checked_active(
        wanted::uuid, person.is_active::boolean,
        'Nothing was stored, not even an event. To log the refusal after the rollback: SELECT vetassist_log_event_sealed(''login_refused'', <user_id>, NULL, <ip_hash>).'::text);
    PERFORM @extschema@.vetassist_put_tokens_sealed(
        wanted::uuid, access_token::bytea, token_expires_at::timestamptz, refresh_token::bytea,
        vetassist_login_sealed.token_type::text, vetassist_login_sealed.scope::text);
    PERFORM @extschema@.vetassist_register_ip_hashes(vetassist_login_sealed.ip_hash::text, ip_hash_is_keyed::boolean,
                                                     vetassist_login_sealed.device_info::jsonb);
    session_id := gen_random_uuid();
    PERFORM @extschema@.vetassist_add_session(session_id::uuid, wanted::uuid, vetassist_login_sealed.jwt_id::text,
                                              session_expires_at::timestamptz, vetassist_login_sealed.device_info::jsonb);
    PERFORM @extschema@.vetassist_write_event(
        'login'::text, wanted::uuid, jsonb_build_object('session_id', session_id, 'new_user', person.is_new)::jsonb,
        vetassist_login_sealed.ip_hash::text);
    RETURN NEXT;
END
$$;
