-- Problems of refreshes that an operator should know.
--
-- requires: functions/metrics.sql functions/setting.sql

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
    delay := greatest(delay, extract(epoch FROM at - @extschema@.vetassist_oldest_late(
        timestamptz '-infinity', at - interval '1 minute', 1000)));
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
