-- Rotating keys: every token that the current key did not seal is sealed anew under it.
--
-- requires: tables/va_tokens.sql functions/keyring.sql functions/batches.sql

CREATE OR REPLACE FUNCTION @extschema@.vetassist_token_key(sealed bytea, user_id uuid) RETURNS integer
LANGUAGE c STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'vetassist_token_key_wrapper';

CREATE OR REPLACE FUNCTION @extschema@.vetassist_reseal_token(sealed bytea, user_id uuid) RETURNS bytea
LANGUAGE c VOLATILE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'vetassist_reseal_token_wrapper';

-- No plaintext is ever a SQL value here: vetassist_reseal_token() opens and seals in one call.

-- One batch. What became of each row: rotated, current (nothing to do), held (somebody else has it
-- locked) or unopened (no key of the ring opens a token of it, and it is left alone).
CREATE OR REPLACE FUNCTION @extschema@.vetassist_rotate_rows(user_ids uuid[]) RETURNS TABLE (user_id uuid, outcome text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        WITH judged AS MATERIALIZED (
            SELECT s.place, s.user_id, s.access_token, s.refresh_token,
                   CASE WHEN s.access_token IS NULL
                             AND @extschema@.vetassist_token_key(s.access_token_encrypted::bytea, s.user_id::uuid) = 0
                          OR s.refresh_token IS NULL
                             AND @extschema@.vetassist_token_key(s.refresh_token_encrypted::bytea, s.user_id::uuid) = 0 THEN 'unopened'
                        WHEN s.access_token IS NOT NULL OR s.refresh_token IS NOT NULL THEN 'held'
                        ELSE 'current' END AS outcome
            FROM (SELECT t.ctid AS place, t.user_id, t.access_token_encrypted, t.refresh_token_encrypted,
                         @extschema@.vetassist_reseal_token(t.access_token_encrypted::bytea, t.user_id::uuid) AS access_token,
                         @extschema@.vetassist_reseal_token(t.refresh_token_encrypted::bytea, t.user_id::uuid) AS refresh_token
                  FROM @extschema@.vetassist_va_tokens AS t
                  WHERE t.user_id = ANY (user_ids)) AS s
        ), locked AS MATERIALIZED (
            SELECT t.ctid AS place
            FROM @extschema@.vetassist_va_tokens AS t
            WHERE t.ctid = ANY (ARRAY(SELECT j.place FROM judged AS j WHERE j.outcome = 'held'))
            FOR UPDATE SKIP LOCKED
        ), rotated AS (
            -- A place is a version's of the row. Where a sign-in came between the look and the lock there is a newer
            -- one, which stays, and the row is looked at again.
            UPDATE @extschema@.vetassist_va_tokens AS t
            SET access_token_encrypted = coalesce(j.access_token, t.access_token_encrypted),
                refresh_token_encrypted = coalesce(j.refresh_token, t.refresh_token_encrypted)
            FROM locked AS l
            JOIN judged AS j ON j.place = l.place
            WHERE t.ctid = l.place
            RETURNING t.user_id
        )
        SELECT j.user_id, CASE WHEN r.user_id IS NULL THEN j.outcome ELSE 'rotated' END
        FROM judged AS j
        LEFT JOIN rotated AS r ON r.user_id = j.user_id;
END
$$;

-- One step of vetassist_rotate_tokens(): a batch in the order of user ids; after the last, the rows that
-- others held, again and again for half a minute. Everything between two steps is in `state`, so the
-- procedure itself, whose search_path is its caller's, does nothing but commit.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_rotate_step(state jsonb, batch_size integer)
RETURNS TABLE (next_state jsonb, finished boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    most_reports CONSTANT integer := 100;
    patience CONSTANT interval := '30 seconds';
    page uuid[];
    outcomes record;
    unopened_user uuid;
    elapsed double precision;
    rate double precision;
BEGIN
    IF state IS NULL THEN
        PERFORM @extschema@.vetassist_forbid_transaction_block('CALL vetassist_rotate_tokens()'::text);
        IF batch_size IS NULL OR batch_size < 1 THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'batch_size must be at least 1',
                HINT = 'Leave it out for its default, 1000.';
        END IF;
        state := jsonb_build_object(
            'after', NULL, 'held', '[]'::jsonb, 'waiting_since', NULL, 'seen', 0, 'rotated', 0, 'unopened', 0,
            'started', clock_timestamp(), 'told', clock_timestamp(),
            'total', (SELECT count(*) FROM @extschema@.vetassist_va_tokens));
        -- Fails here, and not half-way, without a ring.
        PERFORM FROM @extschema@.vetassist_keys();
    END IF;

    IF state ->> 'waiting_since' IS NULL THEN
        SELECT array_agg(p.user_id ORDER BY p.user_id) INTO page
        FROM (SELECT t.user_id FROM @extschema@.vetassist_va_tokens AS t
              WHERE state ->> 'after' IS NULL OR t.user_id > (state ->> 'after')::uuid
              ORDER BY t.user_id LIMIT batch_size) AS p;
    ELSE
        PERFORM pg_sleep(0.1);
        SELECT array_agg(h.user_id::uuid) INTO page
        FROM (SELECT jsonb_array_elements_text(state -> 'held') AS user_id LIMIT batch_size) AS h;
    END IF;

    SELECT count(*) FILTER (WHERE r.outcome = 'rotated') AS rotated,
           count(*) FILTER (WHERE r.outcome = 'unopened') AS unopened,
           coalesce(array_agg(r.user_id ORDER BY r.user_id) FILTER (WHERE r.outcome = 'unopened'), '{}') AS unopened_users,
           coalesce(jsonb_agg(r.user_id) FILTER (WHERE r.outcome = 'held'), '[]') AS held
    INTO outcomes
    FROM @extschema@.vetassist_rotate_rows(page::uuid[]) AS r;

    FOREACH unopened_user IN ARRAY outcomes.unopened_users[1 : greatest(0, most_reports - (state ->> 'unopened')::integer)] LOOP
        RAISE WARNING USING MESSAGE = format('no key of the ring opens the tokens of user %s', unopened_user),
            HINT = 'The row was left alone. Put the key that sealed it back into the ring, or let the user sign in again.';
    END LOOP;

    state := state || jsonb_build_object(
        'rotated', (state ->> 'rotated')::bigint + outcomes.rotated,
        'unopened', (state ->> 'unopened')::bigint + outcomes.unopened);
    IF state ->> 'waiting_since' IS NULL THEN
        state := state || jsonb_build_object(
            'seen', (state ->> 'seen')::bigint + coalesce(cardinality(page), 0),
            'after', page[cardinality(page)],
            'held', state -> 'held' || outcomes.held);
        IF page IS NULL OR cardinality(page) < batch_size THEN
            state := state || jsonb_build_object('waiting_since', clock_timestamp());
        END IF;
    ELSE
        -- What is held still goes behind what was not tried this time.
        state := state || jsonb_build_object('held',
            (SELECT coalesce(jsonb_agg(h.user_id), '[]') FROM (
                SELECT e.user_id FROM jsonb_array_elements_text(state -> 'held') WITH ORDINALITY AS e (user_id, place)
                WHERE e.place > coalesce(cardinality(page), 0)) AS h) || outcomes.held);
    END IF;

    finished := state ->> 'waiting_since' IS NOT NULL
        AND (jsonb_array_length(state -> 'held') = 0
             OR clock_timestamp() > (state ->> 'waiting_since')::timestamptz + patience);

    IF finished OR clock_timestamp() > (state ->> 'told')::timestamptz + interval '1 second' THEN
        elapsed := extract(epoch FROM clock_timestamp() - (state ->> 'started')::timestamptz);
        rate := (state ->> 'seen')::bigint / greatest(elapsed, 0.001);
        RAISE NOTICE USING MESSAGE = format(
            '%s of %s rows done, %s of them sealed anew, %s rows/s, about %s s left',
            state ->> 'seen', greatest((state ->> 'total')::bigint, (state ->> 'seen')::bigint), state ->> 'rotated',
            round(rate::numeric),
            ceil(greatest(0, (state ->> 'total')::bigint - (state ->> 'seen')::bigint) / greatest(rate, 0.001)));
        state := state || jsonb_build_object('told', clock_timestamp());
    END IF;
    IF finished AND (state ->> 'unopened')::bigint > 0 THEN
        RAISE WARNING USING
            MESSAGE = format('%s rows were left alone because no key of the ring opens them', state ->> 'unopened'),
            HINT = 'vetassist_rotation_status() names them.';
    END IF;
    IF finished AND jsonb_array_length(state -> 'held') > 0 THEN
        RAISE WARNING USING
            MESSAGE = format('%s rows are still held by other transactions', jsonb_array_length(state -> 'held')),
            HINT = 'Call vetassist_rotate_tokens() again when they have ended.';
    END IF;
    next_state := state;
    RETURN NEXT;
END
$$;

-- It commits after each batch, so it can neither be a security definer nor pin its search_path. So it
-- names everything in full and uses no operator.
CREATE OR REPLACE PROCEDURE @extschema@.vetassist_rotate_tokens(batch_size integer DEFAULT 1000)
LANGUAGE plpgsql
AS $$
DECLARE
    state pg_catalog.jsonb;
    finished pg_catalog.bool;
BEGIN
    LOOP
        SELECT s.next_state, s.finished INTO state, finished
        FROM @extschema@.vetassist_rotate_step(state::pg_catalog.jsonb, batch_size::pg_catalog.int4) AS s;
        COMMIT;
        EXIT WHEN finished;
    END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION @extschema@.vetassist_rotation_status() RETURNS TABLE (
    "position" integer, fingerprint text, is_current boolean, sealed_values bigint, user_ids uuid[])
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        WITH sealed AS MATERIALIZED (
            SELECT t.user_id, @extschema@.vetassist_token_key(v.sealed::bytea, t.user_id::uuid) AS key
            FROM @extschema@.vetassist_va_tokens AS t
            CROSS JOIN LATERAL (VALUES (t.access_token_encrypted), (t.refresh_token_encrypted)) AS v (sealed)
            WHERE v.sealed IS NOT NULL
        ), counted AS (
            SELECT s.key, count(*) AS how_many FROM sealed AS s GROUP BY s.key
        )
        SELECT k."position", k.fingerprint, k.is_current, coalesce(c.how_many, 0), NULL::uuid[]
        FROM @extschema@.vetassist_keys() AS k
        LEFT JOIN counted AS c ON c.key = k."position"
        UNION ALL
        SELECT NULL, NULL, NULL, coalesce((SELECT c.how_many FROM counted AS c WHERE c.key = 0), 0),
               ARRAY(SELECT DISTINCT s.user_id FROM sealed AS s WHERE s.key = 0 ORDER BY s.user_id LIMIT 100)
        ORDER BY 1 NULLS LAST;
END
$$;
