-- The check that a service makes at each request, in a database without the extension.
--
-- provides: functions/session_active.sql
-- requires: functions/sessions.sql

-- Not strict: NULL is no session's.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_session_active(jwt_id text) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (SELECT FROM @extschema@.vetassist_session(jwt_id::text));
END
$$;
