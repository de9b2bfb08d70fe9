-- A sign-in, in one statement: the user, both tokens, the session, the audit row.
CREATE FUNCTION vetassist_login(
    va_icn text,
    access_token text,
    token_expires_at timestamptz,
    jwt_id text,
    session_expires_at timestamptz,
    refresh_token text DEFAULT NULL,
    veteran_status text DEFAULT NULL,
    email text DEFAULT NULL,
    first_name text DEFAULT NULL,
    last_name text DEFAULT NULL,
    token_type text DEFAULT NULL,
    scope text DEFAULT NULL,
    device_info jsonb DEFAULT NULL,
    ip inet DEFAULT NULL
) RETURNS TABLE (user_id uuid, session_id uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 1
AS $$
#variable_conflict use_column
DECLARE
    wrong text;
    login_user uuid;
    login_session uuid;
    active boolean;
    created boolean;
BEGIN
    wrong := CASE
        WHEN vetassist_login.va_icn IS NULL THEN 'va_icn'
        WHEN vetassist_login.access_token IS NULL THEN 'access_token'
        WHEN vetassist_login.token_expires_at IS NULL THEN 'token_expires_at'
        WHEN vetassist_login.jwt_id IS NULL THEN 'jwt_id'
        WHEN vetassist_login.session_expires_at IS NULL THEN 'session_expires_at'
    END;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = format('%s must not be NULL', wrong),
            HINT = 'The first five arguments are required.';
    END IF;
    wrong := CASE
        WHEN btrim(vetassist_login.va_icn) = '' THEN 'va_icn'
        WHEN vetassist_login.access_token = '' THEN 'access_token'
        WHEN btrim(vetassist_login.jwt_id) = '' THEN 'jwt_id'
    END;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('%s must not be blank', wrong),
            HINT = 'Pass what VA.gov and the JWT carry.';
    END IF;
    wrong := CASE
        WHEN length(vetassist_login.va_icn) > 50 THEN 'va_icn'
        WHEN length(vetassist_login.jwt_id) > 64 THEN 'jwt_id'
        WHEN length(vetassist_login.veteran_status) > 20 THEN 'veteran_status'
        WHEN length(vetassist_login.email) > 255 THEN 'email'
        WHEN length(vetassist_login.first_name) > 100 THEN 'first_name'
        WHEN length(vetassist_login.last_name) > 100 THEN 'last_name'
        WHEN length(vetassist_login.token_type) > 20 THEN 'token_type'
        WHEN length(vetassist_login.scope) > 500 THEN 'scope'
    END;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'string_data_right_truncation',
            MESSAGE = format('%s is longer than its column', wrong), HINT = 'The columns'' lengths are fixed.';
    END IF;

    -- Of two sign-ins of a new veteran at the same moment the second waits here for the first.
    INSERT INTO @extschema@.vetassist_users AS u
        (va_icn, va_veteran_status, email, first_name, last_name, last_login_at)
    VALUES (vetassist_login.va_icn, vetassist_login.veteran_status, vetassist_login.email,
            vetassist_login.first_name, vetassist_login.last_name, now())
    ON CONFLICT (va_icn) DO UPDATE SET
        va_veteran_status = coalesce(excluded.va_veteran_status, u.va_veteran_status),
        email = coalesce(excluded.email, u.email),
        first_name = coalesce(excluded.first_name, u.first_name),
        last_name = coalesce(excluded.last_name, u.last_name),
        updated_at = CASE
            WHEN (coalesce(excluded.va_veteran_status, u.va_veteran_status), coalesce(excluded.email, u.email),
                  coalesce(excluded.first_name, u.first_name), coalesce(excluded.last_name, u.last_name))
                 IS DISTINCT FROM (u.va_veteran_status, u.email, u.first_name, u.last_name)
            THEN now() ELSE u.updated_at END,
        last_login_at = now()
    RETURNING u.id, u.is_active, u.xmax = 0 INTO login_user, active, created;

    IF active IS NOT TRUE THEN
        RAISE EXCEPTION USING ERRCODE = 'VA001', MESSAGE = 'the account is not active',
            DETAIL = format('user_id %s', login_user),
            HINT = 'The refusal was rolled back with everything else. After the rollback, log it: SELECT vetassist_log_event(''login_refused'', <user_id>, NULL, <ip>).';
    END IF;

    PERFORM @extschema@.vetassist_put_tokens(
        login_user, vetassist_login.access_token, vetassist_login.token_expires_at,
        vetassist_login.refresh_token, vetassist_login.token_type, vetassist_login.scope);

    INSERT INTO @extschema@.vetassist_sessions (user_id, jwt_id, device_info, expires_at)
    VALUES (login_user, vetassist_login.jwt_id,
            @extschema@.vetassist_hash_device_ips(vetassist_login.device_info),
            vetassist_login.session_expires_at)
    ON CONFLICT (jwt_id) DO NOTHING
    RETURNING id INTO login_session;
    IF login_session IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'unique_violation', MESSAGE = 'there is a session with this jwt_id already',
            HINT = 'Give every JWT a jti of its own.';
    END IF;

    INSERT INTO @extschema@.vetassist_auth_audit (user_id, event_type, event_data, ip_hash)
    VALUES (login_user, 'login',
            jsonb_build_object('session_id', login_session, 'new_user', created),
            @extschema@.vetassist_stored_ip_hash(vetassist_login.ip));

    user_id := login_user;
    session_id := login_session;
    RETURN NEXT;
END
$$;
