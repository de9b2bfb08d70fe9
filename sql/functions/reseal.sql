-- Rotating a client's key: reading pages of sealed tokens, and storing tokens that the client has resealed.
--
-- requires: tables/va_tokens.sql functions/refresh.sql

-- Returns the sealed tokens of the users whose ids follow after_user_id, in the order of the ids.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_sealed_page(after_user_id uuid DEFAULT NULL, max_rows integer DEFAULT 1000)
RETURNS TABLE (user_id uuid, access_token bytea, refresh_token bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    IF max_rows IS NULL OR max_rows < 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'max_rows must be at least 1',
            HINT = 'Leave it out for its default, 1000.';
    END IF;
    RETURN QUERY
        SELECT t.user_id, t.access_token_encrypted, t.refresh_token_encrypted
        FROM @extschema@.vetassist_va_tokens AS t
        WHERE t.user_id > coalesce(after_user_id, '00000000-0000-0000-0000-000000000000')
           OR after_user_id IS NULL AND t.user_id = '00000000-0000-0000-0000-000000000000'
        ORDER BY t.user_id
        LIMIT max_rows;
END
$$;

-- Replaces a user's tokens by resealed ones, if the old ones are still stored. Leases and failures stay valid, because they
-- are about the same tokens.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_reseal(
    user_id uuid, old_access bytea, new_access bytea, old_refresh bytea, new_refresh bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF user_id IS NULL OR old_access IS NULL OR new_access IS NULL OR (old_refresh IS NULL) <> (new_refresh IS NULL) THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'user_id and both access tokens must not be NULL, and the refresh tokens both or neither',
            HINT = 'Nothing was changed.';
    END IF;
    PERFORM @extschema@.vetassist_checked_sealed(new_access::bytea, 'new_access'::text),
            @extschema@.vetassist_checked_sealed(new_refresh::bytea, 'new_refresh'::text);
    UPDATE @extschema@.vetassist_va_tokens AS t
    SET access_token_encrypted = new_access, refresh_token_encrypted = new_refresh
    WHERE t.user_id = vetassist_reseal.user_id
      AND t.access_token_encrypted = old_access
      AND t.refresh_token_encrypted IS NOT DISTINCT FROM old_refresh;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM @extschema@.vetassist_follow_reseal(
        ARRAY[user_id]::uuid[],
        ARRAY[@extschema@.vetassist_tokens_digest(old_access, old_refresh)]::text[],
        ARRAY[@extschema@.vetassist_tokens_digest(new_access, new_refresh)]::text[]);
    RETURN true;
END
$$;

-- Does the same for a page of users; the values of a user have the same index in each array. Returns the users whose tokens
-- were replaced. Users whose row another session has locked, or whose tokens have changed, are not returned: the caller
-- reads their tokens again.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_reseal_page(
    user_ids uuid[], old_access bytea[], new_access bytea[], old_refresh bytea[], new_refresh bytea[]) RETURNS SETOF uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    resealed uuid[];
    old_digests text[];
    new_digests text[];
BEGIN
    IF num_nulls(user_ids, old_access, new_access, old_refresh, new_refresh) > 0 OR EXISTS (
        SELECT FROM unnest(user_ids, old_access, new_access, old_refresh, new_refresh)
            AS g (user_id, old_access, new_access, old_refresh, new_refresh)
        WHERE num_nulls(g.user_id, g.old_access, g.new_access) > 0 OR (g.old_refresh IS NULL) <> (g.new_refresh IS NULL)
    ) THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'each user_id and its access tokens must not be NULL, and its refresh tokens both or neither',
            HINT = 'Pass arrays of one length. Nothing was changed.';
    END IF;
    -- A call takes 12 us, and a page has two for each row: as much as all the rest. Nearly every sealed value is told from
    -- text by its nonce.
    PERFORM @extschema@.vetassist_checked_sealed(g.sealed::bytea, g.name::text)
    FROM (SELECT v.sealed, 'new_access' FROM unnest(new_access) AS v (sealed)
          UNION ALL
          SELECT v.sealed, 'new_refresh' FROM unnest(new_refresh) AS v (sealed)) AS g (sealed, name)
    WHERE length(g.sealed) NOT BETWEEN 28 AND 1048576 OR encode(substr(g.sealed, 1, 12), 'hex') ~ '^([2-6][0-9a-f]|7[0-9a-e])*$';
    -- A ctid belongs to one version of a row. If another session changed the row before it was locked, there is a newer
    -- version with another ctid, which stays as it is.
    WITH locked AS MATERIALIZED (
        SELECT t.ctid AS place, g.*
        FROM unnest(user_ids, old_access, new_access, old_refresh, new_refresh)
            AS g (user_id, old_access, new_access, old_refresh, new_refresh)
        JOIN @extschema@.vetassist_va_tokens AS t ON t.user_id = g.user_id
        WHERE t.access_token_encrypted = g.old_access AND t.refresh_token_encrypted IS NOT DISTINCT FROM g.old_refresh
        FOR NO KEY UPDATE OF t SKIP LOCKED
    ), replaced AS (
        UPDATE @extschema@.vetassist_va_tokens AS t
        SET access_token_encrypted = l.new_access, refresh_token_encrypted = l.new_refresh
        FROM locked AS l WHERE t.ctid = l.place
        RETURNING t.user_id, @extschema@.vetassist_tokens_digest(l.old_access, l.old_refresh) AS old,
                  @extschema@.vetassist_tokens_digest(l.new_access, l.new_refresh) AS new
    )
    SELECT array_agg(r.user_id), array_agg(r.old), array_agg(r.new) INTO resealed, old_digests, new_digests FROM replaced AS r;
    -- A new statement sees leases that were taken before the rows were locked.
    PERFORM @extschema@.vetassist_follow_reseal(resealed::uuid[], old_digests::text[], new_digests::text[]);
    RETURN QUERY SELECT unnest(resealed);
END
$$;

-- Updates the digests of leases and failures to those of the resealed tokens.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_follow_reseal(user_ids uuid[], old_digests text[], new_digests text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE @extschema@.vetassist_refresh_leases AS l
    SET tokens_digest = CASE WHEN l.tokens_digest = r.old THEN r.new ELSE l.tokens_digest END,
        stored_digest = CASE WHEN l.stored_digest = r.old THEN r.new ELSE l.stored_digest END
    FROM unnest(user_ids, old_digests, new_digests) AS r (user_id, old, new)
    WHERE l.user_id = r.user_id AND (l.tokens_digest = r.old OR l.stored_digest = r.old);
    UPDATE @extschema@.vetassist_refresh_states AS s
    SET tokens_digest = r.new
    FROM unnest(user_ids, old_digests, new_digests) AS r (user_id, old, new)
    WHERE s.user_id = r.user_id AND s.tokens_digest = r.old;
END
$$;
