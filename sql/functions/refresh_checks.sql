-- Problems of refreshes that an operator should know.
--
-- requires: functions/metrics.sql functions/leases.sql functions/setting.sql

-- Returns rows in the form of vetassist_check().
CREATE OR REPLACE FUNCTION @extschema@.vetassist_refresh_checks() RETURNS TABLE (severity text, subject text, message text, hint text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    at CONSTANT timestamptz := clock_timestamp();
    delay double precision;
BEGIN
    delay := (SELECT m.value FROM @extschema@.vetassist_metrics() AS m WHERE m.name = 'vetassist_refresh_delay_seconds');
    -- The metrics pass over a late token among many that are held. This has more time.
    delay := greatest(delay, (
        SELECT extract(epoch FROM at - greatest(d.expires_at, timestamptz 'epoch'))
        FROM (
            SELECT t.user_id, t.expires_at, t.access_token_encrypted, t.refresh_token_encrypted
            FROM @extschema@.vetassist_va_tokens AS t
            WHERE t.refresh_token_encrypted IS NOT NULL AND t.expires_at <= at - interval '1 minute'
            ORDER BY t.expires_at
            LIMIT 1000
        ) AS d
        JOIN @extschema@.vetassist_users AS u ON u.id = d.user_id
        WHERE u.is_active
          AND NOT @extschema@.vetassist_is_held(d.user_id, d.access_token_encrypted, d.refresh_token_encrypted, at)
        ORDER BY d.expires_at
        LIMIT 1));
    IF @extschema@.vetassist_setting('refresh_paused'::text) = 'on' THEN
        RETURN QUERY SELECT 'warning', 'vetassist.refresh_paused', 'is on: no token is refreshed',
            'Turn it off once you know that the tokens of the restored database are valid.';
    ELSIF delay > 60 THEN
        RETURN QUERY SELECT 'warning', 'refreshes', format('are up to %s seconds late', round(delay)),
            'Check that a worker calls vetassist_claim_refreshes(), and how long VA.gov takes to answer.';
    END IF;
EXCEPTION WHEN OTHERS THEN
    RETURN QUERY SELECT 'error', 'refreshes', 'cannot be checked: ' || SQLERRM, 'See the other rows of this check.';
END;
$$;
