-- What an operator should look at besides objects and rights: keys, tokens, refreshes, and what the server writes down.
--
-- requires: functions/tokens.sql functions/metrics.sql

-- Returns what is wrong with where the keys are: data_directory, memory. Of this process's memory, which the others have alike.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_key_hazards() RETURNS text[]
LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'vetassist_key_hazards_wrapper';

CREATE OR REPLACE FUNCTION @extschema@.vetassist_operation_checks() RETURNS TABLE (severity text, subject text, message text, hint text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    most CONSTANT integer := 100;
    unopened integer;
    delay double precision;
    hazards text[];
BEGIN
    -- A sample: each is opened, and nothing of it is kept.
    BEGIN
        PERFORM FROM @extschema@.vetassist_keys();
        unopened := (
            SELECT count(*) FROM (
                SELECT @extschema@.vetassist_opened_token(t.access_token_encrypted, t.user_id) IS NULL AS is_closed
                FROM @extschema@.vetassist_va_tokens AS t LIMIT most) AS s
            WHERE s.is_closed);
        IF unopened > 0 THEN
            RETURN QUERY SELECT 'error', 'key ring', format('no key opens %s of at most %s stored tokens that were tried', unopened, most),
                'SELECT * FROM vetassist_rotation_status() counts them all. Put the key that sealed them back into the ring, behind the current one.';
        END IF;
        hazards := @extschema@.vetassist_key_hazards();
        IF 'data_directory' = ANY (hazards) THEN
            RETURN QUERY SELECT 'warning', 'vetassist.master_key_file', 'the key file is inside the data directory',
                'Every base backup carries the keys beside what they seal. Move the file elsewhere.';
        END IF;
        IF 'memory' = ANY (hazards) THEN
            RETURN QUERY SELECT 'warning', 'key ring', 'is in memory that the system may write to swap or to core dumps',
                'Let the server lock memory: LimitMEMLOCK=64M in its systemd unit, or ulimit -l. Then restart it.';
        END IF;
    EXCEPTION
        WHEN config_file_error THEN
            RETURN QUERY SELECT 'error', 'key ring', SQLERRM,
                'Set vetassist.master_key_file or vetassist.master_key_command. A database whose clients seal by themselves needs none.';
        -- Where rights or tables are not as they must be. Another check says how.
        WHEN OTHERS THEN
            RETURN QUERY SELECT 'error', 'key ring', 'stored tokens cannot be read: ' || SQLERRM, 'See what else is found.';
    END;

    BEGIN
        delay := (SELECT m.value FROM @extschema@.vetassist_metrics() AS m WHERE m.name = 'vetassist_refresh_delay_seconds');
        IF @extschema@.vetassist_setting('refresh_paused'::text) = 'on' THEN
            RETURN QUERY SELECT 'warning', 'vetassist.refresh_paused', 'is on: no token is refreshed',
                'Turn it off when the tokens of the restored database were found to be good.';
        ELSIF delay > 60 THEN
            RETURN QUERY SELECT 'warning', 'refreshes', format('are up to %s seconds late', round(delay)),
                'See that a worker calls vetassist_claim_refreshes(), and how long VA.gov takes to answer.';
        END IF;
    EXCEPTION WHEN OTHERS THEN
        RETURN QUERY SELECT 'error', 'refreshes', 'cannot be looked at: ' || SQLERRM, 'See what else is found.';
    END;

    -- Settings in force here, and those that a role or this database has for its sessions.
    RETURN QUERY
        WITH given (name, value, whose) AS (
            SELECT s.name, s.setting, NULL::text FROM pg_settings AS s
            UNION ALL
            SELECT split_part(c.setting, '=', 1), substr(c.setting, strpos(c.setting, '=') + 1),
                   concat_ws(' in ', nullif('role ' || pg_get_userbyid(nullif(d.setrole, 0)), ''),
                             CASE WHEN d.setdatabase <> 0 THEN 'database ' || current_database() END)
            FROM pg_db_role_setting AS d
            CROSS JOIN LATERAL unnest(d.setconfig) AS c (setting)
            WHERE d.setdatabase IN (0, (SELECT b.oid FROM pg_database AS b WHERE b.datname = current_database()))
        ), logs (statements, plans) AS (
            SELECT bool_or(g.name = 'log_statement' AND g.value IN ('mod', 'all')
                           OR g.name IN ('log_min_duration_statement', 'log_min_duration_sample') AND g.value <> '-1'
                           OR g.name = 'log_transaction_sample_rate' AND g.value <> '0'),
                   bool_or(g.name = 'auto_explain.log_min_duration' AND g.value <> '-1')
            FROM given AS g
        )
        SELECT 'warning', concat_ws(' of ', 'setting ' || g.name, nullif(g.whose, '')),
               'lets the server write parameters of statements to its log, tokens among them',
               'Turn it off, or call the functions whose names end in _sealed.'
        FROM given AS g
        CROSS JOIN logs AS l
        WHERE g.name = 'log_parameter_max_length' AND g.value <> '0' AND l.statements
           OR g.name = 'log_parameter_max_length_on_error' AND g.value <> '0'
           OR g.name IN ('debug_print_parse', 'debug_print_rewritten', 'debug_print_plan', 'pgaudit.log_parameter')
              AND lower(g.value) !~ '^(of|f|n|0)'
           OR g.name = 'auto_explain.log_parameter_max_length' AND g.value <> '0' AND l.plans
        UNION ALL
        SELECT 'warning', concat_ws(' of ', 'setting ' || g.name, nullif(g.whose, '')),
               'lets the server write plans to its log, with values of parameters in them',
               'Turn it off, or call the functions whose names end in _sealed.'
        FROM given AS g
        WHERE g.name = 'auto_explain.log_min_duration' AND g.value <> '-1';
END
$$;
