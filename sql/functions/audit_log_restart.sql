-- Beginning a new audit log.
--
-- requires: functions/audit_log_tree.sql tables/audit_pending.sql tables/audit_unsealable.sql

-- Begins a new log that holds the root of the old one, for a restored database or a copy. It deletes the entries of the old
-- log; only an export keeps them. It is not a security definer: only a superuser may call it.
CREATE OR REPLACE FUNCTION @extschema@.vetassist_new_audit_log(reason text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    former @extschema@.vetassist_audit_head%ROWTYPE;
    new_origin CONSTANT text := 'vetassist/' || gen_random_uuid();
    data bytea;
BEGIN
    IF reason IS NULL OR btrim(reason) = '' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'reason must not be blank',
            HINT = 'Say why a new log begins, such as: restored from the backup of 3 May.';
    END IF;
    SELECT h.* INTO former FROM @extschema@.vetassist_audit_head AS h FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'the audit trail has never been sealed',
            HINT = 'CALL vetassist_seal_audit() begins the first log.';
    END IF;
    -- The next seals add every row again, as it is now. Pending changes belong to the old log.
    TRUNCATE @extschema@.vetassist_audit_leaves, @extschema@.vetassist_audit_nodes,
        @extschema@.vetassist_audit_pending, @extschema@.vetassist_audit_unsealable;
    data := E'\\x766574617373697374207265737461727420763100'::bytea
        || @extschema@.vetassist_audit_field(convert_to(reason, 'UTF8')::bytea)
        || @extschema@.vetassist_audit_field(convert_to(former.origin, 'UTF8')::bytea)
        || @extschema@.vetassist_audit_field(convert_to(former.size::text, 'UTF8')::bytea)
        || E'\\x0100000020'::bytea || former.root;
    INSERT INTO @extschema@.vetassist_audit_leaves (entry, kind, leaf_hash, data)
    VALUES (0, 's', sha256(E'\\x00'::bytea || data), data);
    UPDATE @extschema@.vetassist_audit_head AS h
    SET origin = new_origin, size = 1, root = sha256(E'\\x00'::bytea || data),
        recent_id = 0, swept_id = 0, swept_at = NULL, seals_after = NULL, sealed_at = NULL,
        system_identifier = s.system_identifier,
        database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
    FROM pg_control_system() AS s;
    RETURN new_origin;
END
$$;
