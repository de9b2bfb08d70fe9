-- Sealed tokens: store, read, disconnect.
--
-- requires: tables/va_tokens.sql tables/refresh_leases.sql tables/refresh_states.sql
-- requires: functions/users.sql functions/events.sql functions/sealed.sql

-- Stores tokens that were sealed for this user. A NULL keeps the stored refresh token, type or scope.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_store_tokens_sealed(
    user_id uuid,
    access_token bytea,
    expires_at timestamptz,
    refresh_token bytea DEFAULT NULL,
    token_type text DEFAULT NULL,
    scope text DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF access_token IS NULL OR expires_at IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'neither access_token nor expires_at may be NULL',
            HINT = 'The first three arguments are required.';
    END IF;
    PERFORM @extschema@.vetassist_check_lengths(NULL::text, NULL::text, NULL::text, NULL::text, token_type::text, scope::text);
    PERFORM @extschema@.vetassist_hold_active_user(user_id::uuid, 'Nothing was stored.'::text);
    PERFORM @extschema@.vetassist_put_tokens_sealed(user_id::uuid, access_token::bytea, expires_at::timestamptz,
                                                    refresh_token::bytea, token_type::text, scope::text);
    PERFORM @extschema@.vetassist_write_event('tokens_stored'::text, user_id::uuid, '{}'::jsonb, NULL::text);
END
$$;

-- Puts sealed tokens into a user's row.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_put_tokens_sealed(
    user_id uuid, access_token bytea, expires_at timestamptz, refresh_token bytea, token_type text, scope text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO @extschema@.vetassist_va_tokens AS t
        (user_id, access_token_encrypted, refresh_token_encrypted, token_type, scope, expires_at)
    VALUES (vetassist_put_tokens_sealed.user_id,
            @extschema@.vetassist_checked_sealed(access_token::bytea, 'access_token'::text),
            @extschema@.vetassist_checked_sealed(refresh_token::bytea, 'refresh_token'::text),
            coalesce(vetassist_put_tokens_sealed.token_type, 'Bearer'), vetassist_put_tokens_sealed.scope,
            vetassist_put_tokens_sealed.expires_at)
    ON CONFLICT (user_id) DO UPDATE SET
        access_token_encrypted = excluded.access_token_encrypted,
        refresh_token_encrypted = coalesce(excluded.refresh_token_encrypted, t.refresh_token_encrypted),
        token_type = coalesce(vetassist_put_tokens_sealed.token_type, t.token_type),
        scope = coalesce(excluded.scope, t.scope),
        expires_at = excluded.expires_at,
        refreshed_at = now();
    -- A stored failure is about the old tokens.
    DELETE FROM @extschema@.vetassist_refresh_states AS s WHERE s.user_id = vetassist_put_tokens_sealed.user_id;
END
$$;

-- Returns a user's sealed tokens.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_tokens_sealed(user_id uuid)
RETURNS TABLE (access_token bytea, refresh_token bytea, expires_at timestamptz, token_type text, scope text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 1
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT t.access_token_encrypted, t.refresh_token_encrypted, t.expires_at, t.token_type::text, t.scope::text
        FROM @extschema@.vetassist_va_tokens AS t
        WHERE t.user_id = vetassist_tokens_sealed.user_id;
END
$$;

-- Deletes a user's tokens and returns them, so that the client can revoke them at VA.gov.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_disconnect_sealed(user_id uuid)
RETURNS TABLE (access_token bytea, refresh_token bytea)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 1
AS $$
#variable_conflict use_column
BEGIN
    IF user_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'user_id must not be NULL',
            HINT = 'Nothing was deleted.';
    END IF;
    PERFORM FROM @extschema@.vetassist_users AS u WHERE u.id = vetassist_disconnect_sealed.user_id FOR KEY SHARE;
    DELETE FROM @extschema@.vetassist_va_tokens AS t
    WHERE t.user_id = vetassist_disconnect_sealed.user_id
    RETURNING t.access_token_encrypted, t.refresh_token_encrypted INTO access_token, refresh_token;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    DELETE FROM @extschema@.vetassist_refresh_leases AS l WHERE l.user_id = vetassist_disconnect_sealed.user_id;
    DELETE FROM @extschema@.vetassist_refresh_states AS s WHERE s.user_id = vetassist_disconnect_sealed.user_id;
    PERFORM @extschema@.vetassist_write_event('tokens_disconnected'::text, vetassist_disconnect_sealed.user_id::uuid,
                                              '{}'::jsonb, NULL::text);
    RETURN NEXT;
END
$$;
