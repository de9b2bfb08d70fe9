-- Refreshes: the end of a refresh, and the state of a user's tokens.
--
-- requires: functions/leases.sql

-- Stores the tokens that VA.gov returned for a leased refresh token, unless other tokens were stored in the meantime.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_finish_refresh_sealed(
    lease_id uuid,
    access_token bytea,
    expires_at timestamptz,
    refresh_token bytea DEFAULT NULL,
    token_type text DEFAULT NULL,
    scope text DEFAULT NULL
) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    held record;
BEGIN
    IF lease_id IS NULL OR access_token IS NULL OR expires_at IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'lease_id, access_token and expires_at must not be NULL',
            HINT = 'Pass the lease_id of the lease, and the tokens that VA.gov returned.';
    END IF;
    PERFORM @extschema@.vetassist_checked_sealed(access_token::bytea, 'access_token'::text),
            @extschema@.vetassist_checked_sealed(refresh_token::bytea, 'refresh_token'::text),
            @extschema@.vetassist_check_lengths(NULL::text, NULL::text, NULL::text, NULL::text, token_type::text, scope::text);
    SELECT h.* INTO held FROM @extschema@.vetassist_hold_lease(lease_id::uuid) AS h;
    IF held.is_current AND held.stored_digest IS NULL THEN
        PERFORM @extschema@.vetassist_put_tokens_sealed(held.user_id::uuid, access_token::bytea, expires_at::timestamptz,
                                                        refresh_token::bytea, token_type::text, scope::text);
        UPDATE @extschema@.vetassist_refresh_leases AS l
        SET stored_digest = (
            SELECT @extschema@.vetassist_tokens_digest(t.access_token_encrypted, t.refresh_token_encrypted)
            FROM @extschema@.vetassist_va_tokens AS t WHERE t.user_id = held.user_id)
        WHERE l.lease_id = vetassist_finish_refresh_sealed.lease_id;
        PERFORM @extschema@.vetassist_write_event('token_refreshed'::text, held.user_id::uuid, '{}'::jsonb, NULL::text);
        RETURN 'stored';
    ELSIF held.is_current AND held.access = access_token AND (refresh_token IS NULL OR held.refresh = refresh_token) THEN
        -- An earlier call stored the same tokens, but its result was lost.
        RETURN 'stored';
    END IF;
    RETURN 'superseded';
END
$$;

-- Locks the user, the tokens and the row of a lease, in the order in which all functions lock them, and returns them.
-- is_current is true if the stored tokens are those that the lease handed out, or those that it stored. Returns no row if
-- there is no such lease.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_hold_lease(lease_id uuid) RETURNS TABLE (
    user_id uuid, access bytea, refresh bytea, stored_digest text, failed_at timestamptz, is_current boolean)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp ROWS 1
AS $$
#variable_conflict use_column
DECLARE
    held record;
BEGIN
    SELECT l.user_id, l.taken_in INTO held
    FROM @extschema@.vetassist_refresh_leases AS l WHERE l.lease_id = vetassist_hold_lease.lease_id;
    IF NOT FOUND THEN
        RETURN;
    ELSIF held.taken_in = pg_current_xact_id_if_assigned() THEN
        RAISE EXCEPTION USING ERRCODE = 'active_sql_transaction',
            MESSAGE = 'the lease was taken in this transaction',
            HINT = 'Commit before you call VA.gov: other sessions see the lease only after that, and a rollback would lose the new tokens.';
    END IF;
    PERFORM FROM @extschema@.vetassist_users AS u WHERE u.id = held.user_id FOR KEY SHARE;
    PERFORM FROM @extschema@.vetassist_va_tokens AS t WHERE t.user_id = held.user_id FOR NO KEY UPDATE;
    PERFORM FROM @extschema@.vetassist_refresh_leases AS l WHERE l.lease_id = vetassist_hold_lease.lease_id FOR NO KEY UPDATE;
    RETURN QUERY
        SELECT l.user_id, t.access_token_encrypted, t.refresh_token_encrypted, l.stored_digest::text, l.failed_at,
               coalesce(l.stored_digest, l.tokens_digest)
                   = @extschema@.vetassist_tokens_digest(t.access_token_encrypted, t.refresh_token_encrypted)
        FROM @extschema@.vetassist_refresh_leases AS l
        JOIN @extschema@.vetassist_va_tokens AS t ON t.user_id = l.user_id
        WHERE l.lease_id = vetassist_hold_lease.lease_id;
END
$$;

-- Ends a lease whose exchange failed. The next try is possible after 5 seconds. The time doubles with each failure, up to 15
-- minutes, and varies by up to a fifth. After a final failure there is no try until new tokens are stored.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_fail_refresh(lease_id uuid, error text, is_final boolean DEFAULT false)
RETURNS TABLE (state text, retry_at timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 1
AS $$
#variable_conflict use_column
DECLARE
    held record;
BEGIN
    IF lease_id IS NULL OR is_final IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'neither lease_id nor is_final may be NULL',
            HINT = 'Pass the lease_id that vetassist_use_token() or vetassist_claim_refreshes() returned.';
    END IF;
    SELECT h.* INTO held FROM @extschema@.vetassist_hold_lease(lease_id::uuid) AS h;
    IF held.is_current AND held.stored_digest IS NULL AND held.failed_at IS NULL THEN
        PERFORM @extschema@.vetassist_note_failure(lease_id::uuid, held.user_id::uuid, error::text, is_final::boolean);
    END IF;
    RETURN QUERY
        SELECT t.state, t.retry_at FROM @extschema@.vetassist_token_status(held.user_id::uuid) AS t;
END
$$;

-- Stores that the refresh of a lease failed, and writes an event.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_note_failure(lease_id uuid, user_id uuid, error text, is_final boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    at CONSTANT timestamptz := clock_timestamp();
    -- Only an error code is stored. Any other part of VA.gov's answer could hold a token.
    code CONSTANT text := CASE WHEN error ~ '^[ -~]{1,64}$' THEN error ELSE 'other' END;
    digest text;
    tries integer;
BEGIN
    UPDATE @extschema@.vetassist_refresh_leases AS l
    SET failed_at = at, expires_at = least(l.expires_at, at)
    WHERE l.lease_id = vetassist_note_failure.lease_id
    RETURNING l.tokens_digest INTO digest;
    INSERT INTO @extschema@.vetassist_refresh_states AS s (user_id, tokens_digest, attempts, failed_at, retry_at, last_error)
    VALUES (vetassist_note_failure.user_id, digest, 1, at, at, code)
    ON CONFLICT (user_id) DO UPDATE SET
        attempts = CASE WHEN s.tokens_digest = digest THEN least(s.attempts + 1, 1000) ELSE 1 END,
        tokens_digest = digest, failed_at = at, last_error = code
    RETURNING s.attempts INTO tries;
    UPDATE @extschema@.vetassist_refresh_states AS s
    SET retry_at = CASE WHEN NOT is_final
        THEN at + least(interval '15 minutes', interval '5 seconds' * 2 ^ least(tries - 1, 10)) * (0.8 + 0.4 * random()) END
    WHERE s.user_id = vetassist_note_failure.user_id;
    PERFORM @extschema@.vetassist_write_event(
        'token_refresh_failed'::text, vetassist_note_failure.user_id::uuid,
        jsonb_build_object('error', code, 'final', is_final, 'attempts', tries)::jsonb, NULL::text);
END
$$;

-- Returns when a user's access token expires, and the state of its refresh. Returns no token.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_token_status(user_id uuid) RETURNS TABLE (
    expires_at timestamptz, token_type text, scope text, has_refresh_token boolean, refreshed_at timestamptz,
    state text, attempts integer, retry_at timestamptz, last_error text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 1
AS $$
#variable_conflict use_column
DECLARE
    at CONSTANT timestamptz := clock_timestamp();
BEGIN
    RETURN QUERY
        SELECT t.expires_at, t.token_type::text, t.scope::text, t.refresh_token_encrypted IS NOT NULL, t.refreshed_at,
               CASE
                   WHEN s.user_id IS NOT NULL AND s.retry_at IS NULL THEN 'reconnect'
                   WHEN s.retry_at > at THEN 'wait'
                   WHEN t.expires_at > at THEN 'ready'
                   WHEN t.refresh_token_encrypted IS NULL THEN 'reconnect'
                   WHEN @extschema@.vetassist_is_leased(t.user_id, t.access_token_encrypted, t.refresh_token_encrypted, at) THEN 'wait'
                   ELSE 'refresh'
               END,
               coalesce(s.attempts, 0), s.retry_at, s.last_error::text
        FROM @extschema@.vetassist_va_tokens AS t
        LEFT JOIN @extschema@.vetassist_refresh_states AS s
            ON s.user_id = t.user_id
           AND s.tokens_digest = @extschema@.vetassist_tokens_digest(t.access_token_encrypted, t.refresh_token_encrypted)
        WHERE t.user_id = vetassist_token_status.user_id;
    IF NOT FOUND THEN
        state := 'none';
        has_refresh_token := false;
        attempts := 0;
        RETURN NEXT;
    END IF;
END
$$;

-- Returns users whose tokens are due, and locks their rows until the caller's transaction ends. It is for callers that do
-- not use leases. vetassist_claim_refreshes() is better: it holds no lock during the exchange.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_tokens_expiring(within interval DEFAULT '5 minutes', max_rows integer DEFAULT 100)
RETURNS TABLE (user_id uuid, expires_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    at CONSTANT timestamptz := clock_timestamp();
    due timestamptz;
BEGIN
    IF within IS NULL OR max_rows IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'neither argument may be NULL', HINT = 'Leave an argument out for its default.';
    ELSIF max_rows < 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'max_rows must be at least 1',
            HINT = 'Leave it out for its default, 100.';
    END IF;
    due := statement_timestamp() + @extschema@.vetassist_checked_interval(within::interval, 'within'::text);
    RETURN QUERY
        SELECT t.user_id, t.expires_at
        FROM @extschema@.vetassist_va_tokens AS t
        JOIN @extschema@.vetassist_users AS u ON u.id = t.user_id
        WHERE t.expires_at <= due
          AND t.refresh_token_encrypted IS NOT NULL
          AND u.is_active
          AND NOT @extschema@.vetassist_is_held(t.user_id, t.access_token_encrypted, t.refresh_token_encrypted, at)
        ORDER BY t.expires_at
        LIMIT max_rows
        -- The user is locked too, before the tokens: an erasure locks them in the same order, so there is no deadlock.
        FOR KEY SHARE OF u SKIP LOCKED
        FOR UPDATE OF t SKIP LOCKED;
END
$$;
