-- Changes of the audit trail: each notes a line for the next seal, which adds the change to the audit log.
--
-- requires: functions/audit_log_encoding.sql tables/audit_pending.sql

-- Refuses (40001) to change rows that were sealed after the transaction took its snapshot: the transaction would not see
-- their entries, and would keep their salts. The caller has locked the rows, so the seal skips them from then on. In READ
-- COMMITTED, the next statement sees every entry.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_see_entries(ids bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF current_setting('transaction_isolation') = 'read committed' THEN
        RETURN;
    END IF;
    -- Only a unique index sees rows that are newer than the snapshot. So each row without a visible entry gets one for a
    -- moment, with a negative number, which no real entry has.
    INSERT INTO @extschema@.vetassist_audit_leaves (entry, audit_id, kind, leaf_hash)
    SELECT CASE WHEN id < 0 THEN id ELSE -1 - id END, id, 'r', '' FROM unnest(ids) AS id
    ON CONFLICT (audit_id) WHERE kind = 'r' DO NOTHING;
    DELETE FROM @extschema@.vetassist_audit_leaves AS l WHERE l.entry < 0 AND l.audit_id = ANY (ids) AND l.kind = 'r';
END
$$;

-- Writes a line for the next seal, even if the rows are not sealed.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_owe(
    kind text, ids bigint[], entries text, cutoff timestamptz
) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO @extschema@.vetassist_audit_pending
        (transaction, part, kind, audit_ids, entries, cutoff, session_user_name, at)
    SELECT pg_current_xact_id(), coalesce(max(p.part), 0) + 1, vetassist_owe.kind::"char", ids, vetassist_owe.entries::int8multirange,
           vetassist_owe.cutoff, session_user, now()
    FROM @extschema@.vetassist_audit_pending AS p WHERE p.transaction = pg_current_xact_id()
$$;

-- The callers of the following functions lock the rows before the call and change them after it.

-- Keeps the commitments of rows that are about to be erased, and deletes their salts.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_owe_erasure(ids bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@.vetassist_see_entries(ids::bigint[]);
    UPDATE @extschema@.vetassist_audit_leaves AS l
    SET event_commitment = coalesce(l.event_commitment,
            @extschema@.vetassist_audit_commit(substr(l.salts, 1, 16)::bytea, a.event_data::text)),
        ip_commitment = coalesce(l.ip_commitment,
            @extschema@.vetassist_audit_commit(substr(l.salts, 17, 16)::bytea, a.ip_hash::text)),
        salts = NULL
    FROM @extschema@.vetassist_auth_audit AS a
    WHERE a.id = ANY (ids) AND l.audit_id = a.id AND l.kind = 'r' AND l.salts IS NOT NULL;
    PERFORM @extschema@.vetassist_owe('e'::text, ids::bigint[], NULL::text, NULL::timestamptz);
END
$$;

-- Keeps the commitments of address hashes that are about to be replaced, and draws new salts.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_owe_rehash(ids bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@.vetassist_see_entries(ids::bigint[]);
    UPDATE @extschema@.vetassist_audit_leaves AS l
    SET ip_commitment = coalesce(l.ip_commitment,
            @extschema@.vetassist_audit_commit(substr(l.salts, 17, 16)::bytea, a.ip_hash::text)),
        salts = substr(l.salts, 1, 16) || substr(@extschema@.vetassist_audit_salts(), 1, 16)
    FROM @extschema@.vetassist_auth_audit AS a
    WHERE a.id = ANY (ids) AND l.audit_id = a.id AND l.kind = 'r' AND l.salts IS NOT NULL;
    PERFORM @extschema@.vetassist_owe('h'::text, ids::bigint[], NULL::text, NULL::timestamptz);
END
$$;

-- Locks the oldest sealed rows that are older than the cutoff, marks their entries as purged, and returns the ids. The
-- caller deletes the rows. Rows that another session purges are skipped.
--
-- Without statistics, the planner would otherwise scan the whole log for each batch.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_owe_purge(older_than timestamptz, max_rows integer) RETURNS bigint[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
AS $$
DECLARE
    ids bigint[];
    purged int8multirange;
BEGIN
    SELECT coalesce(array_agg(o.id), '{}') INTO ids FROM (
        SELECT a.id FROM @extschema@.vetassist_auth_audit AS a
        WHERE a.created_at < older_than
          AND EXISTS (SELECT FROM @extschema@.vetassist_audit_leaves AS l WHERE l.audit_id = a.id AND l.kind = 'r')
        ORDER BY a.created_at LIMIT max_rows FOR UPDATE OF a SKIP LOCKED) AS o;
    WITH marked AS (
        UPDATE @extschema@.vetassist_audit_leaves AS l
        SET kind = 'p', salts = NULL, event_commitment = NULL, ip_commitment = NULL
        WHERE l.audit_id = ANY (ids) AND l.kind = 'r' RETURNING l.entry
    )
    SELECT range_agg(int8range(m.entry, m.entry + 1)) INTO purged FROM marked AS m;
    IF ids <> '{}' THEN
        PERFORM @extschema@.vetassist_owe('u'::text, ids::bigint[], purged::text, older_than::timestamptz);
    END IF;
    RETURN ids;
END
$$;
