-- Problems that an operator should know besides objects and rights: keys, tokens, refreshes and the server's log.
--
-- requires: functions/tokens.sql functions/refresh_checks.sql

-- Returns whether keys are exposed at a place: data_directory (the key file is inside it) or memory (the system may write
-- the memory of this process to swap or core dumps). The memory of other processes is protected in the same way.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_keys_are_exposed(place text) RETURNS boolean
LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'vetassist_keys_are_exposed_wrapper';

CREATE OR REPLACE FUNCTION @extschema@.vetassist_operation_checks() RETURNS TABLE (severity text, subject text, message text, hint text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    most CONSTANT integer := 100;
    unopened integer;
BEGIN
    -- This opens a sample of tokens, and keeps none of them.
    BEGIN
        PERFORM FROM @extschema@.vetassist_keys();
        unopened := (
            SELECT count(*) FROM (
                SELECT @extschema@.vetassist_opened_token(t.access_token_encrypted, t.user_id) IS NULL AS is_closed
                FROM @extschema@.vetassist_va_tokens AS t LIMIT most) AS s
            WHERE s.is_closed);
        IF unopened > 0 THEN
            RETURN QUERY SELECT 'error', 'key ring', format('no key of the ring opens %s of the stored tokens (at most %s were tried)', unopened, most),
                'SELECT * FROM vetassist_rotation_status() counts them all. Put the key that sealed them back into the ring, behind the current one.';
        END IF;
        IF @extschema@.vetassist_keys_are_exposed('data_directory'::text) THEN
            RETURN QUERY SELECT 'warning', 'vetassist.master_key_file', 'the key file is inside the data directory',
                'Every base backup holds the keys together with the tokens that they seal. Move the file elsewhere.';
        END IF;
        IF @extschema@.vetassist_keys_are_exposed('memory'::text) THEN
            RETURN QUERY SELECT 'warning', 'key ring', 'is in memory that the system may write to swap or to core dumps',
                'Let the server lock memory: LimitMEMLOCK=64M in its systemd unit, or ulimit -l. Then restart it.';
        END IF;
    EXCEPTION
        WHEN config_file_error THEN
            RETURN QUERY SELECT 'error', 'key ring', SQLERRM,
                'Set vetassist.master_key_file or vetassist.master_key_command. A database whose clients seal the tokens needs no key ring.';
        -- The reason is a wrong right or table. Another check reports it.
        WHEN OTHERS THEN
            RETURN QUERY SELECT 'error', 'key ring', 'stored tokens cannot be read: ' || SQLERRM, 'See the other rows of this check.';
    END;

    RETURN QUERY SELECT r.severity, r.subject, r.message, r.hint FROM @extschema@.vetassist_refresh_checks() AS r;

    -- These are the settings of this session, and those that a role or this database sets for its sessions.
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
               'lets the server write parameters of statements, including tokens, to its log',
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
               'lets the server write plans, including values of parameters, to its log',
               'Turn it off, or call the functions whose names end in _sealed.'
        FROM given AS g
        WHERE g.name = 'auto_explain.log_min_duration' AND g.value <> '-1';
END
$$;
