-- Locks the existing tables, so that no other session uses or changes them until the script ends.
--
-- requires: extension/search_path.sql

-- Other sessions lock the same tables in other orders: a sign-in begins with the users, the check of a session with the
-- sessions. So this code waits only while it holds no lock, and releases its locks before it waits for another: it causes
-- no deadlock. The caller's lock_timeout limits the wait.
DO $$
DECLARE
    most CONSTANT text := current_setting('lock_timeout');
    milliseconds CONSTANT integer := (SELECT s.setting FROM pg_settings AS s WHERE s.name = 'lock_timeout');
    until CONSTANT timestamptz := clock_timestamp()
        + CASE milliseconds WHEN 0 THEN interval '1 minute' ELSE milliseconds * interval '1 ms' END;
    found CONSTANT text[] := ARRAY(
        SELECT format('%I.%I', n.nspname, c.relname)
        FROM pg_class AS c
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.relnamespace = '@extschema@'::regnamespace AND c.relkind IN ('r', 'p')
          AND c.relname = ANY (ARRAY['@tables@'])
        -- This is the order of a sign-in, as far as possible.
        ORDER BY array_position(ARRAY['vetassist_users', 'vetassist_va_tokens', 'vetassist_sessions',
                                      'vetassist_auth_audit'], c.relname::text), c.relname);
    -- The table to wait for. It is locked before the others.
    awaited text := found[1];
    locked text;
BEGIN
    WHILE awaited IS NOT NULL LOOP
        BEGIN
            locked := awaited;
            EXECUTE format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE', locked);
            -- This is far less than the usual deadlock_timeout of one second.
            PERFORM set_config('lock_timeout', '50ms', true);
            FOREACH locked IN ARRAY found LOOP
                EXECUTE format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE', locked);
            END LOOP;
            awaited := NULL;
        EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
            IF clock_timestamp() > until THEN
                RAISE;
            END IF;
            awaited := locked;
        END;
        PERFORM set_config('lock_timeout', most, true);
    END LOOP;
END
$$;
