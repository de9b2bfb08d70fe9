-- Sessions: look up, make, extend, list, end, purge.
--
-- requires: tables/sessions.sql functions/users.sql functions/events.sql functions/sealed.sql functions/intervals.sql

-- Returns the session of a JWT, if it is active: not revoked, not expired, of an active user.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_session(jwt_id text)
RETURNS TABLE (session_id uuid, user_id uuid, created_at timestamptz, expires_at timestamptz, device_info jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 1
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT s.id, s.user_id, s.created_at, s.expires_at, s.device_info
        FROM @extschema@.vetassist_sessions AS s
        JOIN @extschema@.vetassist_users AS u ON u.id = s.user_id
        WHERE s.jwt_id = vetassist_session.jwt_id
          AND s.revoked_at IS NULL AND s.expires_at > clock_timestamp() AND u.is_active;
END
$$;

-- Makes a session of an existing user, for a client that hashes addresses itself.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_new_session_sealed(
    user_id uuid,
    jwt_id text,
    expires_at timestamptz,
    device_info jsonb DEFAULT NULL,
    ip_hash text DEFAULT NULL,
    ip_hash_is_keyed boolean DEFAULT true
) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    new_id CONSTANT uuid := gen_random_uuid();
BEGIN
    IF jwt_id IS NULL OR expires_at IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'neither jwt_id nor expires_at may be NULL',
            HINT = 'Pass the jti and the expiry time of the JWT.';
    END IF;
    PERFORM @extschema@.vetassist_refuse_addresses(device_info::jsonb, 'device_info'::text);
    PERFORM @extschema@.vetassist_hold_active_user(user_id::uuid, 'No session was made.'::text);
    PERFORM @extschema@.vetassist_register_ip_hashes(ip_hash::text, ip_hash_is_keyed::boolean, device_info::jsonb);
    PERFORM @extschema@.vetassist_add_session(new_id::uuid, user_id::uuid, jwt_id::text, expires_at::timestamptz, device_info::jsonb);
    PERFORM @extschema@.vetassist_write_event('session_created'::text, user_id::uuid,
                                              jsonb_build_object('session_id', new_id)::jsonb, ip_hash::text);
    RETURN new_id;
END
$$;

-- Stores a session. An invalid jwt_id gets an error of its own, not that of a constraint.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_add_session(
    session_id uuid, user_id uuid, jwt_id text, expires_at timestamptz, device_info jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    IF jwt_id !~ '[^[:space:]]' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'jwt_id must not be blank',
            HINT = 'Give every JWT a jti of its own.';
    ELSIF length(vetassist_add_session.jwt_id) > 64 THEN
        RAISE EXCEPTION USING ERRCODE = 'string_data_right_truncation', MESSAGE = 'jwt_id is longer than its column',
            HINT = 'Pass a shorter value: the lengths of the columns are fixed.';
    END IF;
    INSERT INTO @extschema@.vetassist_sessions (id, user_id, jwt_id, expires_at, device_info)
    VALUES (session_id, vetassist_add_session.user_id, vetassist_add_session.jwt_id, vetassist_add_session.expires_at,
            vetassist_add_session.device_info)
    ON CONFLICT (jwt_id) DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'unique_violation', MESSAGE = 'there is a session with this jwt_id already',
            HINT = 'Give every JWT a jti of its own.';
    END IF;
END
$$;

-- Extends an active session. It never extends a session that has ended, and never shortens one.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_extend_session(jwt_id text, user_id uuid, expires_at timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF jwt_id IS NULL OR user_id IS NULL OR expires_at IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'no argument may be NULL',
            HINT = 'Nothing was changed.';
    END IF;
    UPDATE @extschema@.vetassist_sessions AS s
    SET expires_at = greatest(s.expires_at, vetassist_extend_session.expires_at)
    WHERE s.jwt_id = vetassist_extend_session.jwt_id
      AND s.user_id = vetassist_extend_session.user_id
      AND s.revoked_at IS NULL AND s.expires_at > clock_timestamp()
      AND EXISTS (SELECT FROM @extschema@.vetassist_users AS u WHERE u.id = s.user_id AND u.is_active);
    RETURN FOUND;
END
$$;

CREATE OR REPLACE FUNCTION @extschema@.vetassist_list_sessions(user_id uuid)
RETURNS TABLE (
    session_id uuid, jwt_id text, device_info jsonb, created_at timestamptz, expires_at timestamptz,
    revoked_at timestamptz, is_active boolean)
LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT s.id, s.jwt_id::text, s.device_info, s.created_at, s.expires_at, s.revoked_at,
               s.revoked_at IS NULL AND s.expires_at > statement_timestamp() AND u.is_active IS TRUE
        FROM @extschema@.vetassist_sessions AS s
        JOIN @extschema@.vetassist_users AS u ON u.id = s.user_id
        WHERE s.user_id = vetassist_list_sessions.user_id
        ORDER BY s.created_at DESC, s.id;
END
$$;

-- Ends a session. It is not strict, so that a NULL is an error: otherwise the session would silently stay active.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_revoke_session(jwt_id text, user_id uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF jwt_id IS NULL OR user_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'neither argument may be NULL',
            HINT = 'Nothing was revoked.';
    END IF;
    RETURN @extschema@.vetassist_end_session(
        (SELECT s.id FROM @extschema@.vetassist_sessions AS s WHERE s.jwt_id = vetassist_revoke_session.jwt_id)::uuid, user_id::uuid);
END
$$;

CREATE OR REPLACE FUNCTION @extschema@.vetassist_revoke_session_by_id(session_id uuid, user_id uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF session_id IS NULL OR user_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'neither argument may be NULL',
            HINT = 'Nothing was revoked.';
    END IF;
    RETURN @extschema@.vetassist_end_session(session_id::uuid, user_id::uuid);
END
$$;

-- Ends a session of this user and writes an event. It locks the user's row first, so that an erasure of the user comes
-- either before or after.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_end_session(session_id uuid, user_id uuid) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM @extschema@.vetassist_users AS u WHERE u.id = vetassist_end_session.user_id FOR KEY SHARE;
    UPDATE @extschema@.vetassist_sessions AS s
    SET revoked_at = statement_timestamp()
    WHERE s.id = session_id AND s.user_id = vetassist_end_session.user_id AND s.revoked_at IS NULL;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM @extschema@.vetassist_write_event('session_revoked'::text, user_id::uuid,
                                              jsonb_build_object('session_id', session_id)::jsonb, NULL::text);
    RETURN true;
END
$$;

CREATE OR REPLACE FUNCTION @extschema@.vetassist_revoke_all_sessions(user_id uuid, except_jwt_id text DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    revoked integer;
BEGIN
    IF user_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'user_id must not be NULL',
            HINT = 'Nothing was revoked.';
    END IF;
    PERFORM FROM @extschema@.vetassist_users AS u WHERE u.id = vetassist_revoke_all_sessions.user_id FOR KEY SHARE;
    UPDATE @extschema@.vetassist_sessions AS s
    SET revoked_at = statement_timestamp()
    WHERE s.user_id = vetassist_revoke_all_sessions.user_id
      AND s.revoked_at IS NULL
      AND s.jwt_id IS DISTINCT FROM except_jwt_id;
    GET DIAGNOSTICS revoked = ROW_COUNT;
    IF revoked > 0 THEN
        PERFORM @extschema@.vetassist_write_event('sessions_revoked'::text, user_id::uuid,
                                                  jsonb_build_object('count', revoked)::jsonb, NULL::text);
    END IF;
    RETURN revoked;
END
$$;

-- Deletes old sessions. It leaves rows that another transaction has locked for the next call, so it never waits.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_purge_sessions(older_than interval DEFAULT '30 days', max_rows integer DEFAULT 10000)
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    cutoff timestamptz;
    purged integer;
    more integer := 0;
BEGIN
    IF older_than IS NULL OR max_rows IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'neither argument may be NULL',
            HINT = 'Nothing was purged.';
    END IF;
    cutoff := statement_timestamp() - @extschema@.vetassist_checked_interval(older_than::interval, 'older_than'::text);
    IF cutoff > statement_timestamp() THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'older_than must not be negative',
            HINT = 'A session is deleted when it ended longer ago than this. Pass an interval such as 30 days.';
    ELSIF max_rows < 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'max_rows must be at least 1',
            HINT = 'Call again until it returns 0.';
    END IF;
    -- First, expired sessions are deleted, which an index finds. Revoked sessions have no index, so they come last.
    DELETE FROM @extschema@.vetassist_sessions AS s
    WHERE s.id = ANY (ARRAY(
        SELECT e.id FROM @extschema@.vetassist_sessions AS e
        WHERE e.revoked_at IS NULL AND e.expires_at < cutoff
        LIMIT max_rows FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS purged = ROW_COUNT;
    IF purged < max_rows THEN
        DELETE FROM @extschema@.vetassist_sessions AS s
        WHERE s.id = ANY (ARRAY(
            SELECT r.id FROM @extschema@.vetassist_sessions AS r
            WHERE r.revoked_at IS NOT NULL AND least(r.revoked_at, r.expires_at) < cutoff
            LIMIT max_rows - purged FOR UPDATE SKIP LOCKED));
        GET DIAGNOSTICS more = ROW_COUNT;
    END IF;
    RETURN purged + more;
END
$$;
