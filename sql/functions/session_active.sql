-- The check that a service makes at each request.
--
-- requires: tables/sessions.sql

-- Not strict: NULL is no session's.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_session_active(jwt_id text) RETURNS boolean
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'vetassist_session_active_wrapper';
