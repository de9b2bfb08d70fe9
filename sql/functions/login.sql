-- Signing in.
--
-- requires: functions/tokens.sql functions/device_info.sql functions/audit.sql

-- Signs a veteran in, in one statement: it stores the user, both tokens, the session and the audit row.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_login(
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
LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 1
AS 'MODULE_PATHNAME', 'vetassist_login_wrapper';
