-- The check of a session, which a service makes at each request.
--
-- requires: tables/sessions.sql

-- Returns whether the session of a JWT is active. It is not strict: for NULL it returns false.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_session_active(jwt_id text) RETURNS boolean
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'vetassist_session_active_wrapper';
