-- Tokens of VA.gov: seal, store, open.
--
-- requires: tables/va_tokens.sql functions/keyring.sql

CREATE OR REPLACE FUNCTION @extschema@.vetassist_encrypt_token(token text, user_id uuid) RETURNS bytea
LANGUAGE c VOLATILE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'vetassist_encrypt_token_wrapper';

CREATE OR REPLACE FUNCTION @extschema@.vetassist_decrypt_token(sealed bytea, user_id uuid) RETURNS text
LANGUAGE c STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'vetassist_decrypt_token_wrapper';

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

CREATE OR REPLACE FUNCTION @extschema@.vetassist_access_token(user_id uuid) RETURNS text
LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT @extschema@.vetassist_decrypt_token(t.access_token_encrypted::bytea, t.user_id::uuid)
            FROM @extschema@.vetassist_va_tokens AS t
            WHERE t.user_id = vetassist_access_token.user_id);
END
$$;

CREATE OR REPLACE FUNCTION @extschema@.vetassist_refresh_token(user_id uuid) RETURNS text
LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT @extschema@.vetassist_decrypt_token(t.refresh_token_encrypted::bytea, t.user_id::uuid)
            FROM @extschema@.vetassist_va_tokens AS t
            WHERE t.user_id = vetassist_refresh_token.user_id);
END
$$;

-- Locks the rows it returns until the caller's transaction ends, and passes over those that others hold:
-- no two workers get the same.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_tokens_expiring(within interval DEFAULT '5 minutes', max_rows integer DEFAULT 100)
RETURNS TABLE (user_id uuid, expires_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    IF within IS NULL OR max_rows IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'neither argument may be NULL', HINT = 'Leave an argument out for its default.';
    ELSIF max_rows < 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'max_rows must be at least 1',
            HINT = 'Leave it out for its default, 100.';
    END IF;
    RETURN QUERY
        SELECT t.user_id, t.expires_at
        FROM @extschema@.vetassist_va_tokens AS t
        JOIN @extschema@.vetassist_users AS u ON u.id = t.user_id
        WHERE t.expires_at <= statement_timestamp() + within
          AND t.refresh_token_encrypted IS NOT NULL
          AND u.is_active
        ORDER BY t.expires_at
        LIMIT max_rows
        -- The user too, so that an erasure waits here and not, crosswise, for the tokens.
        FOR KEY SHARE OF u SKIP LOCKED
        FOR UPDATE OF t SKIP LOCKED;
END
$$;
