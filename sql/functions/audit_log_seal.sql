-- Sealing: every committed row without an entry gets one.
--
-- requires: functions/audit_log_seal_rows.sql functions/audit_log_seal_pending.sql functions/audit_log_transactions.sql

-- Refuses to seal if another database sealed the log before, because that database may continue the same log.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_check_audit_place() RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    here record;
BEGIN
    SELECT s.system_identifier, d.oid AS database, pg_encoding_to_char(d.encoding) AS encoding INTO here
    FROM pg_control_system() AS s, pg_database AS d WHERE d.datname = current_database();
    IF here.encoding <> 'UTF8' THEN
        RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
            MESSAGE = format('the audit trail of a database in %s cannot be sealed', here.encoding),
            HINT = 'Entries are UTF-8. Move the data into a database whose encoding is UTF8.';
    ELSIF EXISTS (SELECT FROM @extschema@.vetassist_audit_head AS h
                  WHERE (h.system_identifier, h.database) <> (here.system_identifier, here.database)) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = 'the audit log was sealed in another database before',
            HINT = 'Two logs must not have the same origin. SELECT vetassist_new_audit_log(reason) begins a new log that holds the root of this one.';
    END IF;
END
$$;

-- Updates the nodes and the head of the tree for entries that were added. The caller has locked the row of the head.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_grow_audit_tree(added bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    before CONSTANT bigint := @extschema@.vetassist_audit_size();
    grown CONSTANT bigint := before + added;
    first bigint := before >> 8;
    past bigint := grown >> 8;
    hashes bytea;
BEGIN
    -- This computes all new complete blocks of 256 together, one level after the other.
    IF first < past THEN
        SELECT string_agg(l.leaf_hash, '' ORDER BY l.entry) INTO hashes FROM @extschema@.vetassist_audit_leaves AS l
        WHERE l.entry >= first << 8 AND l.entry < past << 8;
        IF octet_length(hashes) IS DISTINCT FROM (past - first) * 8192 THEN
            RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'the audit log lacks entries',
                HINT = 'SELECT * FROM vetassist_verify_audit() shows them.';
        END IF;
        FOR _ IN 1 .. 8 LOOP
            hashes := @extschema@.vetassist_audit_level_above(hashes::bytea);
        END LOOP;
    END IF;
    FOR level IN 8 .. 62 LOOP
        EXIT WHEN first >= past;
        INSERT INTO @extschema@.vetassist_audit_nodes (level, place, hash)
        SELECT level, place, substr(hashes, (place - first)::integer * 32 + 1, 32)
        FROM generate_series(first, past - 1) AS place;
        -- A node needs both nodes below it. The left one may come from an earlier batch.
        IF first & 1 = 1 THEN
            first := first - 1;
            hashes := @extschema@.vetassist_audit_node(level::integer, first::bigint) || hashes;
        END IF;
        IF past & 1 = 1 THEN
            past := past - 1;
            hashes := substr(hashes, 1, (past - first)::integer * 32);
        END IF;
        hashes := @extschema@.vetassist_audit_level_above(hashes::bytea);
        first := first >> 1;
        past := past >> 1;
    END LOOP;
    UPDATE @extschema@.vetassist_audit_head AS h
    SET size = grown, root = @extschema@.vetassist_audit_root(0::bigint, grown::bigint);
END
$$;

-- Runs one step of vetassist_seal_audit() in one transaction: pending changes and a batch of rows. Returns true after the
-- last step.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_seal_step(begins boolean, batch_size integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    at_most CONSTANT integer := least(batch_size, 100000);
    head @extschema@.vetassist_audit_head%ROWTYPE;
    pending integer;
    sealed record;
    is_finished boolean;
BEGIN
    IF batch_size IS NULL OR batch_size < 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'batch_size must be at least 1',
            HINT = 'Leave it out for its default, 16384.';
    END IF;
    PERFORM @extschema@.vetassist_check_audit_place();
    -- The row is looked for first, because an INSERT would wait for another seal.
    IF NOT EXISTS (SELECT FROM @extschema@.vetassist_audit_head) THEN
        INSERT INTO @extschema@.vetassist_audit_head
            (origin, size, root, system_identifier, database, recent_id, swept_id)
        SELECT 'vetassist/' || gen_random_uuid(), 0, sha256(''), s.system_identifier, d.oid, 0, 0
        FROM pg_control_system() AS s, pg_database AS d WHERE d.datname = current_database()
        ON CONFLICT DO NOTHING;
    END IF;
    -- This locks the head without waiting: another seal that holds the lock seals the same rows. Only a seal locks the head.
    SELECT h.* INTO head FROM @extschema@.vetassist_audit_head AS h FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RAISE NOTICE USING MESSAGE = 'another session seals the audit trail at the moment';
        RETURN true;
    END IF;
    IF begins OR head.seals_after IS NULL THEN
        head.is_sweeping := coalesce(head.swept_at < now() - interval '1 day', true);
        head.seals_after := CASE WHEN head.is_sweeping THEN -9223372036854775808 ELSE head.recent_id END;
    END IF;

    -- Pending changes come first: the rows sealed below already contain them.
    pending := @extschema@.vetassist_seal_pending(at_most::integer);
    IF pending > 0 THEN
        PERFORM @extschema@.vetassist_grow_audit_tree(pending::bigint);
    END IF;
    SELECT r.last_id, r.appended INTO sealed
    FROM @extschema@.vetassist_seal_rows(head.seals_after::bigint, at_most::integer) AS r;
    IF sealed.appended > 0 THEN
        PERFORM @extschema@.vetassist_grow_audit_tree(sealed.appended::bigint);
    END IF;

    is_finished := sealed.last_id IS NULL AND NOT EXISTS (SELECT FROM @extschema@.vetassist_audit_pending);
    IF is_finished AND head.is_sweeping THEN
        -- Only the daily sweep looks for rows whose id was given more than a day ago: they are few, from transactions that
        -- stayed open so long. Each seal looks for all other rows. An id that the sequence did not give has no known time,
        -- so it does not count here.
        head.recent_id := head.swept_id;
        head.swept_at := now();
        SELECT greatest(head.swept_id, max(l.audit_id)) INTO head.swept_id
        FROM @extschema@.vetassist_audit_leaves AS l
        WHERE l.kind = 'r'
          AND l.audit_id <= pg_sequence_last_value(pg_get_serial_sequence('@extschema@' || '.vetassist_auth_audit', 'id'));
    END IF;
    UPDATE @extschema@.vetassist_audit_head AS h
    SET recent_id = head.recent_id, swept_id = head.swept_id, swept_at = head.swept_at, is_sweeping = head.is_sweeping,
        seals_after = CASE WHEN NOT is_finished THEN coalesce(sealed.last_id, head.seals_after) END,
        sealed_at = CASE WHEN is_finished THEN now() ELSE h.sealed_at END;
    RETURN is_finished;
END
$$;

-- The procedure commits after each batch. Neither a security definer nor a procedure with a SET clause may commit, so it
-- writes every name with its schema and uses no operator. Each batch sees everything that was committed before it, no
-- matter which isolation level is the session's default.
CREATE OR REPLACE PROCEDURE @extschema@.vetassist_seal_audit(batch_size integer DEFAULT 16384)
LANGUAGE plpgsql
AS $$
DECLARE
    said pg_catalog.text;
    begins pg_catalog.bool := true;
    is_finished pg_catalog.bool := false;
BEGIN
    BEGIN
        COMMIT;
    EXCEPTION WHEN invalid_transaction_termination THEN
        said := SQLERRM;
    END;
    PERFORM @extschema@.vetassist_refuse_transaction_block('CALL vetassist_seal_audit()'::pg_catalog.text, said::pg_catalog.text);
    LOOP
        COMMIT;
        SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
        is_finished := @extschema@.vetassist_seal_step(begins::pg_catalog.bool, batch_size::pg_catalog.int4);
        EXIT WHEN is_finished;
        begins := false;
    END LOOP;
END
$$;
