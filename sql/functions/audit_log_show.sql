-- Showing the audit log: entries, with the present values of their rows.
--
-- requires: functions/audit_log_tree.sql tables/audit_pending.sql

-- Returns entries from an index on. After the last entry come rows without an entry, one for each pending change of a row.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_audit_entries(from_index bigint, max_rows integer)
RETURNS TABLE (entry bigint, kind text, audit_id bigint, leaf_hash bytea, data bytea,
               event_data text, event_data_salt bytea, ip_hash text, ip_hash_salt bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    size CONSTANT bigint := @extschema@.vetassist_audit_size();
BEGIN
    IF from_index IS NULL OR max_rows IS NULL OR from_index < 0 OR max_rows < 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'from_index must be at least 0, and max_rows at least 1',
            HINT = 'Begin with 0, and go on with the entry after the last one.';
    ELSIF from_index > size THEN
        RETURN;
    END IF;
    RETURN QUERY
        WITH page AS MATERIALIZED (
            SELECT l.* FROM @extschema@.vetassist_audit_leaves AS l
            WHERE l.entry >= from_index AND l.entry < from_index + max_rows
        ), rows AS (
            SELECT p.entry, p.kind, p.audit_id, p.leaf_hash, p.data, p.salts, p.event_commitment, p.ip_commitment,
                   a.id, a.user_id, a.event_type::text,
                   @extschema@.vetassist_audit_time(a.created_at::timestamptz) AS created_at, a.event_data::text, a.ip_hash::text
            FROM page AS p
            LEFT JOIN @extschema@.vetassist_auth_audit AS a ON a.id = p.audit_id AND p.kind = 'r'
            OFFSET 0
        )
        SELECT r.entry,
               CASE r.kind WHEN 'e' THEN 'erasure' WHEN 'h' THEN 'rehash' WHEN 'u' THEN 'purge' WHEN 's' THEN 'restart'
                           ELSE 'row' END,
               r.audit_id, r.leaf_hash,
               CASE WHEN r.id IS NULL THEN r.data ELSE
                   -- If the row was not changed, its present values give the commitments.
                   @extschema@.vetassist_audit_row(r.id::bigint, r.user_id::uuid, r.event_type::text, r.created_at::text,
                       coalesce(r.event_commitment, @extschema@.vetassist_audit_commit(substr(r.salts, 1, 16)::bytea, r.event_data::text), E'\\x')::bytea,
                       coalesce(r.ip_commitment, @extschema@.vetassist_audit_commit(substr(r.salts, 17, 16)::bytea, r.ip_hash::text), E'\\x')::bytea)
               END,
               r.event_data, substr(r.salts, 1, 16), r.ip_hash, substr(r.salts, 17, 16)
        FROM rows AS r ORDER BY r.entry;
    IF from_index >= size - max_rows THEN
        RETURN QUERY
            SELECT NULL::bigint, CASE p.kind WHEN 'e' THEN 'erasure' WHEN 'h' THEN 'rehash' ELSE 'purge' END,
                   unnest(p.audit_ids), NULL::bytea, NULL::bytea, NULL, NULL::bytea, NULL, NULL::bytea
            FROM @extschema@.vetassist_audit_pending AS p
            ORDER BY p.transaction, p.part;
    END IF;
END
$$;

-- Writes an event: a watcher saw this checkpoint.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_note_watch(checkpoint text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF array_length(array_remove(@extschema@.vetassist_checkpoint_lines(checkpoint::text), NULL), 1) IS DISTINCT FROM 3 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'not a checkpoint',
            HINT = 'Pass the text that vetassist_audit_checkpoint() returned.';
    END IF;
    INSERT INTO @extschema@.vetassist_auth_audit (event_type, event_data)
    VALUES ('audit_watched', jsonb_build_object('by', session_user, 'checkpoint', checkpoint));
END
$$;
