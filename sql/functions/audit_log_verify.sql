-- Verifying the audit log in the database: compares its tables with each other and with the trail.
--
-- requires: functions/audit_log_tree.sql tables/audit_pending.sql tables/audit_unsealable.sql

-- Returns the root of 256 leaves, from their hashes in one string.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_audit_block(hashes bytea) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    FOR _ IN 1 .. 8 LOOP
        hashes := @extschema@.vetassist_audit_level_above(hashes::bytea);
    END LOOP;
    RETURN hashes;
END
$$;

-- Returns the root of the first "size" entries, or NULL if entries or nodes are missing.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_verified_root(size bigint) RETURNS bytea
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN @extschema@.vetassist_audit_root(0::bigint, size::bigint);
EXCEPTION WHEN object_not_in_prerequisite_state THEN
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION @extschema@.vetassist_verify_audit(checkpoint text DEFAULT NULL)
RETURNS TABLE (problem text, audit_id bigint, entry bigint, detail text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    head @extschema@.vetassist_audit_head%ROWTYPE;
    lines CONSTANT text[] := @extschema@.vetassist_checkpoint_lines(checkpoint::text);
BEGIN
    IF checkpoint IS NOT NULL AND lines IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'not a checkpoint',
            HINT = 'Pass the text that vetassist_audit_checkpoint() returned, or a note that vetassist-audit signed.';
    END IF;
    SELECT h.* INTO head FROM @extschema@.vetassist_audit_head AS h;

    -- Every entry must exist exactly once.
    RETURN QUERY
        SELECT 'missing_entry', NULL::bigint, e.previous + 1, format('%s entries are missing', e.entry - e.previous - 1)
        FROM (SELECT l.entry, lag(l.entry, 1, -1::bigint) OVER (ORDER BY l.entry) AS previous
              FROM (SELECT l.entry FROM @extschema@.vetassist_audit_leaves AS l
                    UNION ALL SELECT coalesce(head.size, 0)) AS l) AS e
        WHERE e.entry <> e.previous + 1;

    -- Each row must be as it was sealed.
    RETURN QUERY
        WITH rows AS (
            SELECT l.entry, l.audit_id, l.leaf_hash, l.salts, l.event_commitment, l.ip_commitment,
                   a.id, a.user_id, a.event_type::text, @extschema@.vetassist_audit_time(a.created_at::timestamptz) AS created_at,
                   a.event_data::text, a.ip_hash::text
            FROM @extschema@.vetassist_audit_leaves AS l
            LEFT JOIN @extschema@.vetassist_auth_audit AS a ON a.id = l.audit_id
            WHERE l.kind = 'r' OFFSET 0
        ), rehashed AS (
            -- This takes the last rehash of each row. The number of the row's entry begins after 25 bytes of the data; the
            -- commitment is at the end.
            SELECT DISTINCT ON (r.of_entry) r.of_entry, r.commitment FROM (
                SELECT CASE WHEN n.number ~ '^[0-9]{1,18}$' THEN n.number::bigint END AS of_entry,
                       substr(l.data, greatest(octet_length(l.data) - 31, 1)) AS commitment, l.entry
                FROM @extschema@.vetassist_audit_leaves AS l
                CROSS JOIN LATERAL encode(substr(l.data, 26, greatest(octet_length(l.data) - 62, 0)), 'escape') AS n (number)
                WHERE l.kind = 'h') AS r
            ORDER BY r.of_entry, r.entry DESC
        ), pending AS (
            SELECT changed.audit_id, bool_or(p.kind = 'e') AS is_erased, bool_or(p.kind = 'h') AS is_rehashed
            FROM @extschema@.vetassist_audit_pending AS p
            CROSS JOIN LATERAL unnest(p.audit_ids) AS changed (audit_id)
            GROUP BY changed.audit_id
        ), erased AS MATERIALIZED (
            SELECT coalesce(range_agg(e.range), '{}') AS entries
            FROM @extschema@.vetassist_audit_leaves AS l
            CROSS JOIN LATERAL unnest(@extschema@.vetassist_audit_rows_of(l.data::bytea, l.kind::text)) AS e (range)
            WHERE l.kind = 'e'
        ), judged AS (
            SELECT r.audit_id, r.entry, CASE
                WHEN r.id IS NULL THEN 'missing'
                WHEN r.leaf_hash <> sha256(E'\\x00'::bytea || @extschema@.vetassist_audit_row(
                         r.id::bigint, r.user_id::uuid, r.event_type::text, r.created_at::text,
                         coalesce(r.event_commitment, @extschema@.vetassist_audit_commit(substr(r.salts, 1, 16)::bytea, r.event_data::text), E'\\x')::bytea,
                         coalesce(r.ip_commitment, @extschema@.vetassist_audit_commit(substr(r.salts, 17, 16)::bytea, r.ip_hash::text), E'\\x')::bytea))
                    THEN 'changed'
                WHEN r.salts IS NULL AND (r.event_data IS NOT NULL OR r.ip_hash IS NOT NULL) THEN 'changed'
                WHEN r.salts IS NULL AND p.is_erased IS NOT TRUE AND NOT r.entry <@ (SELECT e.entries FROM erased AS e)
                    THEN 'erased_in_silence'
                -- An erasure may also list a row that was sealed after its values were cleared.
                WHEN (r.event_data IS NOT NULL OR r.ip_hash IS NOT NULL) AND r.entry <@ (SELECT e.entries FROM erased AS e)
                    THEN 'false_erasure'
                -- A rehash keeps the sealed commitment of the row, and adds a new commitment to the log.
                WHEN r.salts IS NOT NULL AND r.ip_commitment IS NOT NULL AND p.is_rehashed IS NOT TRUE
                     AND h.commitment IS DISTINCT FROM @extschema@.vetassist_audit_commit(substr(r.salts, 17, 16)::bytea, r.ip_hash::text)
                    THEN 'changed'
                END AS problem
            FROM rows AS r
            LEFT JOIN rehashed AS h ON h.of_entry = r.entry
            LEFT JOIN pending AS p ON p.audit_id = r.audit_id
        )
        SELECT j.problem, j.audit_id, j.entry, CASE j.problem
            WHEN 'missing' THEN 'the row is missing, and no purge lists it'
            WHEN 'changed' THEN 'the row differs from the sealed row'
            WHEN 'false_erasure' THEN 'an erasure lists the row, but its values are still there'
            ELSE 'event_data and ip_hash are missing, and no erasure lists the row' END
        FROM judged AS j WHERE j.problem IS NOT NULL ORDER BY j.entry;

    -- A purge must list each row that is marked as purged. No id may be sealed twice.
    RETURN QUERY
        SELECT 'missing', l.audit_id, l.entry, 'the row is missing, and no purge lists it'
        FROM @extschema@.vetassist_audit_leaves AS l
        WHERE l.kind = 'p'
          AND NOT l.entry <@ coalesce((SELECT range_agg(p.range) FROM (
                  SELECT unnest(@extschema@.vetassist_audit_rows_of(u.data::bytea, u.kind::text)) AS range
                  FROM @extschema@.vetassist_audit_leaves AS u WHERE u.kind = 'u'
                  UNION ALL SELECT unnest(p.entries) FROM @extschema@.vetassist_audit_pending AS p) AS p), '{}'::int8multirange)
        UNION ALL
        SELECT 'id_reused', l.audit_id, max(l.entry), 'the id was sealed more than once'
        FROM @extschema@.vetassist_audit_leaves AS l WHERE l.kind IN ('r', 'p')
        GROUP BY l.audit_id HAVING count(*) > 1
        UNION ALL
        SELECT 'unsealable', u.audit_id, NULL, format('the row cannot be sealed (%s)', u.sqlstate)
        FROM @extschema@.vetassist_audit_unsealable AS u
        WHERE EXISTS (SELECT FROM @extschema@.vetassist_auth_audit AS a WHERE a.id = u.audit_id)
        UNION ALL
        SELECT 'changed', NULL, l.entry, 'the entry differs from the sealed entry'
        FROM @extschema@.vetassist_audit_leaves AS l
        WHERE l.kind NOT IN ('r', 'p') AND l.leaf_hash IS DISTINCT FROM sha256(E'\\x00'::bytea || l.data);

    -- The tree must match the entries: the nodes of 256 leaves match the leaves, the nodes above match the nodes below them,
    -- and the root matches them all.
    RETURN QUERY
        SELECT 'other_node', NULL::bigint, b.place << 8, 'the node does not match the entries'
        FROM generate_series(0, (coalesce(head.size, 0) >> 8) - 1) AS b (place)
        LEFT JOIN @extschema@.vetassist_audit_nodes AS n ON n.level = 8 AND n.place = b.place
        WHERE n.hash IS DISTINCT FROM (
            SELECT @extschema@.vetassist_audit_block(string_agg(l.leaf_hash, '' ORDER BY l.entry)::bytea)
            FROM @extschema@.vetassist_audit_leaves AS l WHERE l.entry >= b.place << 8 AND l.entry < (b.place + 1) << 8)
        UNION ALL
        SELECT 'other_node', NULL, n.place << n.level, 'the node does not match the entries'
        FROM @extschema@.vetassist_audit_nodes AS n
        LEFT JOIN @extschema@.vetassist_audit_nodes AS l ON l.level = n.level - 1 AND l.place = n.place * 2
        LEFT JOIN @extschema@.vetassist_audit_nodes AS r ON r.level = n.level - 1 AND r.place = n.place * 2 + 1
        WHERE n.level > 8 AND n.hash IS DISTINCT FROM sha256(E'\\x01'::bytea || l.hash || r.hash);
    IF head.root IS DISTINCT FROM @extschema@.vetassist_verified_root(head.size::bigint) THEN
        RETURN QUERY VALUES ('other_root', NULL::bigint, NULL::bigint, 'the root does not match the entries');
    END IF;

    -- The log must continue the checkpoint.
    IF lines IS NULL THEN
        RETURN;
    ELSIF lines[1] IS DISTINCT FROM head.origin THEN
        RETURN QUERY VALUES ('other_log', NULL::bigint, NULL::bigint, 'the checkpoint belongs to another log');
    ELSIF lines[2]::numeric > coalesce(head.size, 0) THEN
        RETURN QUERY VALUES ('rolled_back', NULL::bigint, coalesce(head.size, 0), format('the checkpoint has %s entries', lines[2]));
    ELSIF decode(lines[3], 'base64') IS DISTINCT FROM @extschema@.vetassist_verified_root(lines[2]::bigint) THEN
        RETURN QUERY VALUES ('rewritten', NULL::bigint, NULL::bigint, 'the entries do not match the checkpoint');
    END IF;
END
$$;
