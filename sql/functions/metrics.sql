-- Figures for a monitoring system.
--
-- requires: tables/users.sql functions/leases.sql tables/key_fingerprints.sql

-- Looks at so many tokens that expired between two times, the oldest first. Returns when the first one expired that could be
-- refreshed: its user is active, and no lease, back-off or reconnect holds it. Returns no time before 1970.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_oldest_late(beginning timestamptz, ending timestamptz, most integer) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT greatest(d.expires_at, timestamptz 'epoch')
        FROM (
            SELECT t.user_id, t.expires_at, t.access_token_encrypted, t.refresh_token_encrypted
            FROM @extschema@.vetassist_va_tokens AS t
            WHERE t.refresh_token_encrypted IS NOT NULL AND t.expires_at <= ending AND t.expires_at >= beginning
            ORDER BY t.expires_at
            LIMIT most
        ) AS d
        JOIN @extschema@.vetassist_users AS u ON u.id = d.user_id
        WHERE u.is_active
          AND NOT @extschema@.vetassist_is_held(d.user_id, d.access_token_encrypted, d.refresh_token_encrypted, clock_timestamp())
        ORDER BY d.expires_at
        LIMIT 1);
END
$$;

-- Returns each metric under its name in Prometheus. The sizes of whole tables are estimates from statistics. Other rows are
-- counted with an index, up to 10000. So a scrape takes a few milliseconds, no matter how much is stored.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_metrics() RETURNS TABLE (name text, labels jsonb, value double precision)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    most CONSTANT integer := 10000;
    at CONSTANT timestamptz := clock_timestamp();
BEGIN
    RETURN QUERY
        SELECT 'vetassist_rows_estimate', jsonb_build_object('table', c.relname), greatest(c.reltuples, 0)::double precision
        FROM pg_class AS c
        WHERE c.relnamespace = '@extschema@'::regnamespace
          AND c.relname IN ('vetassist_users', 'vetassist_va_tokens', 'vetassist_sessions', 'vetassist_auth_audit')
        UNION ALL
        SELECT 'vetassist_sessions_active', '{}', (
            SELECT count(*) FROM (
                SELECT FROM @extschema@.vetassist_sessions AS s
                WHERE s.revoked_at IS NULL AND s.expires_at > at LIMIT most) AS f)
        UNION ALL
        SELECT 'vetassist_tokens_due', '{}', (
            SELECT count(*) FROM (
                SELECT FROM @extschema@.vetassist_va_tokens AS t
                WHERE t.refresh_token_encrypted IS NOT NULL AND t.expires_at <= at + interval '5 minutes' LIMIT most) AS f)
        UNION ALL
        -- This is the delay of the oldest due tokens that are not held. There may be many held tokens, so the query looks at
        -- 10 due tokens from each of these times on. The real delay is at least the returned value.
        SELECT 'vetassist_refresh_delay_seconds', '{}', coalesce((
            SELECT extract(epoch FROM at - min(@extschema@.vetassist_oldest_late(a.beginning, at, 10)))
            FROM unnest(ARRAY[timestamptz '-infinity', at - interval '7 days', at - interval '1 day', at - interval '1 hour',
                              at - interval '10 minutes', at - interval '2 minutes']) AS a (beginning)), 0)
        UNION ALL
        SELECT 'vetassist_refresh_leases', '{}', (
            SELECT count(*) FROM (
                SELECT FROM @extschema@.vetassist_refresh_leases AS l
                WHERE l.expires_at > at AND l.stored_digest IS NULL LIMIT most) AS f)
        UNION ALL
        SELECT 'vetassist_refresh_failures', jsonb_build_object('state', f.state), f.users
        FROM (
            SELECT count(s.retry_at), count(*) FILTER (WHERE s.retry_at IS NULL)
            FROM (SELECT r.retry_at FROM @extschema@.vetassist_refresh_states AS r LIMIT most) AS s
        ) AS c (waiting, ended)
        CROSS JOIN LATERAL (VALUES ('wait', c.waiting), ('reconnect', c.ended)) AS f (state, users)
        UNION ALL
        SELECT 'vetassist_refresh_paused', '{}', (@extschema@.vetassist_setting('refresh_paused'::text) = 'on')::integer
        UNION ALL
        SELECT 'vetassist_known_keys', '{}', (SELECT count(DISTINCT k.fingerprint) FROM @extschema@.vetassist_key_fingerprints AS k);
END
$$;
