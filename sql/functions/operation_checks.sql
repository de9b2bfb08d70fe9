-- Problems that an operator should know besides objects and rights: keys, tokens, refreshes and the server's log.
--
-- requires: functions/tokens.sql functions/refresh_checks.sql

-- Returns whether keys are exposed at a place: data_directory (the key file is inside it) or memory (the system may write
-- the memory of this process to swap or core dumps). The memory of other processes is protected in the same way.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_keys_are_exposed(place text) RETURNS boolean
LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'vetassist_keys_are_exposed_wrapper';

-- Returns the settings of the log that this session overrides, with the values that the server's files have.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_overridden_settings() RETURNS TABLE (name text, value text)
LANGUAGE c STABLE STRICT PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'vetassist_overridden_settings_wrapper';

-- Returns rows in the form of vetassist_check().
CREATE OR REPLACE FUNCTION @extschema@.vetassist_operation_checks() RETURNS TABLE (severity text, subject text, message text, hint text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    most CONSTANT integer := 100;
    unopened integer;
    -- Ids are random, so the users from a random id on are a sample.
    beginning CONSTANT uuid := gen_random_uuid();
BEGIN
    -- This opens the tokens of some users, and keeps none of them: of those that the WARNING about a missing key tries, and of
    -- others at random.
    BEGIN
        PERFORM FROM @extschema@.vetassist_keys();
        unopened := (
            WITH first AS MATERIALIZED (
                SELECT t.user_id, t.access_token_encrypted, t.refresh_token_encrypted
                FROM @extschema@.vetassist_va_tokens AS t LIMIT 16
            )
            SELECT count(*)
            FROM (
                SELECT * FROM first
                UNION ALL
                (SELECT t.user_id, t.access_token_encrypted, t.refresh_token_encrypted
                 FROM @extschema@.vetassist_va_tokens AS t
                 WHERE t.user_id >= beginning AND t.user_id <> ALL (ARRAY(SELECT f.user_id FROM first AS f))
                 ORDER BY t.user_id LIMIT most / 2 - 16)
                UNION ALL
                (SELECT t.user_id, t.access_token_encrypted, t.refresh_token_encrypted
                 FROM @extschema@.vetassist_va_tokens AS t
                 WHERE t.user_id < beginning AND t.user_id <> ALL (ARRAY(SELECT f.user_id FROM first AS f))
                 ORDER BY t.user_id LIMIT most / 2 - 16)
                LIMIT most / 2
            ) AS u
            CROSS JOIN LATERAL (VALUES (u.access_token_encrypted), (u.refresh_token_encrypted)) AS k (sealed)
            WHERE k.sealed IS NOT NULL AND @extschema@.vetassist_opened_token(k.sealed, u.user_id) IS NULL);
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

    -- These are the settings of this session, also of a library that only other sessions load, those that a role or this
    -- database sets for its sessions, and the server's where only this session overrides them.
    RETURN QUERY
        WITH stored (name, value, role, database) AS (
            SELECT lower(split_part(c.setting, '=', 1)), substr(c.setting, strpos(c.setting, '=') + 1), d.setrole, d.setdatabase
            FROM pg_db_role_setting AS d
            CROSS JOIN LATERAL unnest(d.setconfig) AS c (setting)
            WHERE d.setdatabase IN (0, (SELECT b.oid FROM pg_database AS b WHERE b.datname = current_database()))
        ), given (name, value, whose) AS (
            SELECT n.name, current_setting(n.name, true), NULL::text
            FROM unnest(ARRAY[
                'log_statement', 'log_min_duration_statement', 'log_min_duration_sample', 'log_transaction_sample_rate',
                'log_parameter_max_length', 'log_parameter_max_length_on_error', 'debug_print_parse',
                'debug_print_rewritten', 'debug_print_plan', 'pgaudit.log_parameter', 'auto_explain.log_min_duration',
                'auto_explain.log_parameter_max_length']) AS n (name)
            UNION ALL
            SELECT o.name, o.value, NULL
            FROM @extschema@.vetassist_overridden_settings() AS o
            WHERE NOT EXISTS (SELECT FROM stored AS d WHERE d.role = 0 AND d.name = o.name)
            UNION ALL
            SELECT d.name, d.value,
                   concat_ws(' in ', CASE WHEN d.role <> 0 THEN 'role ' || pg_get_userbyid(d.role)
                                          WHEN d.database = 0 THEN 'all roles' END,
                             CASE WHEN d.database <> 0 THEN 'database ' || current_database() END)
            FROM stored AS d
        ), valued AS (
            -- The catalog has values as they were written, such as 0kB. A length or a rate is off at zero, a duration below it.
            SELECT g.name, g.whose,
                   CASE WHEN g.name = 'log_statement' THEN lower(g.value) IN ('mod', 'all')
                        WHEN g.name LIKE 'log_parameter_max_length%' OR g.name LIKE '%.log_parameter_max_length'
                             OR g.name = 'log_transaction_sample_rate' THEN g.value !~* '^[[:space:]]*[-+]?0*[.]?0*[[:space:]]*(e.*|[a-z]*)[[:space:]]*$'
                        WHEN g.name ~ 'duration' THEN g.value !~ '^[[:space:]]*-'
                        ELSE lower(g.value) !~ '^(of|f|n|0)' END AS is_on
            FROM given AS g
            WHERE g.value <> ''
        ), logs (statements, plans) AS (
            SELECT bool_or(v.name ~ '^log_(statement$|min_duration|transaction)' AND v.is_on),
                   bool_or(v.name = 'auto_explain.log_min_duration' AND v.is_on)
            FROM valued AS v
        )
        SELECT 'warning', concat_ws(' of ', 'setting ' || v.name, nullif(v.whose, '')),
               format('lets the server write %s to its log',
                      CASE v.name WHEN 'auto_explain.log_min_duration' THEN 'plans, including values of parameters,'
                           ELSE 'parameters of statements, including tokens,' END),
               'Turn it off, or call the functions whose names end in _sealed.'
        FROM valued AS v
        CROSS JOIN logs AS l
        WHERE v.is_on
          AND CASE WHEN v.name = 'log_parameter_max_length' THEN l.statements
                   WHEN v.name = 'auto_explain.log_parameter_max_length' THEN l.plans
                   ELSE v.name IN ('log_parameter_max_length_on_error', 'debug_print_parse', 'debug_print_rewritten',
                                   'debug_print_plan', 'pgaudit.log_parameter', 'auto_explain.log_min_duration') END;
END
$$;
