-- Locks the tables that are there, so that nobody uses or changes them until the script ends.
--
-- requires: extension/search_path.sql

-- Others lock the same tables in other orders: a sign-in begins with the users, the check of a session with the
-- sessions. So a deadlock is possible, and this is who gives way: it looks for one at once and begins again. How long
-- it waits for others is for lock_timeout to say.
DO $$
DECLARE
    patience CONSTANT integer := 100;
    locked text;
BEGIN
    SELECT string_agg(format('ONLY %I.%I', n.nspname, c.relname), ', '
                      ORDER BY array_position(ARRAY['@tables@'], c.relname::text))
    INTO locked
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relnamespace = '@extschema@'::regnamespace AND c.relkind IN ('r', 'p')
      AND c.relname = ANY (ARRAY['@tables@']);
    IF locked IS NULL THEN
        RETURN;
    END IF;
    SET LOCAL deadlock_timeout = '10ms';
    FOR attempt IN 1 .. patience LOOP
        BEGIN
            EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', locked);
            EXIT;
        EXCEPTION WHEN deadlock_detected THEN
            IF attempt = patience THEN
                RAISE;
            END IF;
        END;
        PERFORM pg_sleep(0.02 * random());
    END LOOP;
END
$$;
