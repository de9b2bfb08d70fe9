-- Sessions: list, end, purge.
--
-- requires: tables/sessions.sql

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

-- Not strict: a NULL would leave a session alive that somebody meant to end, and say nothing.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_revoke_session(jwt_id text, user_id uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF jwt_id IS NULL OR user_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'neither argument may be NULL',
            HINT = 'Nothing was revoked.';
    END IF;
    UPDATE @extschema@.vetassist_sessions AS s
    SET revoked_at = statement_timestamp()
    WHERE s.jwt_id = vetassist_revoke_session.jwt_id
      AND s.user_id = vetassist_revoke_session.user_id
      AND s.revoked_at IS NULL;
    RETURN FOUND;
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
    UPDATE @extschema@.vetassist_sessions AS s
    SET revoked_at = statement_timestamp()
    WHERE s.user_id = vetassist_revoke_all_sessions.user_id
      AND s.revoked_at IS NULL
      AND s.jwt_id IS DISTINCT FROM except_jwt_id;
    GET DIAGNOSTICS revoked = ROW_COUNT;
    RETURN revoked;
END
$$;

-- Rows that a sign-in or a revocation holds are left for the next call, so nobody ever waits.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_purge_sessions(older_than interval DEFAULT '30 days', max_rows integer DEFAULT 10000)
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    cutoff CONSTANT timestamptz := statement_timestamp() - older_than;
    purged integer;
    more integer := 0;
BEGIN
    IF older_than IS NULL OR max_rows IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'neither argument may be NULL',
            HINT = 'Nothing was purged.';
    ELSIF cutoff > statement_timestamp() THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'older_than must not be negative',
            HINT = 'It is how long a session stays after it expired or was revoked.';
    ELSIF max_rows < 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'max_rows must be at least 1',
            HINT = 'Call again until it returns 0.';
    END IF;
    -- What expired, by its index; then, if there is room, what was revoked, which has none.
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
