-- From 0.1.0 to 0.2.0: signing in and storing tokens are functions of the library's, which hand no token to a statement.

-- Ciphertext does not compress, and to try would take a tenth of a sign-in.
ALTER TABLE @extschema@.vetassist_va_tokens
    ALTER access_token_encrypted SET STORAGE EXTERNAL,
    ALTER refresh_token_encrypted SET STORAGE EXTERNAL;

CREATE FUNCTION @extschema@.vetassist_refuse_sign_in(refused uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'VA001', MESSAGE = 'the account is not active',
        DETAIL = format('user_id %s', refused),
        HINT = 'The refusal was rolled back with everything else. After the rollback, log it: SELECT vetassist_log_event(''login_refused'', <user_id>, NULL, <ip>).';
END
$$;
REVOKE ALL ON FUNCTION @extschema@.vetassist_refuse_sign_in(uuid) FROM PUBLIC;

-- Replaced and not made anew: whoever was granted them keeps them.
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

CREATE OR REPLACE FUNCTION @extschema@.vetassist_store_tokens(
    user_id uuid,
    access_token text,
    expires_at timestamptz,
    refresh_token text DEFAULT NULL,
    token_type text DEFAULT NULL,
    scope text DEFAULT NULL
) RETURNS void
LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vetassist_store_tokens_wrapper';

DROP FUNCTION @extschema@.vetassist_put_tokens(uuid, text, timestamptz, text, text, text);
