-- The check of a session, which a service makes at each request, in a database without the extension.
--
-- provides: functions/session_active.sql
-- requires: functions/sessions.sql

-- Returns whether the session of a JWT is active. It is not strict: for NULL it returns false.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_session_active(jwt_id text) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (SELECT FROM @extschema@.vetassist_session(jwt_id::text));
END
$$;
