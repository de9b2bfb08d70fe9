-- From 0.1.0 to 0.2.0: signing in and storing tokens are functions of the library's, which hand no token to a statement,
-- and rotation opens a token that it seals anew once.

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

-- What is sealed anew is opened once, and not once to look and again to seal.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_rotate_rows(user_ids uuid[]) RETURNS TABLE (user_id uuid, outcome text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        WITH judged AS MATERIALIZED (
            SELECT s.place, s.user_id, s.access_token, s.refresh_token,
                   CASE WHEN s.access_token IS NULL
                             AND @extschema@.vetassist_token_key(s.access_token_encrypted, s.user_id) = 0
                          OR s.refresh_token IS NULL
                             AND @extschema@.vetassist_token_key(s.refresh_token_encrypted, s.user_id) = 0 THEN 'unopened'
                        WHEN s.access_token IS NOT NULL OR s.refresh_token IS NOT NULL THEN 'held'
                        ELSE 'current' END AS outcome
            FROM (SELECT t.ctid AS place, t.user_id, t.access_token_encrypted, t.refresh_token_encrypted,
                         @extschema@.vetassist_reseal_token(t.access_token_encrypted, t.user_id) AS access_token,
                         @extschema@.vetassist_reseal_token(t.refresh_token_encrypted, t.user_id) AS refresh_token
                  FROM @extschema@.vetassist_va_tokens AS t
                  WHERE t.user_id = ANY (user_ids)) AS s
        ), locked AS MATERIALIZED (
            SELECT t.ctid AS place
            FROM @extschema@.vetassist_va_tokens AS t
            WHERE t.ctid = ANY (ARRAY(SELECT j.place FROM judged AS j WHERE j.outcome = 'held'))
            FOR UPDATE SKIP LOCKED
        ), rotated AS (
            -- A place is a version's of the row. Where a sign-in came between the look and the lock there is a newer
            -- one, which stays, and the row is looked at again.
            UPDATE @extschema@.vetassist_va_tokens AS t
            SET access_token_encrypted = coalesce(j.access_token, t.access_token_encrypted),
                refresh_token_encrypted = coalesce(j.refresh_token, t.refresh_token_encrypted)
            FROM locked AS l
            JOIN judged AS j ON j.place = l.place
            WHERE t.ctid = l.place
            RETURNING t.user_id
        )
        SELECT j.user_id, CASE WHEN r.user_id IS NULL THEN j.outcome ELSE 'rotated' END
        FROM judged AS j
        LEFT JOIN rotated AS r ON r.user_id = j.user_id;
END
$$;
