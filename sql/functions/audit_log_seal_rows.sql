-- Sealing rows of the audit trail.
--
-- requires: functions/audit_log_tree.sql tables/audit_unsealable.sql

-- Appends entries for the next rows without one, in the order of their ids, from the given id on. Returns the last id that
-- it looked at (NULL after the last row) and the number of entries. A row that another session has locked, such as for an
-- erasure, is left for the next seal. A row whose event_data is too long is skipped. A row that cannot be read is skipped
-- once it is alone in its batch.
--
-- Without statistics, the planner would otherwise scan the whole log for each batch. A plan with a disabled method has such
-- a high estimated cost that PostgreSQL would use JIT compilation for each batch, so jit is off.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_seal_rows(after bigint, max_rows integer)
RETURNS TABLE (last_id bigint, appended integer)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_hashjoin = off SET enable_seqscan = off SET jit = off
AS $$
DECLARE
    longest CONSTANT integer := 16 * 1024 * 1024;
    size CONSTANT bigint := @extschema@.vetassist_audit_size();
BEGIN
    WITH rows AS MATERIALIZED (
        SELECT a.id, a.user_id, a.event_type, a.event_data, a.ip_hash, a.created_at
        FROM @extschema@.vetassist_auth_audit AS a
        WHERE a.id >= after
          AND NOT EXISTS (SELECT FROM @extschema@.vetassist_audit_leaves AS l WHERE l.audit_id = a.id AND l.kind = 'r')
          AND NOT EXISTS (SELECT FROM @extschema@.vetassist_audit_unsealable AS u WHERE u.audit_id = a.id)
        ORDER BY a.id LIMIT max_rows
        FOR SHARE OF a SKIP LOCKED
    ), hashed AS MATERIALIZED (
        SELECT s.id, s.salts,
               CASE WHEN coalesce(octet_length(s.event_data), 0) <= longest THEN
                   sha256(E'\\x00'::bytea || @extschema@.vetassist_audit_row(
                       s.id::bigint, s.user_id::uuid, s.event_type::text, s.created_at::text,
                       @extschema@.vetassist_audit_commit(substr(s.salts, 1, 16)::bytea, s.event_data::text),
                       @extschema@.vetassist_audit_commit(substr(s.salts, 17, 16)::bytea, s.ip_hash::text)))
               END AS leaf_hash
        -- OFFSET 0 keeps the planner from computing these values again at each use.
        -- convert_from() refuses bytes that are not UTF-8, which a damaged page can hold.
        FROM (SELECT r.id, r.user_id, @extschema@.vetassist_audit_salts() AS salts,
                     @extschema@.vetassist_audit_time(r.created_at::timestamptz) AS created_at,
                     convert_from(convert_to(r.event_type, 'UTF8'), 'UTF8') AS event_type,
                     convert_from(convert_to(r.event_data::text, 'UTF8'), 'UTF8') AS event_data,
                     convert_from(convert_to(r.ip_hash, 'UTF8'), 'UTF8') AS ip_hash
              FROM rows AS r OFFSET 0) AS s
    ), entered AS (
        INSERT INTO @extschema@.vetassist_audit_leaves (entry, audit_id, kind, leaf_hash, salts)
        SELECT size + row_number() OVER (ORDER BY h.id) - 1, h.id, 'r', h.leaf_hash, h.salts
        FROM hashed AS h WHERE h.leaf_hash IS NOT NULL
    ), passed_over AS (
        INSERT INTO @extschema@.vetassist_audit_unsealable (audit_id, sqlstate)
        SELECT h.id, '54000' FROM hashed AS h WHERE h.leaf_hash IS NULL
    )
    SELECT max(h.id), count(h.leaf_hash) INTO last_id, appended FROM hashed AS h;
    RETURN NEXT;
EXCEPTION WHEN data_exception OR program_limit_exceeded OR out_of_memory OR internal_error OR data_corrupted THEN
    IF max_rows > 1 THEN
        -- One of the rows cannot be read. Smaller batches find out which one.
        SELECT r.last_id, r.appended INTO last_id, appended
        FROM @extschema@.vetassist_seal_rows(after::bigint, greatest(max_rows / 16, 1)::integer) AS r;
    ELSE
        SELECT a.id INTO last_id FROM @extschema@.vetassist_auth_audit AS a
        WHERE a.id >= after
          AND NOT EXISTS (SELECT FROM @extschema@.vetassist_audit_leaves AS l WHERE l.audit_id = a.id AND l.kind = 'r')
          AND NOT EXISTS (SELECT FROM @extschema@.vetassist_audit_unsealable AS u WHERE u.audit_id = a.id)
        ORDER BY a.id LIMIT 1 FOR SHARE SKIP LOCKED;
        INSERT INTO @extschema@.vetassist_audit_unsealable (audit_id, sqlstate) SELECT last_id, SQLSTATE WHERE last_id IS NOT NULL;
        appended := 0;
    END IF;
    RETURN NEXT;
END
$$;
