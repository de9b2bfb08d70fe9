-- Leases: each lets one caller exchange a refresh token at VA.gov.
--
-- requires: functions/sealed_tokens.sql functions/setting.sql functions/intervals.sql tables/tokens_due.sql

-- VA.gov answers each refresh with a new refresh token, and treats the old token as stolen if it is sent again. So only one
-- caller at a time has a lease. The caller commits the lease before the exchange, and holds no lock during it. A lease, a
-- back-off and the state reconnect are about the tokens of one digest: they are void as soon as other tokens are stored.
--
-- A lease is found by its user. The times are compared by their difference, so that the index of the times is not used: while
-- the statistics are those of an empty table, PostgreSQL would choose it, and read every lease for each user.

-- Returns whether a caller has a lease of these tokens that has not expired.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_is_leased(
    user_id uuid, access_token bytea, refresh_token bytea, at timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM @extschema@.vetassist_refresh_leases AS l
        WHERE l.user_id = vetassist_is_leased.user_id AND l.expires_at - at > interval '0' AND l.stored_digest IS NULL
          AND l.tokens_digest = @extschema@.vetassist_tokens_digest(access_token::bytea, refresh_token::bytea));
END
$$;

-- Returns whether these tokens must not be refreshed now: they are leased, a back-off runs, or the veteran must sign in
-- again.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_is_held(
    user_id uuid, access_token bytea, refresh_token bytea, at timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (
            SELECT FROM @extschema@.vetassist_refresh_states AS s
            WHERE s.user_id = vetassist_is_held.user_id AND (s.retry_at IS NULL OR s.retry_at > at)
              AND s.tokens_digest = @extschema@.vetassist_tokens_digest(access_token::bytea, refresh_token::bytea))
        OR @extschema@.vetassist_is_leased(user_id::uuid, access_token::bytea, refresh_token::bytea, at::timestamptz);
END
$$;

-- Returns the state of a user's tokens and what the caller needs in that state. In the state refresh, it leases the refresh
-- token to the caller.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_use_token_sealed(
    user_id uuid,
    min_lifetime interval DEFAULT '1 minute',
    lease interval DEFAULT '30 seconds'
) RETURNS TABLE (state text, access_token bytea, expires_at timestamptz, refresh_token bytea, lease_id uuid, retry_at timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 1
AS $$
#variable_conflict use_column
DECLARE
    at CONSTANT timestamptz := clock_timestamp();
    stored record;
    refused record;
BEGIN
    IF user_id IS NULL OR min_lifetime IS NULL OR lease IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'no argument may be NULL',
            HINT = 'Leave an argument out for its default.';
    ELSIF min_lifetime < interval '0' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'min_lifetime must not be negative',
            HINT = 'It is the time for which the caller needs the access token.';
    END IF;
    min_lifetime := @extschema@.vetassist_checked_interval(min_lifetime::interval, 'min_lifetime'::text);
    lease := @extschema@.vetassist_checked_lease(lease::interval);
    SELECT t.access_token_encrypted AS access, t.refresh_token_encrypted AS refresh, t.expires_at, u.is_active
    INTO stored
    FROM @extschema@.vetassist_users AS u
    JOIN @extschema@.vetassist_va_tokens AS t ON t.user_id = u.id
    WHERE u.id = vetassist_use_token_sealed.user_id;
    IF NOT FOUND THEN
        state := 'none';
        RETURN NEXT;
        RETURN;
    END IF;
    user_id := @extschema@.vetassist_checked_active(user_id::uuid, stored.is_active::boolean, 'Nothing was handed out.'::text);
    expires_at := stored.expires_at;
    IF stored.expires_at > at THEN
        access_token := stored.access;
    END IF;
    IF stored.expires_at > at + min_lifetime THEN
        state := 'ready';
        RETURN NEXT;
        RETURN;
    ELSIF stored.refresh IS NULL THEN
        -- The access token is used until it expires.
        state := CASE WHEN stored.expires_at > at THEN 'ready' ELSE 'reconnect' END;
        RETURN NEXT;
        RETURN;
    END IF;

    state := 'wait';
    SELECT s.retry_at INTO refused
    FROM @extschema@.vetassist_refresh_states AS s
    WHERE s.user_id = vetassist_use_token_sealed.user_id
      AND s.tokens_digest = @extschema@.vetassist_tokens_digest(stored.access::bytea, stored.refresh::bytea)
      AND (s.retry_at IS NULL OR s.retry_at > at);
    IF FOUND THEN
        state := CASE WHEN refused.retry_at IS NULL THEN 'reconnect' ELSE 'wait' END;
        retry_at := refused.retry_at;
        RETURN NEXT;
        RETURN;
    END IF;
    IF @extschema@.vetassist_is_leased(user_id::uuid, stored.access::bytea, stored.refresh::bytea, at::timestamptz) THEN
        -- The exchange usually ends long before the lease does.
        retry_at := at + interval '200 milliseconds';
    ELSIF current_setting('transaction_read_only')::boolean
          OR @extschema@.vetassist_setting('refresh_paused'::text)::boolean THEN
        retry_at := at + interval '10 seconds';
    ELSE
        lease_id := @extschema@.vetassist_take_lease(user_id::uuid, lease::interval, (at + min_lifetime)::timestamptz);
        IF lease_id IS NULL THEN
            -- Another caller has just leased the tokens.
            retry_at := at + interval '200 milliseconds';
        ELSE
            -- A new statement reads the tokens after the lease was taken, so that it does not return replaced tokens.
            SELECT t.refresh_token_encrypted, t.expires_at,
                   CASE WHEN t.expires_at > at THEN t.access_token_encrypted END
            INTO refresh_token, expires_at, access_token
            FROM @extschema@.vetassist_va_tokens AS t
            WHERE t.user_id = vetassist_use_token_sealed.user_id;
            state := 'refresh';
        END IF;
    END IF;
    RETURN NEXT;
END
$$;

-- Leases a user's tokens and returns the lease. Returns NULL if the tokens are not due, are held (see vetassist_is_held()),
-- or are locked by another transaction. The lock on the row lasts until the transaction ends, so two callers never lease
-- the same tokens.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_take_lease(user_id uuid, lease interval, due timestamptz) RETURNS uuid
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    at CONSTANT timestamptz := clock_timestamp();
    new_id CONSTANT uuid := gen_random_uuid();
    stored record;
BEGIN
    PERFORM FROM @extschema@.vetassist_users AS u
    JOIN @extschema@.vetassist_va_tokens AS t ON t.user_id = u.id
    WHERE u.id = vetassist_take_lease.user_id AND u.is_active
    -- The user is locked too, before the tokens: an erasure locks them in the same order, so there is no deadlock.
    FOR KEY SHARE OF u SKIP LOCKED
    FOR NO KEY UPDATE OF t SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT t.access_token_encrypted AS access, t.refresh_token_encrypted AS refresh, t.expires_at
    INTO stored
    FROM @extschema@.vetassist_va_tokens AS t
    WHERE t.user_id = vetassist_take_lease.user_id;
    IF stored.refresh IS NULL OR stored.expires_at > due
       OR @extschema@.vetassist_is_held(user_id::uuid, stored.access::bytea, stored.refresh::bytea, at::timestamptz)
    THEN
        RETURN NULL;
    END IF;
    -- This makes a new version of the row. A transaction in REPEATABLE READ that does not see this lease then fails instead
    -- of taking a second one.
    UPDATE @extschema@.vetassist_va_tokens AS t SET token_type = t.token_type WHERE t.user_id = vetassist_take_lease.user_id;
    DELETE FROM @extschema@.vetassist_refresh_leases AS l
    WHERE l.user_id = vetassist_take_lease.user_id AND at - l.expires_at > interval '1 hour';
    INSERT INTO @extschema@.vetassist_refresh_leases (lease_id, user_id, taken_in, expires_at, tokens_digest)
    VALUES (new_id, vetassist_take_lease.user_id, pg_current_xact_id(), at + lease,
            @extschema@.vetassist_tokens_digest(stored.access::bytea, stored.refresh::bytea));
    RETURN new_id;
END
$$;

-- Leases the tokens that expire first, and returns them. Two callers never get the same tokens, and no caller waits. The
-- query reads the index of due tokens and stops when it has enough rows. The settings force this plan, because statistics
-- are out of date exactly when many tokens are due.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_claim_refreshes_sealed(
    within interval DEFAULT '5 minutes',
    max_rows integer DEFAULT 10,
    lease interval DEFAULT '1 minute'
) RETURNS TABLE (user_id uuid, refresh_token bytea, expires_at timestamptz, lease_id uuid)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 10 SET enable_sort = off SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
    at CONSTANT timestamptz := clock_timestamp();
    due timestamptz;
    found uuid[];
BEGIN
    IF within IS NULL OR max_rows IS NULL OR lease IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'no argument may be NULL',
            HINT = 'Leave an argument out for its default.';
    ELSIF max_rows < 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'max_rows must be at least 1',
            HINT = 'Leave it out for its default, 10.';
    END IF;
    due := at + @extschema@.vetassist_checked_interval(within::interval, 'within'::text);
    lease := @extschema@.vetassist_checked_lease(lease::interval);
    IF @extschema@.vetassist_setting('refresh_paused'::text)::boolean THEN
        RETURN;
    END IF;
    found := ARRAY(
        SELECT t.user_id
        FROM @extschema@.vetassist_va_tokens AS t
        JOIN @extschema@.vetassist_users AS u ON u.id = t.user_id
        WHERE t.expires_at <= due AND t.refresh_token_encrypted IS NOT NULL AND u.is_active
          -- This repeats the condition of vetassist_is_held(), because held tokens stay at the start of the index and each
          -- claim tests them again. A call of the function instead takes about 20 ms rather than 4 ms for a claim of ten
          -- from 10,000 due tokens (measured on a busy machine).
          AND NOT coalesce((
              SELECT true FROM @extschema@.vetassist_refresh_states AS s
              WHERE s.user_id = t.user_id AND (s.retry_at IS NULL OR s.retry_at > at)
                AND s.tokens_digest = @extschema@.vetassist_tokens_digest(t.access_token_encrypted, t.refresh_token_encrypted)), false)
          AND NOT coalesce((
              SELECT true FROM @extschema@.vetassist_refresh_leases AS l
              WHERE l.user_id = t.user_id AND l.expires_at - at > interval '0' AND l.stored_digest IS NULL
                AND l.tokens_digest = @extschema@.vetassist_tokens_digest(t.access_token_encrypted, t.refresh_token_encrypted)
              LIMIT 1), false)
        ORDER BY t.expires_at
        LIMIT max_rows
        FOR KEY SHARE OF u SKIP LOCKED
        FOR NO KEY UPDATE OF t SKIP LOCKED);
    FOREACH user_id IN ARRAY found LOOP
        lease_id := @extschema@.vetassist_take_lease(user_id::uuid, lease::interval, due::timestamptz);
        CONTINUE WHEN lease_id IS NULL;
        -- A new statement reads the tokens after the lease was taken, so that it does not return replaced tokens.
        SELECT t.refresh_token_encrypted, t.expires_at INTO refresh_token, expires_at
        FROM @extschema@.vetassist_va_tokens AS t
        WHERE t.user_id = vetassist_claim_refreshes_sealed.user_id;
        RETURN NEXT;
    END LOOP;
    -- Each call deletes some of the leases that expired long ago.
    DELETE FROM @extschema@.vetassist_refresh_leases AS l
    WHERE l.lease_id IN (
        SELECT o.lease_id FROM @extschema@.vetassist_refresh_leases AS o
        WHERE o.expires_at < at - interval '1 day'
        LIMIT 100 FOR UPDATE SKIP LOCKED);
END
$$;
